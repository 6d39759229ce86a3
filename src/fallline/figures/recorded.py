"""A recorded column over the steps: each step thin and pale, the mean of blocks of steps on top.

Single batches are noisy: the pale line keeps their every spike, the strong one shows where they go.
"""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import rule_upright, step_axis
from fallline.figures.downsample import finite, keep_extremes, mean_of_blocks
from fallline.figures.theme import BROKEN
from fallline.numbers import count

FEW = 40  # points of a line that are worth showing as points
_COLUMNS = alt.ExprRef("width < 460 ? 2 : 6")  # of the legend, which does not wrap by itself
NOISY = 200  # steps: below this the steps themselves are the picture


def each_step(trace: pl.DataFrame, column: str, series: str) -> pl.DataFrame:
    """step, epoch, value and series: the steps that a picture needs."""
    kept = keep_extremes(trace.select("step", "epoch", pl.col(column).alias("value")), "value")
    return finite(kept).with_columns(pl.lit(series).alias("series"))


def mean_line(trace: pl.DataFrame, column: str) -> tuple[pl.DataFrame, int] | None:
    """The same columns for means of blocks, and the block's steps; None where every step sees every row, or few."""
    if trace.height < NOISY or trace["epoch"][0] >= 1:
        return None
    means, steps = mean_of_blocks(trace.select("step", "epoch", pl.col(column).alias("value")))
    return means.with_columns(pl.lit(f"mean of {count(steps)} steps").alias("series")), steps


def line(frame: pl.DataFrame, y: alt.Y, colour: alt.Color, *, pale: bool = False) -> list[alt.Chart]:
    """The series of a frame as lines; `pale` beneath others. Values can be read off by pointing at them."""
    chart = alt.Chart(frame).encode(x=step_axis(), y=y, color=colour)
    drawn = chart.mark_line(strokeWidth=1 if pale else 2.25, clip=True)
    few = frame.height <= FEW
    points = chart.mark_point(filled=True, size=36, opacity=1 if few else 0, clip=True, aria=False)
    tooltip = [
        alt.Tooltip("series:N", title="line"),
        alt.Tooltip("step:Q", format=",.0f"),
        alt.Tooltip("epoch:Q", format=",.3~f"),
        alt.Tooltip("value:Q", format=",.4~r"),
    ]
    return [drawn] if pale and not few else [drawn, points.encode(tooltip=tooltip)]


def broken_from(trace: pl.DataFrame, column: str) -> int | None:
    """The first step whose value is not a finite number, or None."""
    broken = trace.filter(~pl.col(column).is_finite())
    return None if broken.is_empty() else int(broken["step"][0])


def mark_broken(trace: pl.DataFrame, column: str) -> list[alt.Chart]:
    """An upright line at the first step whose value is not finite; nothing when all are."""
    step = broken_from(trace, column)
    if step is None:
        return []
    words = f"not finite from step {count(step)}"
    return rule_upright(step, words, BROKEN, left=2 * step > trace["step"][-1])


def colours(of: dict[str, str]) -> alt.Color:
    """The colour of each series, in the order of the legend; no legend for one alone."""
    scale = alt.Scale(domain=list(of), range=list(of.values()))
    legend = alt.Legend(title=None, symbolType="stroke", columns=_COLUMNS) if len(of) > 1 else None
    return alt.Color("series:N", scale=scale, legend=legend)
