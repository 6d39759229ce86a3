"""The chunks of a table as they are meant: cells tidied alike in every chunk, and each row's part and weight.

What a text column means is found in an even sample of all rows, as `read_table` finds it in all of them; every chunk
is then read so, and a cell that can't be is an error with its row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import numpy as np
import polars as pl

from fallline.data.split import said_part
from fallline.data.stream.chunks import Source
from fallline.data.stream.membership import PARTS, membership
from fallline.data.values import check_finite, is_text, present, shown, stripped, tidy
from fallline.errors import DataError

TRAIN = PARTS.index("train")
Weigh = Callable[[pl.DataFrame, np.ndarray], np.ndarray]  # rows, whether each has a target -> what each counts


@dataclass(frozen=True)
class Piece:
    """A chunk of rows, those without a target among them."""

    first: int  # number of the first row in the table, from 0
    frame: pl.DataFrame
    there: np.ndarray  # [rows] whether the target is
    part: np.ndarray  # [rows] place in PARTS
    weight: np.ndarray  # [rows]

    @property
    def training(self) -> np.ndarray:
        """[rows] whether something is learned from the row."""
        return self.there & (self.part == TRAIN) & (self.weight > 0)


@dataclass(frozen=True)
class Plan:
    """How the rows of a table are read and shared out."""

    schema: dict[str, pl.DataType]  # as the sample was tidied
    target: str
    seed: int
    validation: float
    test: float
    split_column: str | None
    weigh: Weigh

    def pieces(self, source: Source) -> Iterator[Piece]:
        """All rows in order, a chunk at a time. Raises DataError, with the row counted through all files."""
        for first, frame in tidied(source, self.schema):
            with counted_from(first):
                piece = self.piece(first, frame)
            yield piece

    def piece(self, first: int, frame: pl.DataFrame, numbers: np.ndarray | None = None) -> Piece:
        """Tidied rows with their parts and weights; `numbers` where they don't follow each other from `first`."""
        there = present(frame[self.target]).to_numpy()
        numbers = np.arange(first, first + len(frame)) if numbers is None else numbers
        if self.split_column is None:
            part = membership(numbers, seed=self.seed, validation=self.validation, test=self.test)
        else:  # rows without a target need say nothing
            said = said_part(frame[self.split_column].filter(pl.Series(there)), np.flatnonzero(there))
            part = np.zeros(len(frame), np.int8)
            part[there] = said.replace_strict(list(PARTS), range(len(PARTS)), return_dtype=pl.Int8).to_numpy()
        return Piece(first, frame, there, part, self.weigh(frame, there))


def sample(source: Source, most: int) -> tuple[np.ndarray, pl.DataFrame]:
    """At most so many rows, evenly chosen, and their numbers; all rows where there are no more."""
    numbers = np.unique(np.linspace(0, source.rows - 1, min(most, source.rows)).round().astype(np.int64))
    taken = []
    for first, frame in source.chunks():
        here = numbers[np.searchsorted(numbers, first) : np.searchsorted(numbers, first + len(frame))]
        taken.append(frame[here - first] if len(here) < len(frame) else frame)
    with counted_as(numbers):
        return numbers, pl.DataFrame([tidy(column) for column in pl.concat(taken)])


def tidied(source: Source, kinds: Mapping[str, pl.DataType]) -> Iterator[tuple[int, pl.DataFrame]]:
    """(number of the first row, rows) of each chunk, cells read as the sample was. Raises DataError."""
    for first, frame in source.chunks():
        with counted_from(first):
            frame = pl.DataFrame([_read_as(column, kinds[column.name]) for column in frame])
        yield first, frame


def counted_from(first: int) -> AbstractContextManager[None]:
    """Errors raised inside count rows from 1 in a chunk; they are to count them in the table."""
    return _counted(lambda row: first + row)


def counted_as(numbers: np.ndarray) -> AbstractContextManager[None]:
    """The same where rows have these numbers in the table, from 0."""
    return _counted(lambda row: int(numbers[row - 1]) + 1)


@contextmanager
def _counted(number: Callable[[int], int]) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        told = re.sub(r"\b([Rr]ow) (\d+)", lambda m: f"{m[1]} {number(int(m[2]))}", str(error), count=1)
        raise DataError(told) from None


def _read_as(series: pl.Series, kind: pl.DataType) -> pl.Series:
    if not is_text(series):
        return tidy(series)
    series = stripped(series)
    if kind == pl.String:
        return series
    if kind == pl.Boolean:
        read = series.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None)
    else:
        read = series.cast(kind, strict=False)
        read = series.cast(pl.Float64, strict=False) if read.null_count() > series.null_count() else read
    if read.null_count() > series.null_count():
        row = (read.is_null() & series.is_not_null()).arg_true()[0]
        kinds = "true or false" if kind == pl.Boolean else "numbers"
        raise DataError(
            f"Row {row + 1} of column '{shown(series.name)}' is '{shown(series[row])}', but a sample of the rows "
            f"holds {kinds} only.\nCorrect it, or leave the column out of the file."
        )
    if read.dtype.is_float():
        check_finite(read)
    return read
