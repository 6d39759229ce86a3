"""What a picture is, and what all pictures over the steps share: the part of the record up to the cursor, and axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fallline.figures.downsample import keep_extremes
from fallline.lab.look import Drawn, Look

FEW = 120  # stretches of a curve: two rows of each are kept at most
FIRST = 10  # steps that an axis has room for at least
SPARE = 0.12  # of an axis, beyond what is drawn: the words of the highest line fit in

Axes = tuple[tuple[float, float], tuple[float, float]]  # the ends of both


@dataclass(frozen=True)
class Picture:
    """One picture of the page."""

    name: str
    title: str
    look: Callable[[Look], Drawn]  # what it shows now
    draw: Callable[[Mapping[str, Any]], Any]  # its chart, from the options that `look` names
    fits: Callable[[Look], bool]  # whether it can be drawn of such a training at all


def recorded(look: Look, column: str, name: str) -> pl.DataFrame:
    """step (updates made before it was seen) and a column of the record, its peaks kept: all that was walked.

    It is the same rows wherever the cursor stands, so that a picture need not take them anew when one goes back.
    """

    def thin() -> pl.DataFrame:
        rows = keep_extremes(look.training.trace.head(until(look))[["step", column]], column, FEW)
        return rows.select(pl.col("step") - 1, pl.col(column).cast(pl.Float64).alias(name))

    return look.once(f"{column} {until(look)}", thin)


def looks_at(look: Look, column: str, name: str) -> pl.DataFrame:
    """step and a column of the looks at the validation rows, its peaks kept."""
    looks = look.evaluations.select("step", pl.col(column).alias(name))
    return look.once(f"looks {column} {looks.height}", lambda: keep_extremes(looks, name, FEW))


def until(look: Look) -> int:
    """How many rows of the record are drawn: the newest state has been looked beyond by one."""
    return max(look.step + 1, look.training.trace.height - 1)


def veil(look: Look) -> pl.DataFrame:
    """From which step on the record lies beyond the cursor; no row where it is the newest."""
    return pl.DataFrame({"step": [look.step] if until(look) > look.step + 1 else []}, schema={"step": pl.Int64})


def last_step(look: Look) -> float:
    """Where the axis of steps ends: a round number that all that was walked fits in, so that it seldom moves."""
    ends = [int(b.trace["step"][-1]) for b in look.branches if b.trace.height]
    most = max(look.training.trace.height - 1, FIRST, *ends)
    size = 10.0 ** math.floor(math.log10(most))
    return next(size * part for part in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if size * part >= most)


def span(values: Iterable[float | None], *, log: bool = False, zero: bool = True) -> tuple[float, float]:
    """The ends of an axis that all finite values fit on; from 0 when asked and none is below."""
    found = np.array([v for v in values if v is not None and np.isfinite(v) and (v > 0 or not log)], float)
    if not len(found):
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = float(found.min()), float(found.max())
    if log:
        return low / 1.5, high * 1.5
    room = SPARE * (high - low) or 0.5 * abs(high) or 1.0
    return (0.0 if zero and low >= 0 else low - room), high + room


def ends(x: tuple[float, float], y: tuple[float, float]) -> dict[str, float | bool | str]:
    """The parameters of both axes."""
    return {"x_low": float(x[0]), "x_high": float(x[1]), "y_low": float(y[0]), "y_high": float(y[1])}


def validated(look: Look) -> bool:
    """Whether there are validation rows."""
    return look.training.table is not None and len(look.training.table.split.validation) > 0
