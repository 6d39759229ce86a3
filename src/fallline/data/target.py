"""What is to be predicted: a number, standardised for training, or classes, as codes; and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from fallline.data.moments import moments, standard
from fallline.data.values import (
    LARGEST,
    as_numbers,
    check_finite,
    check_length,
    check_size,
    is_text,
    present,
    shown,
    texts,
)
from fallline.errors import DataError, RunError, SettingsError

__all__ = ["Target", "decode", "encode", "fit_target", "present"]

TASKS = ("regression", "classes")
MOST_CLASSES = 1_000
Class = str | int | float | bool


@dataclass(frozen=True)
class Target:
    """The column to predict, and what brings it to the scale it is trained in and back."""

    name: str
    task: str  # "regression" or "classes"
    mean: float = 0.0  # of the training rows, in the target's own units
    scale: float = 1.0
    classes: tuple[Class, ...] | None = None  # ascending; a class's code is its place here

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        classes = None if self.classes is None else list(self.classes)
        return {
            "name": self.name,
            "task": self.task,
            "mean": self.mean,
            "scale": self.scale,
            "classes": classes,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Target:
        """What `to_json` wrote. Raises RunError for anything else."""
        try:
            classes = data["classes"]
            classes = None if classes is None else tuple(classes)
            found = cls(data["name"], data["task"], data["mean"], data["scale"], classes)
            _check(found)
            return found
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"The target in the run is damaged: {error}.\nTrain again to write it anew.") from None


def fit_target(
    series: pl.Series,
    *,
    task: str,
    standardize: bool = True,
    centre: bool = True,
    weights: Float[np.ndarray, "rows"] | None = None,
    rows: int | None = None,
) -> Target:
    """The target, learned from the rows of `series`: hand in the training rows only.

    Args:
        series: rows without a value count as absent.
        task: "regression" or "classes".
        standardize: whether a regression trains on (value - mean) / scale.
        centre: whether the mean is taken off; not so for a model without bias.
        weights: [rows] a row counts as so many rows; one of weight 0 as none.
        rows: how many there are, where `series` holds each class once.

    Raises: DataError for a target that is all missing, constant, not numeric for a regression (row named), of one
        class only, or of more classes than can be told apart.
    """
    if task not in TASKS:
        raise SettingsError(f"The task is '{task}'.\nIt is one of: {', '.join(TASKS)}.")
    name = series.name
    check_kind(series)
    counted = present(series).to_numpy()
    if not counted.any():
        raise DataError(f"Every value of the target '{shown(name)}' is missing.\nName another column as the target.")
    read = None
    if task == "regression":
        read = _numbers(series).to_numpy()
    if weights is not None:
        counted = counted & (np.asarray(weights) > 0)
        if not counted.any():
            raise DataError(
                f"Every row with a target '{shown(name)}' has weight 0.\nGive at least one a weight above 0."
            )
    if read is None:
        return Target(name, task, classes=_classes(series.filter(pl.Series(counted)), rows))
    values = read[counted]
    if values.min() == values.max():
        raise DataError(
            f"The target '{shown(name)}' is constant: it is {values[0]:g} in every row.\n"
            "There is nothing to learn; name another column, or give rows in which it differs."
        )
    if not standardize:
        return Target(name, task)
    mean, scale = moments(values[:, None], None if weights is None else np.asarray(weights)[counted], centre=centre)
    return Target(name, task, float(mean[0]), float(scale[0]))


def check_kind(series: pl.Series) -> None:
    """Raises: DataError for a target of lists, bytes and the like."""
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        raise DataError(
            f"The target '{shown(series.name)}' holds {str(series.dtype).lower()} values, neither numbers nor "
            "classes.\nName a column of text or of numbers."
        )


def encode(target: Target, series: pl.Series, numbers: np.ndarray | None = None) -> np.ndarray:
    """The target [rows] as training sees it: float64 standardised numbers, or int64 codes of classes.

    Args:
        numbers: [rows] each row's number in its table, from 0, for errors; else as they come.

    Raises: DataError for a missing value, a number that is none or too far from those of training, or a class that
        the target does not know.
    """
    there = present(series)
    numbers = np.arange(len(series)) if numbers is None else numbers
    if not there.all():
        row = numbers[(~there).arg_true()[0]]
        raise DataError(f"Row {row + 1} has no value in the target '{shown(series.name)}'.\nLeave such rows out.")
    if target.task == "regression":
        values = _numbers(series).to_numpy()
        return standard(values, target.mean, target.scale, f"the target '{shown(target.name)}'", numbers)
    classes = [_text(value) for value in target.classes or ()]
    cells = texts(series)
    code = cells.replace_strict(classes, range(len(classes)), default=None, return_dtype=pl.Int64)
    if code.null_count():
        at = code.is_null().arg_true()[0]
        near = get_close_matches(cells[at], classes, n=1)
        hint = f" Did you mean '{shown(near[0])}'?" if near else ""
        raise DataError(
            f"Row {numbers[at] + 1} has the class '{shown(cells[at])}' in '{shown(series.name)}', "
            f"which no training row has.{hint}\n"
            f"Known: {', '.join(map(shown, classes[:10]))}{', ...' if classes[10:] else ''}."
        )
    return code.to_numpy()


def decode(target: Target, values: np.ndarray) -> np.ndarray:
    """Back from training's scale: numbers in the target's own units, or the classes of codes, in any shape."""
    if target.task == "regression":
        return np.asarray(values, np.float64) * target.scale + target.mean
    return np.array(target.classes)[np.asarray(values).astype(int)]


def _check(target: Target) -> None:
    """Raises: ValueError for entries that are not of their kinds, or can't be computed with."""
    if not isinstance(target.name, str) or target.task not in TASKS:
        raise ValueError("it has no name or task")
    if any(isinstance(n, bool) or not isinstance(n, int | float) or not abs(n) <= LARGEST
           for n in (target.mean, target.scale)) or target.scale <= 0:  # fmt: skip
        raise ValueError("its mean or scale is no number above 0, or too large")
    if (target.classes is not None) != (target.task == "classes"):
        raise ValueError("its classes do not fit its task")
    classes = target.classes or ()
    if target.task == "classes" and len(classes) < 2:
        raise ValueError("it has fewer than two classes")
    if len({str(each) for each in classes}) != len(classes) or not all(isinstance(c, Class) for c in classes):
        raise ValueError("its classes are not texts or numbers that differ")


def _numbers(series: pl.Series) -> pl.Series:
    """Numbers, or an error that says what a regression needs."""
    read = as_numbers(series)
    bad = read.is_null() & present(series)
    if bad.any():
        row = bad.arg_true()[0]
        raise DataError(
            f"A regression needs numbers, but row {row + 1} of the target '{shown(series.name)}' is "
            f"'{shown(series[row])}'.\n"
            "Correct it, or train on classes."
        )
    check_finite(read)
    check_size(read)
    return read.fill_null(np.nan)


def _classes(series: pl.Series, rows: int | None) -> tuple[Class, ...]:
    rows = rows or len(series)
    if series.dtype in (pl.Date, pl.Datetime):
        raise DataError(
            f"The target '{shown(series.name)}' holds {str(series.dtype).lower()} values, which are no classes.\n"
            "Name a column of text or of numbers."
        )
    if is_text(series):
        check_length(series)
    found = series.unique() if not is_text(series) else texts(series).unique()
    if len(found) == 1:
        raise DataError(
            f"The target '{shown(series.name)}' has one class only: '{shown(found[0])}' in every row.\n"
            "There is nothing to learn; name another column, or give rows of another class."
        )
    if len(found) > MOST_CLASSES or (len(found) > 20 and len(found) > rows / 2):
        count = f"{len(found):,} classes in {rows:,} rows"
        raise DataError(
            f"The target '{shown(series.name)}' has {count}, like '{shown(found.sort()[0])}'.\n"
            "That is too many to learn: name another column, or train on a number."
        )
    values = found.sort().to_list()
    if found.dtype.is_numeric() and all(float(value).is_integer() for value in values):
        return tuple(int(value) for value in values)
    return tuple(float(value) for value in values) if found.dtype.is_numeric() else tuple(values)


def _text(value: Class) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
