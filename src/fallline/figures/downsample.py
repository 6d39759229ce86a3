"""Fewer rows for a picture, without losing what matters in it: the spike and the level.

A trace has a row for each step, often far more than a chart has pixels. `keep_extremes` leaves rows out but never the
lowest or highest of a stretch, as thinning every n-th row would; `mean_of_blocks` gives the level that the eye is
after when single batches are noisy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

BUCKETS = 300  # of a picture: at most two rows of each are kept, near two pixels of a page
BLOCKS = 100  # of a mean line


def keep_extremes(frame: pl.DataFrame, column: str, buckets: int = BUCKETS) -> pl.DataFrame:
    """The rows with the lowest and the highest `column` of each of `buckets` equal stretches, in order.

    Also kept: the first row, the last row, and the first whose value is not a finite number.
    """
    if frame.height <= 2 * buckets:
        return frame
    series = frame[column] if frame[column].dtype.is_float() else frame[column].cast(pl.Float64)
    values = series.fill_null(np.nan).to_numpy()
    stretch = -(-len(values) // buckets)
    low, high, broken = values, values, np.flatnonzero(~np.isfinite(values))[:1]
    if broken.size:
        unknown = np.isnan(values)
        low, high = np.where(unknown, np.inf, values), np.where(unknown, -np.inf, values)
    kept = [_in_each(stretch, low, np.argmin), _in_each(stretch, high, np.argmax)]
    return frame[np.unique(np.concatenate([[0, len(values) - 1], *kept, broken]))]


def _in_each(stretch: int, values: np.ndarray, pick: Callable[..., Any]) -> np.ndarray:
    """The place that `pick` finds in each stretch of the values; the last may be shorter."""
    whole = len(values) // stretch * stretch
    places = np.arange(0, whole, stretch) + pick(values[:whole].reshape(-1, stretch), axis=1)
    return places if whole == len(values) else np.append(places, whole + pick(values[whole:]))


def mean_of_blocks(frame: pl.DataFrame, blocks: int = BLOCKS) -> tuple[pl.DataFrame, int]:
    """The mean of each column over equal stretches of steps; and the steps in a stretch.

    A stretch that holds a value that is not finite has no mean: null.
    """
    stretch = max(1, frame.height // blocks)
    starts = np.arange(0, frame.height, stretch)
    rows = np.diff(starts, append=frame.height)
    long = 2 * rows >= stretch  # a short rest at the end would be noisier than the others
    sums = {column.name: np.add.reduceat(column.to_numpy(), starts, dtype=np.float64) for column in frame}
    return finite(pl.DataFrame({name: (total / rows)[long] for name, total in sums.items()})), stretch


def finite(frame: pl.DataFrame) -> pl.DataFrame:
    """What can be drawn: six digits, and null where a number is not finite (JSON has no other word for it)."""
    decimal = [name for name, dtype in frame.schema.items() if dtype.is_float()]
    return frame.with_columns(
        pl.when(pl.col(name).is_finite()).then(pl.col(name).cast(pl.Float64).round_sig_figs(6)).alias(name)
        for name in decimal
    )
