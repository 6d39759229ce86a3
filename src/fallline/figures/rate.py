"""The learning rate over the steps, as the schedule set it."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import levels_of, value_scale, y_axis
from fallline.figures.numbers import count, number
from fallline.figures.recorded import colours, each_step, line
from fallline.figures.theme import TRAIN, AnyChart, finish, nothing

TITLE = "Learning rate at each step"


def draw_rate(trace: pl.DataFrame) -> AnyChart:
    """The learning rate of each step of the trace."""
    steps = each_step(trace, "rate", "learning rate")
    values = levels_of(steps["value"])
    if not len(values):
        words = "There is no finite learning rate to draw."
        return finish(nothing(words), TITLE, words, height=80)
    scale = value_scale(values, values) if values.min() < values.max() else alt.Scale(zero=True)
    y = y_axis("value:Q", "learning rate", scale)
    low, high = number(values.min()), number(values.max())
    went = f"constant at {low}" if low == high else f"between {low} and {high}"
    words = f"Learning rate over {count(trace.height)} steps: {went}."
    return finish(alt.layer(line(steps, y, colours({"learning rate": TRAIN}))), TITLE, words, height=160)
