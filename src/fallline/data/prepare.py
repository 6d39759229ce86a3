"""From columns to features: learned from the training rows, kept as plain data, applied to any rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from fallline.data.bound import check_features
from fallline.data.infer import Column
from fallline.data.moments import median, moments
from fallline.data.steps import Category, Number, Step, step_from_json, step_to_json
from fallline.data.values import days, numbers, shown, texts
from fallline.errors import DataError, RunError

FEWEST = 2  # rows; a category seen once teaches nothing about the next row that has it
MOST_LEVELS = 100


@dataclass(frozen=True)
class Preparation:
    """What makes features of a table's columns: one step a column, in the order of the features."""

    steps: tuple[Step, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """ "median_income", "total_bedrooms is missing", "ocean_proximity=INLAND", "ocean_proximity=other"."""
        return tuple(name for step in self.steps for name in step.feature_names)

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        return {"steps": [step_to_json(step) for step in self.steps]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Preparation:
        """What `to_json` wrote; it prepares bit for bit alike. Raises RunError for anything else."""
        if not isinstance(data, dict) or not isinstance(data.get("steps"), list):
            raise RunError("The preparation has no steps.\nThe run folder is damaged: train again.")
        return cls(tuple(step_from_json(step) for step in data["steps"]))

    def describe(self) -> list[str]:
        """What is done to each column, a line each."""
        return [step.describe() for step in self.steps]


def fit_preparation(
    table: pl.DataFrame,
    columns: Iterable[Column],
    *,
    standardize: bool = True,
    centre: bool = True,
    weights: Float[np.ndarray, "rows"] | None = None,
    rare: float = 0.005,
) -> Preparation:
    """The preparation of `columns`, learned from the rows of `table`: hand in the training rows only.

    A category has its own feature when at least `rare` of the rows have it, two rows at least, and it is among the
    100 most frequent. A feature for all others exists when some training row needs it: without one it would be 0
    throughout training and nothing could be learned about it.

    Args:
        standardize: whether numbers are brought to mean 0 and scale 1 (missing values filled in before).
        centre: whether their mean is taken off; not so for a model without bias, which passes through the origin.
        weights: [rows] a row counts as so many rows; one of weight 0 as none.
        rare: a share of the rows.

    Raises: DataError for a cell that is not of its column's kind, or when no row is left.
    """
    if weights is not None:
        counted = np.asarray(weights) > 0
        table, weights = table.filter(pl.Series(counted)), np.asarray(weights, np.float64)[counted]
    if not len(table):
        raise DataError("There are no rows to learn the preparation from.\nGive more rows to train on.")
    steps: list[Step] = []
    for column in columns:
        series = table[column.name]
        if column.kind == "category":
            steps.append(_category(series, weights, rare))
        elif column.kind != "ignore":
            steps.append(_number(series, column.kind, weights, standardize, centre))
    return Preparation(tuple(steps))


def apply(
    preparation: Preparation, table: pl.DataFrame, numbers: Int[np.ndarray, "rows"] | None = None
) -> Float[np.ndarray, "rows features"]:
    """The features of each row of `table`, float64, rows contiguous. Columns that no step needs are left alone.

    Args:
        numbers: each row's number in its table, from 0, for errors; else as they come.

    Raises: DataError for columns that are absent (with near matches), a cell that is not of its column's kind or too
        far from those of training, or features that need more memory than is allowed.
    """
    _check_there([step.name for step in preparation.steps], table.columns)
    check_features(len(table), len(preparation.feature_names))
    out = np.zeros((len(table), len(preparation.feature_names)))
    start = 0
    for step in preparation.steps:
        stop = start + len(step.feature_names)
        step.fill(table[step.name], out[:, start:stop], numbers)
        start = stop
    return out


def _number(series: pl.Series, kind: str, weights: np.ndarray | None, standardize: bool, centre: bool) -> Number:
    read, unit, origin = (days(series), "days", 0.0) if kind == "date" else (numbers(series), None, 0.0)
    if kind == "date" and read.count():
        origin = float(read.drop_nulls().to_numpy().min())
        read = read - origin
    values = read.to_numpy()
    there = ~np.isnan(values)
    middle = 0.0
    if there.any():
        middle = median(values[there], None if weights is None else weights[there])
    mean, scale = 0.0, 1.0
    if standardize:
        means, scales = moments(np.where(there, values, middle)[:, None], weights, centre=centre)
        mean, scale = float(means[0]), float(scales[0])
    return Number(series.name, middle, mean, scale, not there.all(), kind, origin, unit)


def _category(series: pl.Series, weights: np.ndarray | None, rare: float) -> Category:
    cells = texts(series)
    weight = pl.Series(np.ones(len(series)) if weights is None else weights)
    counts = (
        pl.DataFrame({"level": cells, "weight": weight})
        .group_by("level")
        .agg(pl.col("weight").sum())
        .sort("weight", "level", descending=[True, False])
    )
    return category_of(series.name, counts, rare * float(weight.sum()), bool(cells.null_count()))


def category_of(name: str, counts: pl.DataFrame, least: float, missing: bool) -> Category:
    """The step of a category whose levels were counted.

    Args:
        counts: the columns level and weight, the heaviest first, those alike by their names.
        least: the weight from which a level has its own feature.
        missing: whether a training row lacks the value.
    """
    known = counts.filter(pl.col("level").is_not_null())
    enough = max(FEWEST, least)
    kept = known.filter(pl.col("weight") >= enough)["level"].head(MOST_LEVELS)
    # with no level of its own, and none missing, a feature for others would be 1 in every row
    other = len(kept) < len(known) and (len(kept) > 0 or missing)
    return Category(name, tuple(kept), other, missing)


def _check_there(needed: list[str], there: list[str]) -> None:
    known = set(there)
    absent = [name for name in needed if name not in known]
    if not absent:
        return
    told = ", ".join(f"'{shown(name)}'" for name in absent[:5]) + (f" and {len(absent) - 5} more" if absent[5:] else "")
    hints = []
    for name in absent[:5]:
        near = get_close_matches(name, there, n=1)
        hints += [f"'{shown(near[0])}' for '{shown(name)}'"] if near else []
    has = ", ".join(map(shown, there[:8])) + (", ..." if there[8:] else "")
    to_do = f"Did you mean {', '.join(hints)}? Rename." if hints else f"The table has: {has}."
    raise DataError(
        f"The table lacks {'a column' if len(absent) == 1 else 'columns'} to predict from: {told}.\n{to_do}"
    )
