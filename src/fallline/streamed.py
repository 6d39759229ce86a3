"""A table that does not fit into memory: an even sample of it as a table, and all of its rows prepared on disk.

What needs all rows at once (the choice of a rate, instruments, the check of a start) is given the sample. Training
batches, held-out measures and the exact answer of squared loss see every row.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fallline.data import Split, apply, encode, infer, task_of
from fallline.data.bound import CELL, FEATURES, LEAST, TEXT, bytes_of, memory, size
from fallline.data.content import ending_of, unpacked
from fallline.data.header import ENDINGS
from fallline.data.stream.chunks import Part, Source
from fallline.data.stream.convert import source_of
from fallline.data.stream.membership import PARTS
from fallline.data.stream.pieces import Plan, counted_as, sample
from fallline.data.stream.sources import files_of, is_several, kind_of
from fallline.data.stream.spool import Spool, scratch, write_spool
from fallline.data.stream.statistics import Statistics, statistics
from fallline.data.target import check_kind
from fallline.errors import DataError, SettingsError, unknown
from fallline.settings import Settings
from fallline.settings import task_of as task_asked
from fallline.spooled import Spooled
from fallline.table import Table, class_weights, nothing_to_learn_from, row_weights, to_name

FEWEST, SAMPLE = 2_000, 200_000  # rows of the sample
SAMPLED = 50  # bytes that a cell of it takes, with its features, about
OWN = 12 * 10**8  # bytes that the program itself takes, legs included
BOMB = 100  # times as large as packed: no table unpacks to that
PACKED = 5  # a compressed number's bytes in memory for each on disk, about


@dataclass(frozen=True)
class Streamed:
    """A table on disk."""

    table: Table  # the sample
    spool: Spool
    known: Statistics
    read: int  # rows
    buffer: int  # bytes of rows that are shuffled together

    def rows(self, outputs: int) -> Spooled:
        """All rows, for a model of so many outputs."""
        return Spooled(self.spool, outputs, self.buffer)


def bound_of(source: Any, asked: str) -> int | None:
    """The bytes to stream a table within; None where it fits, or is no file. Raises SettingsError, DataError.

    Args:
        asked: "auto" for half of what is free, or a size such as 1.5GB.
    """
    bound = memory() if asked == "auto" else bytes_of(asked, "memory")
    if not isinstance(source, str | Path) or not (is_several(source) or Path(source).expanduser().is_file()):
        return None
    files = files_of(source)
    kind, packed = ENDINGS.get(ending_of(files[0])), sum(path.stat().st_size for path in files)
    if kind == "parquet":
        needed = max(_cells(files) * 8 * FEATURES, packed) if packed * PACKED * FEATURES > bound // 8 else 0
    elif kind in ("text", "json lines"):
        each = TEXT + CELL // 4
        if kind_of(files[0]) == "gzip":
            sizes = [unpacked(path, bound // each + 1) for path in files]
            if any(whole > BOMB * read for whole, read in sizes):
                return None  # read in memory, or refused there
            packed = sum(whole for whole, _ in sizes)
        needed = packed * each
    else:
        needed = packed * FEATURES
        if needed > bound and asked != "auto":
            raise DataError(
                f"'{files[0].name}' would take about {size(needed)} of memory, more than the {size(bound)} allowed, "
                "and can't be read piece by piece.\nSave it as Parquet, or allow more with --memory."
            )
        return None
    return bound if needed > bound else None


def stream_table(
    source: str | Path,
    target: str,
    settings: Settings,
    bound: int,
    *,
    header: bool | None = None,
    types: Mapping[str, str] | None = None,
    validation: float = 0.15,
    test: float = 0.15,
    split_column: str | None = None,
    weight_column: str | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
) -> Streamed:
    """Read a table three times, a chunk at a time: for a sample, for its statistics, and to write its prepared rows.

    Args:
        bound: bytes of memory to do with, about.

    Raises: DataError, SettingsError, StorageError.
    """
    folder = scratch()
    try:
        (folder / "parquet").mkdir()
        table = source_of(files_of(source), folder / "parquet", header=header, bound=bound)
        for asked in (target, split_column, weight_column):
            if asked is not None and asked not in table.names:
                raise DataError(f"{unknown('column', asked, table.names)}\n{to_name(table.names)}")
        _check_width(table, files_of(source)[0].name, bound)
        numbers, frame = sample(table, sampled(bound, len(table.names)))
        plan = Plan(
            dict(zip(frame.columns, frame.dtypes, strict=True)),
            target,
            settings.seed,
            validation,
            test,
            split_column,
            partial(row_weights_of, weight_column),
        )
        check_kind(frame[target])
        with counted_as(numbers):
            columns = infer(frame, target=target, types=types)
            task = task_asked(settings, task_of(frame[target], types))
            piece = plan.piece(0, frame, numbers)
        aside = {split_column: "it says which part a row is in", weight_column: "it says what a row counts"}
        columns = tuple(replace(c, kind="ignore", why=aside[c.name]) if c.name in aside else c for c in columns)
        standardize = settings.standardize, settings.standardize and settings.loss != "poisson"
        known = statistics(table, plan, columns, piece, task=task, standardize=standardize, centre=settings.bias)
        if not known.preparation.feature_names:
            raise nothing_to_learn_from(columns)
        factors = None
        if class_weight is not None:
            factors = class_weights(class_weight, known.target, known.tally, known.parts[0])
        spool = write_spool(
            table,
            plan,
            known.preparation,
            known.target,
            dtype=np.dtype(np.float32 if settings.precision == 32 else np.float64),
            class_weight=factors,
            rows=sum(known.parts),
            folder=folder,
        )
        shutil.rmtree(folder / "parquet")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for name, total, count in zip(PARTS, spool.weight, spool.counts, strict=True):
        if count and not total:
            raise DataError(f"All {name} rows have weight 0.\nGive one of them a weight above 0.")
    there = piece.there
    frame, numbers = frame.filter(there), numbers[there]
    codes = np.asarray(encode(known.target, frame[target], numbers), np.float64)
    if settings.loss == "poisson" and codes.min() < 0:
        raise SettingsError(f"loss poisson needs counts, but '{target}' has {codes.min():g}.\nTry loss squared.")
    weight = piece.weight[there]
    if factors is not None:
        weight = weight * factors[codes.astype(int)]
    looked_at = Table(
        frame, numbers, known.columns, known.preparation, known.target, _split(piece.part[there], known, plan),
        apply(known.preparation, frame, numbers), codes, weight, known.dropped,
    )  # fmt: skip
    return Streamed(looked_at, spool, known, table.rows, max(bound // 16, (bound - OWN) // 4))


def sampled(bound: int, columns: int) -> int:
    """How many rows of a table at most are looked at all at once."""
    return int(np.clip(bound // (8 * SAMPLED * columns), FEWEST, SAMPLE))


def _check_width(table: Source, name: str, bound: int) -> None:
    """Raises: DataError where even the smallest sample has too many columns for the memory allowed."""
    needed = min(FEWEST, table.rows) * len(table.names) * SAMPLED
    if needed > max(bound, LEAST) // 2:
        raise DataError(
            f"'{name}' has {len(table.names):,} columns: to read it piece by piece takes about {size(2 * needed)} of "
            f"memory, more than the {size(bound)} allowed.\nLeave columns out, or allow more with --memory."
        )


def _cells(files: list[Path]) -> int:
    return Source([Part(path, path.name) for path in files]).cells


def row_weights_of(column: str | None, frame: Any, there: np.ndarray) -> np.ndarray:
    """What each row of a chunk counts."""
    return row_weights(frame, column, there)


def _split(part: np.ndarray, known: Statistics, plan: Plan) -> Split:
    train, validation, test = (np.flatnonzero(part == place) for place in range(len(PARTS)))
    if len(train) < 2:
        raise DataError("The sample of the table has fewer than 2 rows to train on.\nHold fewer rows out.")
    a, b, c = known.parts
    how = f"by a hash of the row's number with seed {plan.seed}"
    if plan.split_column:
        how = f"as column '{plan.split_column}' says"
    return Split(
        train, validation, test, f"{a:,} rows to train, {b:,} to validate, {c:,} to test, {how}; read piece by piece"
    )
