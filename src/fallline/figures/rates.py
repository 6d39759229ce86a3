"""The trial trainings from which the automatic rate was chosen: the loss that each rate reached."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import ROOM, Range, levels_of, range_of, y_axis
from fallline.figures.downsample import finite
from fallline.figures.theme import BROKEN, EXACT, TRAIN, finish, halo, nothing
from fallline.numbers import count, number

TITLE = "Trial runs: the loss that each learning rate reached"


def draw_rates(rates: pl.DataFrame) -> alt.LayerChart:
    """The curve of rates, on a logarithmic axis; rates that diverged are crosses along the top.

    Args:
        rates: rate, loss (nan or infinite where the trial diverged) and chosen.
    """
    frame = finite(rates.select("rate", "loss", "chosen")).filter(pl.col("rate") > 0).sort("rate")
    arrived, diverged = frame.drop_nulls("loss"), frame.filter(pl.col("loss").is_null())
    if frame.is_empty():
        words = "There is no trial rate to draw."
        return nothing(TITLE, words)
    across = Range(frame["rate"][0] * 0.6, frame["rate"][-1] * 1.6, log=True)
    axis = alt.Axis(format=across.format(), values=across.ticks(), labelOverlap="greedy", labelSeparation=8)
    x = alt.X("rate:Q", title="learning rate, logarithmic", scale=across.scale(), axis=axis)
    losses = levels_of(arrived["loss"])
    span = range_of(losses) if len(losses) else Range(0, 1)
    y = y_axis("loss:Q", "loss at the trial's end", span)
    tooltip = [alt.Tooltip("rate:Q", format=".4~g"), alt.Tooltip("loss:Q", format=",.4~r")]
    base = alt.Chart(arrived).encode(x=x, y=y)
    layers = [
        base.mark_line(color=TRAIN, strokeWidth=1.5, opacity=0.6),
        base.mark_circle(color=TRAIN, size=48, opacity=1, aria=False).encode(tooltip=tooltip),
    ]
    if diverged.height:
        crosses = alt.Chart(diverged.select("rate")).encode(x=x, y=alt.value(7))
        layers += [crosses.mark_point(shape="cross", angle=45, filled=True, color=BROKEN, size=90, opacity=1)]
        words = alt.Chart(diverged.select("rate").head(1)).encode(x=x, y=alt.value(7), text=alt.value("diverged"))
        layers += halo(words, BROKEN, align="right", dx=-10)
    chosen = arrived.filter("chosen")
    if chosen.height:
        named = chosen.with_columns(pl.lit(f"chosen: {number(chosen['rate'][0])}").alias("words"))
        mark = alt.Chart(named).encode(x=x, y=y)
        layers += [mark.mark_point(shape="circle", color=EXACT, size=220, strokeWidth=2.5, opacity=1)]
        layers += halo(mark.encode(text="words:N"), EXACT, dy=21 if span.place(chosen["loss"][0]) > 1.5 * ROOM else -19)
    return finish(layers, TITLE, _describe(frame, arrived, chosen), height=260)


def _describe(frame: pl.DataFrame, arrived: pl.DataFrame, chosen: pl.DataFrame) -> str:
    said = [f"{count(frame.height)} trial rates from {number(frame['rate'][0])} to {number(frame['rate'][-1])}."]
    if chosen.height:
        said.append(f"The rate chosen is {number(chosen['rate'][0])}, with loss {number(chosen['loss'][0])}.")
    if arrived.height < frame.height:
        said.append(f"{count(frame.height - arrived.height)} of them diverged.")
    return " ".join(said)
