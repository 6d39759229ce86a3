"""A table larger than memory: found, split by a hash, summed up in one pass, and spooled to disk as prepared rows."""
