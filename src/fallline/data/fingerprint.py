"""What tells later whether a run's data is still the same."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fallline.data.frames import frame_of
from fallline.data.stream.sources import files_of, is_several
from fallline.data.values import texts
from fallline.errors import DataError


def fingerprint(source: Any) -> dict[str, Any]:
    """The size and SHA-256 of a file as it lies, or of the values of a table in memory.

    Returns: for a file {"name", "path", "size", "sha256"}; for a table {"name": None, "path": None, "rows",
        "columns", "sha256"}. JSON holds it.
    """
    if not isinstance(source, str | Path):
        frame = frame_of(source)
        return {
            "name": None,
            "path": None,
            "rows": frame.height,
            "columns": frame.width,
            "sha256": _of_values(frame),
        }
    path = Path(source).expanduser().absolute()
    if is_several(source):
        files = [fingerprint(each) for each in files_of(source)]
        digest = hashlib.sha256("".join(f"{f['name']}\0{f['sha256']}\n" for f in files).encode()).hexdigest()
        size = sum(f["size"] for f in files)
        return {"name": path.name, "path": str(path), "size": size, "sha256": digest, "files": len(files)}
    try:
        if path.exists() and not path.is_file():  # it may never end
            raise DataError(f"'{path}' is no file that holds a table, but a pipe or a device.\nName a file.")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"name": path.name, "path": str(path), "size": path.stat().st_size, "sha256": digest}
    except OSError as error:
        raise DataError(f"'{path}' can't be read: {error.strerror}.\nCheck the name of the file.") from None


def _of_values(frame: pl.DataFrame) -> str:
    """Over names and values only, so that it does not depend on how a library lays them out."""
    digest = hashlib.sha256()
    for column in frame:
        digest.update(f"{column.name}\0{len(column)}\0".encode())
        there = column.is_not_null()
        digest.update(np.packbits(there.to_numpy()).tobytes())
        known = column.filter(there)
        if known.dtype.is_numeric():
            digest.update(np.ascontiguousarray(known.cast(pl.Float64).to_numpy()).tobytes())
        elif known.dtype.is_nested() or known.dtype in (pl.Binary, pl.Object):
            digest.update(repr(known.to_list()).encode())
        else:
            for text in texts(known).fill_null("").to_list():
                digest.update(text.encode() + b"\0")
    return digest.hexdigest()
