"""Paths that were left when the rate was changed, on any picture, each with its name where that lies over no other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from fallline.figures.live.streamed import HEIGHT, KEY
from fallline.lab.look import Look
from fallline.lab.pictures.picture import Axes

TALL = HEIGHT - KEY  # px
LINE, ABOVE = 14.0, 8.0  # px: a line of words, and how far it stands above the end of what it names
LONG = 0.2  # of an axis: the name of a path


class Words(NamedTuple):
    """Where words stand: between two parts of the axis along the bottom, and so many px above it."""

    left: float
    right: float
    height: float

    def meets(self, other: Words) -> bool:
        """Whether one lies on the other."""
        beside = self.left >= other.right or other.left >= self.right
        return not beside and abs(self.height - other.height) < LINE - 1e-6


def height_of(value: float | None, axis: tuple[float, float], log: bool = False) -> float | None:
    """How many px above the bottom a value stands."""
    if value is None or not np.isfinite(value) or (log and value <= 0):
        return None
    size = math.log if log else float
    return TALL * (size(value) - size(axis[0])) / (size(axis[1]) - size(axis[0]))


def words_apart(
    last: pl.DataFrame, at: tuple[str, str], axes: Axes, *, log: bool = False, taken: Iterable[Words] = ()
) -> pl.DataFrame:
    """The ends of paths with `words_at`: where along y each one's name stands, above its end and over no other words.

    Args:
        at: the columns of x and y.
        taken: other words.
    """
    (left, right), axis = axes
    there, found = [*taken], dict[int, float]()
    ends = last.select(*at).rows() if last.height else []
    known = [(height, i) for i, (_, y) in enumerate(ends) if (height := height_of(y, axis, log)) is not None]
    for height, i in sorted(known):
        place = (ends[i][0] - left) / (right - left)
        words = Words(place - LONG, place, height + ABOVE)
        while near := [other.height for other in there if other.meets(words)]:
            words = words._replace(height=max(near) + LINE)
        there.append(words)
        low, high = np.log(axis) if log else axis
        value = low + (high - low) * words.height / TALL
        found[i] = float(np.exp(value) if log else value)
    return last.with_columns(pl.Series("words_at", [found.get(i) for i in range(last.height)], dtype=pl.Float64))


def branches(
    look: Look, weights: Mapping[str, int], at: tuple[str, str], axes: Axes, taken: Iterable[Words] = ()
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
    last = pl.concat([empty, *(frame.tail(1) for frame in each)])
    return {
        "branches": pl.concat([empty, *each]),
        "branches_ends": words_apart(last, at, axes, taken=taken),
    }
