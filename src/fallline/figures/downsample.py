"""Fewer rows for a picture, without losing what matters in it: the spike and the level.

A trace has a row for each step, often far more than a chart has pixels. `keep_extremes` leaves rows out but never the
lowest or highest of a stretch, as thinning every n-th row would; `mean_of_blocks` gives the level that the eye is
after when single batches are noisy.
"""

from __future__ import annotations

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
    values = frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    stretch = -(-len(values) // buckets)
    padded = np.full(stretch * -(-len(values) // stretch), np.nan)
    padded[: len(values)] = values
    grid = padded.reshape(-1, stretch)
    starts = np.arange(len(grid)) * stretch
    unknown = np.isnan(grid)
    low = starts + np.where(unknown, np.inf, grid).argmin(axis=1)
    high = starts + np.where(unknown, -np.inf, grid).argmax(axis=1)
    broken = np.flatnonzero(~np.isfinite(values))[:1]
    return frame[np.unique(np.concatenate([[0, len(values) - 1], low, high, broken]))]


def mean_of_blocks(frame: pl.DataFrame, columns: list[str], blocks: int = BLOCKS) -> tuple[pl.DataFrame, int]:
    """The mean of `columns` over equal stretches of steps, placed at their middle; and the steps in a stretch.

    A stretch that holds a value that is not finite has no mean: null.
    """
    stretch = max(1, frame.height // blocks)
    block = pl.int_range(pl.len()) // stretch
    means = (
        frame.group_by(block.alias("block"), maintain_order=True)
        .agg(pl.col("step", "epoch").mean(), pl.col(columns).mean(), pl.len().alias("rows"))
        .filter(2 * pl.col("rows") >= stretch)  # a short rest at the end would be noisier than the others
        .drop("block", "rows")
    )
    return finite(means), stretch


def finite(frame: pl.DataFrame) -> pl.DataFrame:
    """What can be drawn: six digits, and null where a number is not finite (JSON has no other word for it)."""
    decimal = [name for name, dtype in frame.schema.items() if dtype.is_float()]
    return frame.with_columns(
        pl.when(pl.col(name).is_finite()).then(pl.col(name).cast(pl.Float64).round_sig_figs(6)).alias(name)
        for name in decimal
    )
