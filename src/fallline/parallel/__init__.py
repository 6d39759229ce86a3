"""Many processes that add up one gradient: `mesh` joins them, `shard` gives each its rows, `launch` watches them."""
