"""The learning rate over the steps, as the schedule set it."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import levels_of, range_of, y_axis
from fallline.figures.recorded import colours, each_step, line
from fallline.figures.theme import TRAIN, finish, nothing
from fallline.numbers import count, number

TITLE = "Learning rate at each step"


def draw_rate(trace: pl.DataFrame) -> alt.LayerChart:
    """The learning rate of each step of the trace."""
    steps = each_step(trace, "rate", "learning rate")
    values = levels_of(steps["value"])
    if not len(values):
        words = "There is no finite learning rate to draw."
        return nothing(TITLE, words)
    y = y_axis("value:Q", "learning rate", range_of(values))
    low, high = number(values.min()), number(values.max())
    went = f"constant at {low}" if low == high else f"between {low} and {high}"
    words = f"Learning rate over {count(trace.height)} steps: {went}."
    return finish(line(steps, y, colours({"learning rate": TRAIN})), TITLE, words, height=120)
