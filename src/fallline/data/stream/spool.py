"""The prepared rows of a table on disk: plain binary numbers, a file a part, in blocks that are read from anywhere.

A row is [features, target, weight], the target a standardised number or the code of a class. A training that reads
prepared rows need neither unpack nor prepare them again in every epoch.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fallline.data.bound import size
from fallline.data.prepare import Preparation, apply
from fallline.data.stream.chunks import CELLS, Source
from fallline.data.stream.membership import PARTS
from fallline.data.stream.pieces import Plan, counted_from
from fallline.data.target import Target, encode
from fallline.errors import StorageError
from fallline.owner import lives, owner_in, this_process

BLOCK = 2**20  # bytes of a block, about
NAME = "fallline-rows-"  # what the folder of a spool is called, at first
SPARE = 2**28  # bytes of disk that are left free


@dataclass(frozen=True)
class Spool:
    """The rows of each part; `folder` goes with the last that holds the spool."""

    folder: Path
    counts: tuple[int, int, int]  # rows that train, validate and test
    features: int
    dtype: np.dtype
    weight: tuple[float, float, float]  # of the rows of each part, added up
    weighted: bool = True  # whether some row counts other than 1

    @property
    def width(self) -> int:
        return self.features + 2

    @property
    def row_bytes(self) -> int:
        return self.width * self.dtype.itemsize

    def read(self, part: str, first: int, end: int, out: np.ndarray | None = None) -> np.ndarray:
        """Rows `first` to `end` of a part [rows, features + target + weight], into `out` where it is given."""
        out = np.empty((end - first, self.width), self.dtype) if out is None else out
        with (self.folder / part).open("rb", buffering=0) as file:
            file.seek(first * self.row_bytes)
            view, done = out.data.cast("B"), 0
            while done < len(view):
                got = file.readinto(view[done:])
                if not got:
                    raise StorageError(f"The prepared rows in '{self.folder}' are cut short.\nTrain again.")
                done += got
        return out

    def blocks(self, part: str, rows: int | None = None) -> Iterator[np.ndarray]:
        """All rows of a part in order, some at a time."""
        count = self.counts[PARTS.index(part)]
        rows = rows or max(1, 8 * BLOCK // self.row_bytes)
        for first in range(0, count, rows):
            yield self.read(part, first, min(first + rows, count))


def scratch() -> Path:
    """A new folder for what may go when training has ended. Raises StorageError.

    Such folders of processes that were killed are removed.
    """
    try:
        for old in Path(tempfile.gettempdir()).glob(f"{NAME}*/owner"):
            with suppress(OSError), old.open("rb") as file:
                owner = owner_in(file.read(BLOCK))
                if owner is not None and not lives(owner):
                    shutil.rmtree(old.parent, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=NAME))
        (folder / "owner").write_text(json.dumps(this_process()))
        return folder
    except OSError as error:
        raise StorageError(f"No folder for prepared rows can be made: {error.strerror}.\nSet TMPDIR.") from None


def write_spool(
    source: Source,
    plan: Plan,
    preparation: Preparation,
    target: Target,
    *,
    dtype: np.dtype,
    class_weight: np.ndarray | None = None,
    rows: int,
    folder: Path,
) -> Spool:
    """Prepare all rows with a target, and write them into `folder`, which goes when the spool does.

    Args:
        class_weight: [classes] what each class counts.
        rows: how many there are.

    Raises: DataError for a cell that can't be prepared; StorageError when the disk has too little room.
    """
    features = len(preparation.feature_names)
    needed = rows * (features + 2) * dtype.itemsize
    free = shutil.disk_usage(folder).free
    if needed + SPARE > free:
        raise StorageError(
            f"The prepared rows need {size(needed)} of disk, and {size(SPARE)} are to stay free, but "
            f"'{folder.parent}' has {size(free)} free.\n"
            "Set TMPDIR to a folder with more room, or give fewer rows."
        )
    counts, weight, weighted = np.zeros(3, int), np.zeros(3), False
    files = [(folder / f"{part}.partial").open("wb") for part in PARTS]
    try:
        for piece in plan.pieces(source):
            with counted_from(piece.first):
                known = piece.frame.filter(pl.Series(piece.there))
                numbers = np.flatnonzero(piece.there)
                out = np.empty((len(known), features + 2), dtype)
                at_once = max(1, CELLS // max(features, 1))  # a category becomes many features
                for first in range(0, len(known), at_once):
                    some = slice(first, first + at_once)
                    out[some, :-2] = apply(preparation, known[some], numbers[some])
                codes = encode(target, known[plan.target], numbers)
                counted = piece.weight[piece.there]
                out[:, -2] = codes
                out[:, -1] = counted if class_weight is None else counted * class_weight[codes.astype(int)]
            weighted = weighted or bool((out[:, -1] != 1).any())
            part = piece.part[piece.there]
            for place, file in enumerate(files):
                chosen = np.ascontiguousarray(out[part == place])
                file.write(chosen.data.cast("B") if len(chosen) else b"")
                counts[place] += len(chosen)
                weight[place] += float(chosen[:, -1].sum(dtype=np.float64))
    except OSError as error:
        raise StorageError(
            f"The prepared rows can't be written to '{folder.parent}': {error.strerror}.\n"
            "Set TMPDIR to a folder with more room."
        ) from None
    finally:
        for file in files:
            file.close()
    for part in PARTS:
        os.replace(folder / f"{part}.partial", folder / part)
    spool = Spool(folder, _three(counts), features, np.dtype(dtype), _three(weight), weighted)
    weakref.finalize(spool, shutil.rmtree, folder, ignore_errors=True)
    return spool


def _three(values: np.ndarray) -> tuple[Any, Any, Any]:
    train, validation, test = values.tolist()
    return train, validation, test
