"""The final measure on the validation rows over the steps: what a person cares about, beside the loss."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import levels_of, range_of, y_axis
from fallline.figures.downsample import finite, keep_extremes
from fallline.figures.recorded import colours, line
from fallline.figures.theme import HELD, finish, nothing
from fallline.numbers import count, number

COLUMN = "validation_metric"


def draw_measure(evaluations: pl.DataFrame, name: str) -> alt.LayerChart:
    """The measure called `name` of each evaluation: step, epoch and validation_metric."""
    title = f"{name} on the validation rows"
    values = evaluations.select("step", "epoch", pl.col(COLUMN).cast(pl.Float64).alias("value"))
    drawn = finite(keep_extremes(values.drop_nulls("value"), "value")).with_columns(pl.lit(name).alias("series"))
    seen = levels_of(drawn["value"])
    if not len(seen):
        words = f"{name} was not measured while training."
        return nothing(title, words)
    y = y_axis("value:Q", name, range_of(seen))
    words = f"{title}: {count(drawn.height)} evaluations, the last {number(drawn['value'][-1])}."
    return finish(line(drawn, y, colours({name: HELD})), title, words, height=200)
