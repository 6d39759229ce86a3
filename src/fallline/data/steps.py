"""The two ways a column becomes features. A step is plain data: what it does is all in its numbers.

Number     (value - mean) / scale, a missing value replaced by the median; a date counts as days
Category   one feature a level, 1 where the row has it; one for rare ones; one for missing ones
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fallline.data.moments import standard
from fallline.data.values import LARGEST, days, numbers, shown, texts
from fallline.errors import RunError

OTHER = "other"
NOWHERE = -1


@dataclass(frozen=True)
class Number:
    """A number or a date, in one feature, and a second one for missing values where training rows lack some."""

    name: str
    median: float  # takes a missing value's place
    mean: float
    scale: float
    indicator: bool  # whether a feature says that the value is missing
    kind: str = "number"  # or "date": then counted in `unit` since `origin`
    origin: float = 0.0  # days from 1970-01-01 to the earliest date to train on
    unit: str | None = None  # "days" for a date

    @property
    def feature_names(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} is missing")[: 1 + self.indicator]

    def values(self, series: pl.Series) -> np.ndarray:
        """The cells [rows] as they are before standardising, NaN where one is missing."""
        read = days(series) - self.origin if self.kind == "date" else numbers(series)
        return read.to_numpy()

    def fill(self, series: pl.Series, out: np.ndarray, numbers: np.ndarray | None = None) -> None:
        """Write the features into `out` [rows, features of this step]; `numbers` are the rows', for errors."""
        values = self.values(series)
        absent = np.isnan(values)
        if absent.any():
            values = np.where(absent, self.median, values)
        out[:, 0] = standard(values, self.mean, self.scale, f"column '{shown(self.name)}'", numbers)
        if self.indicator:
            out[:, 1] = absent

    def describe(self) -> str:
        """What is done, in a line."""
        read = ""
        if self.kind == "date":
            since = np.datetime64(0, "s") + np.timedelta64(round(self.origin * 86_400), "s")
            read = f"{self.unit} since {str(since).replace('T', ' ').removesuffix(' 00:00:00')}, "
        done = f"standardised (mean {self.mean:.6g}, scale {self.scale:.6g})"
        if (self.mean, self.scale) == (0.0, 1.0):
            done = "taken as it is"
        if self.indicator:
            gaps = f"missing values become the median {self.median:.6g}, and a second feature marks them"
        else:
            gaps = f"none missing in training; later ones become the median {self.median:.6g}"
        return f"{self.name}: {read}{done}; {gaps}"


@dataclass(frozen=True)
class Category:
    """A category, in one feature a level (0 or 1)."""

    name: str
    levels: tuple[str, ...]  # the most frequent first
    other: bool  # whether a feature stands for all levels too rare for their own
    missing: bool  # whether a feature says that the value is missing
    kind: str = "category"

    @property
    def feature_names(self) -> tuple[str, ...]:
        names = [f"{self.name}={level}" for level in self.levels]
        if self.other:
            names.append(f"{self.name}={other_name(self.levels)}")
        if self.missing:
            names.append(f"{self.name} is missing")
        return tuple(names)

    def fill(self, series: pl.Series, out: np.ndarray, numbers: np.ndarray | None = None) -> None:
        """Write 1 into `out` [rows, features of this step], zeros so far; a level that no training row has is other."""
        cells = texts(series)
        code = cells.cast(pl.Enum(self.levels), strict=False).to_physical().cast(pl.Int64)
        code = code.fill_null(len(self.levels) if self.other else NOWHERE).to_numpy()
        if self.missing:
            code = np.where(cells.is_null().to_numpy(), out.shape[1] - 1, code)
        marked = np.flatnonzero(code != NOWHERE)
        out[marked, code[marked]] = 1

    def describe(self) -> str:
        """What is done, in a line."""
        if not self.feature_names:
            return f"{self.name}: left out; each of its values is too rare to learn from"
        count = len(self.levels)
        line = f"{self.name}: " + (
            f"one feature for each of {count} values" if count > 1 else "one feature for its value"
        )
        if self.other:
            line += ", one for all others"
        if self.missing:
            line += ", one for missing ones"
        return line if self.other else f"{line}; a value not seen in training has a 0 in all of them"


Step = Number | Category


def other_name(levels: tuple[str, ...]) -> str:
    """What stands for the rest; a level that is called so itself keeps its name."""
    name = OTHER
    while name in levels:
        name = f"any {name}"
    return name


def step_to_json(step: Step) -> dict[str, Any]:
    """The step as JSON holds it."""
    data: dict[str, Any] = dict(vars(step))
    return data | {"levels": list(step.levels)} if isinstance(step, Category) else data


def step_from_json(data: dict[str, Any]) -> Step:
    """The step that `step_to_json` wrote. Raises RunError for anything else."""
    try:
        step: Step | None = None
        if data["kind"] == "category":
            changed: dict[str, Any] = data | {"levels": tuple(data["levels"])}
            step = Category(**changed)
        if data["kind"] in ("number", "date"):
            step = Number(**data)
        if step is not None:
            return _checked(step)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"The preparation is damaged: {error}.\nTrain again to write it anew.") from None
    raise RunError(
        f"The preparation has a step of kind '{shown(data['kind'])}'.\nA newer Fallline may have written it."
    )


def _checked(step: Step) -> Step:
    """The step itself. Raises ValueError for one whose entries are not of their kinds, or can't be computed with."""
    if not isinstance(step.name, str):
        raise ValueError("a step has no name")
    if isinstance(step, Category):
        flags: tuple[Any, ...] = (step.other, step.missing)
        if not all(isinstance(level, str) for level in step.levels) or len(set(step.levels)) != len(step.levels):
            raise ValueError(f"the levels of '{shown(step.name)}' are not texts that differ")
    else:
        flags = (step.indicator,)
        numbers = (step.median, step.mean, step.scale, step.origin)
        if any(isinstance(n, bool) or not isinstance(n, int | float) or not abs(n) <= LARGEST for n in numbers):
            raise ValueError(f"a number of '{shown(step.name)}' is none, or too large")
        if step.scale <= 0:
            raise ValueError(f"the scale of '{shown(step.name)}' is not above 0")
    if not all(isinstance(flag, bool) for flag in flags):
        raise ValueError(f"'{shown(step.name)}' has an entry that is neither true nor false")
    return step
