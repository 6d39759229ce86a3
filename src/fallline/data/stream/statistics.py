"""One pass over all rows gives the preparation and the target, as `fit_preparation` and `fit_target` do in memory.

Means and scales are the same numbers as in memory up to rounding, and the same bits where the table is one chunk.
Categories are counted exactly. Medians come from the sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from fallline.data.infer import Column
from fallline.data.moments import median
from fallline.data.prepare import Preparation, category_of
from fallline.data.steps import Category, Number, Step
from fallline.data.stream.chunks import Source
from fallline.data.stream.merged import Moments
from fallline.data.stream.pieces import Piece, Plan, counted_from
from fallline.data.target import MOST_CLASSES, Target, fit_target
from fallline.data.values import check_length, days, is_text, numbers, shown, texts
from fallline.errors import DataError

MOST_KEPT = 100_000  # levels of a category that are counted at once; then the rarer half is forgotten


@dataclass(frozen=True)
class Statistics:
    """What one pass over a table learned."""

    columns: tuple[Column, ...]  # missing values counted in all rows, distinct ones in the sample
    preparation: Preparation
    target: Target
    dropped: int  # rows without a target
    parts: tuple[int, int, int]  # rows with one that train, validate and test
    tally: np.ndarray  # [classes] training rows of each class
    heaviest: np.ndarray  # [classes] and their weight
    ranges: dict[str, list[float]]  # of each number in the training rows; of a date, in days since the first


def statistics(
    source: Source,
    plan: Plan,
    columns: tuple[Column, ...],
    sampled: Piece,
    *,
    task: str,
    standardize: tuple[bool, bool],
    centre: bool,
    rare: float = 0.005,
) -> Statistics:
    """Learn from all training rows.

    Args:
        columns: what each column is taken for.
        sampled: rows that medians are taken of.
        task: "regression" or "classes".
        standardize: of the columns, of the target.
        centre: whether means are taken off.
        rare: share of the training rows that a level with a feature of its own has at least.

    Raises: DataError for a cell that is not of its column's kind, for no row to train on, and as `fit_target`.
    """
    counted = {c.name: _Numbers(c, sampled) for c in columns if c.kind in ("number", "date")}
    levels = {c.name: _Levels() for c in columns if c.kind == "category"}
    goal = _Goal(plan.target, task)
    missing = dict.fromkeys((c.name for c in columns), 0)
    parts, total = np.zeros(3, int), 0.0
    for piece in plan.pieces(source):
        rows, weight = piece.training, piece.weight
        weights = None if (weight[rows] == 1).all() else weight[rows]
        parts += np.bincount(piece.part[piece.there], minlength=3)
        total += float(weight[rows].sum())
        with counted_from(piece.first):
            for name in missing:
                missing[name] += piece.frame[name].null_count()
            for numeric in counted.values():
                numeric.add(piece.frame, rows, weights)
            for name, level in levels.items():
                level.add(piece.frame[name].filter(pl.Series(rows)), weight[rows])
            goal.add(piece, rows, weights)
    if not parts.any():
        raise DataError(
            f"Every value of the target '{shown(plan.target)}' is missing.\nName another column with --target."
        )
    if parts[0] < 2 or not total:
        raise DataError("Fewer than two rows are left to train on.\nAdd rows, or hold fewer out.")
    if task == "regression" and goal.spread.low == goal.spread.high:
        raise DataError(
            f"The target '{shown(plan.target)}' is constant in the training rows.\n"
            "There is nothing to learn; name another column, or give rows in which it differs."
        )
    steps: list[Step] = []
    for c in columns:
        if c.name in counted:
            steps.append(counted[c.name].step(standardize[0], centre))
        elif c.name in levels:
            steps.append(levels[c.name].step(c.name, rare * total))
    target = goal.told(standardize[1], centre)
    tally = [goal.tally.get(_code(name), (0, 0.0)) for name in target.classes or ()]
    return Statistics(
        columns=tuple(replace(c, missing=missing[c.name]) for c in columns),
        preparation=Preparation(tuple(steps)),
        target=target,
        dropped=source.rows - int(parts.sum()),
        parts=(int(parts[0]), int(parts[1]), int(parts[2])),
        tally=np.array([count for count, _ in tally]),
        heaviest=np.array([weight for _, weight in tally]),
        ranges={name: each.range() for name, each in counted.items()},
    )


class _Numbers:
    """Mean, scale, range and gaps of a column that is numbers or dates."""

    def __init__(self, column: Column, sampled: Piece) -> None:
        self.column, self.spread, self.gaps = column, Moments(), False
        values = self._values(sampled.frame)[sampled.training]
        there = ~np.isnan(values)
        self.middle = median(values[there], sampled.weight[sampled.training][there]) if there.any() else 0.0

    def add(self, frame: pl.DataFrame, rows: np.ndarray, weights: np.ndarray | None) -> None:
        values = self._values(frame)[rows]
        absent = np.isnan(values)
        if absent.any():
            self.gaps = True
            values = np.where(absent, self.middle, values)
        self.spread.add(values, weights)

    def step(self, standardize: bool, centre: bool) -> Number:
        dated = self.column.kind == "date"
        origin = self.spread.low if dated else 0.0
        mean, scale = self.spread.told(centre, origin) if standardize else (0.0, 1.0)
        unit = "days" if dated else None
        middle = self.middle - origin
        return Number(self.column.name, middle, mean, scale, self.gaps, self.column.kind, origin, unit)

    def range(self) -> list[float]:
        origin = self.spread.low if self.column.kind == "date" else 0.0
        return [self.spread.low - origin, self.spread.high - origin]

    def _values(self, frame: pl.DataFrame) -> np.ndarray:
        series = frame[self.column.name]
        return (days(series) if self.column.kind == "date" else numbers(series)).to_numpy()


class _Levels:
    """How much weight each level of a category has."""

    def __init__(self) -> None:
        self.counts = pl.DataFrame(schema={"level": pl.String, "weight": pl.Float64})

    def add(self, series: pl.Series, weight: np.ndarray) -> None:
        new = pl.DataFrame({"level": texts(series), "weight": weight})
        self.counts = pl.concat([self.counts, new]).group_by("level").agg(pl.col("weight").sum())
        if len(self.counts) > MOST_KEPT:
            self.counts = self.counts.top_k(MOST_KEPT // 2, by="weight")

    def step(self, name: str, least: float) -> Category:
        counts = self.counts.sort("weight", "level", descending=[True, False])
        return category_of(name, counts, least, bool(counts["level"].null_count()))


class _Goal:
    """The target: its mean and scale, or its classes and how many rows have each."""

    def __init__(self, name: str, task: str) -> None:
        self.name, self.task, self.spread = name, task, Moments()
        self.classes: pl.Series | None = None
        self.rows = 0  # with a target
        self.tally: dict[str, tuple[int, float]] = {}

    def add(self, piece: Piece, rows: np.ndarray, weights: np.ndarray | None) -> None:
        series = piece.frame[self.name]
        if self.task == "regression":
            self.spread.add(numbers(series).to_numpy()[rows], weights)
            return
        if is_text(series):
            check_length(series)
        held = series.filter(pl.Series(piece.there)).unique()
        self.classes = held if self.classes is None else pl.concat([self.classes, held]).unique()
        self.rows += int(piece.there.sum())
        if len(self.classes) > MOST_CLASSES:
            self.told(False, False)  # raises
        new = pl.DataFrame({"level": texts(series).filter(pl.Series(rows)), "weight": piece.weight[rows]})
        for level, count, mass in new.group_by("level").agg(pl.len(), pl.col("weight").sum()).iter_rows():
            before = self.tally.get(level, (0, 0.0))
            self.tally[level] = (before[0] + count, before[1] + mass)

    def told(self, standardize: bool, centre: bool) -> Target:
        if self.classes is not None:
            return fit_target(self.classes.rename(self.name), task="classes", rows=self.rows)
        if not standardize:
            return Target(self.name, "regression")
        mean, scale = self.spread.told(centre)
        return Target(self.name, "regression", mean, scale)


def _code(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
