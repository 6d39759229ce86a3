"""The gradient's norm over the steps, whole and of each group of parameters."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import levels_of, range_of, y_axis
from fallline.figures.downsample import finite, keep_extremes, mean_of_blocks
from fallline.figures.recorded import colours, each_step, line, mark_broken, mean_line
from fallline.figures.theme import GROUPS, PALE, TRAIN, finish, nothing
from fallline.numbers import count, number

COLUMN = "gradient_norm"
TITLE = "Length of the gradient at each step"


def draw_gradient(trace: pl.DataFrame) -> alt.LayerChart:
    """The gradient norm of the trace; its groups (columns gradient_norm/NAME) too when there are two to six."""
    means = mean_line(trace, COLUMN)
    steps = each_step(trace, COLUMN, "each step" if means else "all parameters")
    names = [name.removeprefix(f"{COLUMN}/") for name in trace.columns if name.startswith(f"{COLUMN}/")]
    names = names if 2 <= len(names) <= len(GROUPS) else []
    groups = [_group(trace, name, smooth=means is not None) for name in names]
    whole = levels_of(steps["value"])
    if not len(whole):
        words = "There is no finite gradient to draw."
        return nothing(TITLE, words)
    level = levels_of(means[0]["value"] if means else steps["value"], *(group["value"] for group in groups))
    y = y_axis("value:Q", "norm of the gradient", range_of(level, whole))
    named = {str(steps["series"][0]): PALE if means else TRAIN} | ({str(means[0]["series"][0]): TRAIN} if means else {})
    colour = colours(named | dict(zip(names, GROUPS, strict=False)))
    layers = line(steps, y, colour, pale=means is not None)
    for frame in ([means[0]] if means else []) + groups:
        layers += line(frame, y, colour)
    layers += mark_broken(trace, COLUMN)
    first, last = trace[COLUMN][0], trace[COLUMN][-1]
    ends = f"from {number(first)} at the first to {number(last)} at the last"
    return finish(layers, TITLE, f"Norm of the gradient over {count(trace.height)} steps, {ends}.", height=240)


def _group(trace: pl.DataFrame, name: str, *, smooth: bool) -> pl.DataFrame:
    frame = trace.select("step", "epoch", pl.col(f"{COLUMN}/{name}").alias("value"))
    drawn = mean_of_blocks(frame)[0] if smooth else finite(keep_extremes(frame, "value"))
    return drawn.with_columns(pl.lit(name).alias("series"))
