"""Checksums that a file of a run carries in itself, so that a flipped byte is never another model without a word.

They guard against accidents, not against people: who means to change a run can seal it anew, or leave the seal out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

SEAL = "sha256"
MOVES = "source"  # of a run's data: a table may be moved, and its path be corrected by hand


def seal_of_json(value: Mapping[str, Any]) -> dict[str, str]:
    """The checksum of each entry of plain JSON but the empty ones, by its key."""
    return {key: _of_entry(entry) for key, entry in value.items() if key != SEAL and entry is not None}


def broken_entry(value: Mapping[str, Any]) -> str | None:
    """The first entry of plain JSON that is not what its seal says; None where all are, or there is no seal."""
    seal = value.get(SEAL)
    if not isinstance(seal, dict):
        return None if seal is None else SEAL
    keys = set(seal) | {key for key, entry in value.items() if key != SEAL and entry is not None}
    return next(
        (k for k in sorted(keys) if value.get(k) is not None and seal.get(k) != _of_entry(value[k])), None
    ) or next((key for key in seal if key not in value), None)


def seal_of_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """The checksum of named arrays: names, kinds, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def seal_of_frame(frame: pl.DataFrame) -> str:
    """The checksum of a frame: names, kinds and values, not how they are packed."""
    digest = hashlib.sha256()
    for column in frame:
        digest.update(f"{column.name}\0{column.dtype}\0{len(column)}\0".encode())
        values = column.to_numpy() if _is_plain(column.dtype) else None
        if values is None:
            digest.update(json.dumps(column.to_list(), default=str).encode())
        else:
            digest.update(np.packbits(column.is_null().to_numpy()).tobytes())
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _is_plain(kind: pl.DataType) -> bool:
    inner = kind.inner if isinstance(kind, pl.Array) else kind
    return inner.is_numeric() and not inner.is_decimal()


def _of_entry(entry: Any) -> str:
    if isinstance(entry, dict):
        entry = {key: value for key, value in entry.items() if key != MOVES}
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:32]
