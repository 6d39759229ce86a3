"""What a picture is, and what all pictures over the steps share: the part of the record up to the cursor, and axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fallline.figures.downsample import keep_extremes
from fallline.figures.live.streamed import HEIGHT, KEY
from fallline.lab.look import Drawn, Look

FEW = 120  # stretches of a curve: two rows of each are kept at most
FIRST = 10  # steps that an axis has room for at least
WORDS, ABOVE = 14.0, 8.0  # px: a line of words, and how far it stands above the end of what it names
TALL = HEIGHT - KEY  # px
SPARE = 0.12  # of an axis, beyond what is drawn: the words of the highest line fit in


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
        rows = look.training.trace.head(until(look))
        rows = rows.select((pl.col("step") - 1).alias("step"), pl.col(column).cast(pl.Float64).alias(name))
        return keep_extremes(rows, name, FEW) if rows.height else rows

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


def height_of(value: float | None, axis: tuple[float, float], log: bool = False) -> float | None:
    """How many px above the bottom a value stands."""
    if value is None or not np.isfinite(value) or (log and value <= 0):
        return None
    size = math.log if log else float
    return TALL * (size(value) - size(axis[0])) / (size(axis[1]) - size(axis[0]))


def words_apart(
    last: pl.DataFrame, y: str, axis: tuple[float, float], *, log: bool = False, taken: Iterable[float] = ()
) -> pl.DataFrame:
    """The ends of paths with `words_at`: where along y each one's name stands, above its end and over no other words.

    Args:
        taken: heights of other words, in px.
    """
    heights = [height_of(value, axis, log) for value in last[y]] if last.height else []
    names, there, at = sorted((h, i) for i, h in enumerate(heights) if h is not None), [*taken], [None] * len(heights)
    for height, i in names:
        place = height + ABOVE
        while near := [other for other in there if abs(place - other) < WORDS - 1e-6]:
            place = max(near) + WORDS
        there.append(place)
        low, high = np.log(axis) if log else axis
        value = low + (high - low) * place / TALL
        at[i] = float(np.exp(value) if log else value)
    return last.with_columns(pl.Series("words_at", at, dtype=pl.Float64))


def branches(
    look: Look, weights: Mapping[str, int], y: str, axis: tuple[float, float], taken: Iterable[float] = ()
) -> dict[str, pl.DataFrame]:
    """The paths that were left, over the parameters with these numbers; none where no number is given.

    Returns the rows (step, branch, loss and a column for each of `weights`), and the last of each path.
    """
    columns = {"step": pl.Int64, "loss": pl.Float64, "branch": pl.String, **dict.fromkeys(weights, pl.Float64)}
    empty = pl.DataFrame(schema=columns)
    each = []
    for b in look.branches if weights else ():
        if b.path is None or len(b.path) < 2:
            continue
        loss = b.trace["objective"].cast(pl.Float64).to_numpy()[1:]  # seen by the update after it
        rows = min(len(loss), len(b.path))
        some = np.unique(np.linspace(0, rows - 1, min(rows, 100)).round().astype(int))
        walked = {"step": b.trace["step"].to_numpy()[some].astype(np.int64), "loss": loss[some]}
        walked |= {name: b.path[some, k].astype(np.float64) for name, k in weights.items()}
        each.append(pl.DataFrame(walked | {"branch": [b.name] * len(some)}).select(*columns))
    return {
        "branches": pl.concat([empty, *each]),
        "branches_ends": words_apart(pl.concat([empty, *(frame.tail(1) for frame in each)]), y, axis, taken=taken),
    }


def validated(look: Look) -> bool:
    """Whether there are validation rows."""
    return look.training.table is not None and len(look.training.table.split.validation) > 0
