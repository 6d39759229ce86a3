"""The trial trainings from which the automatic rate was chosen: the loss that each rate reached."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import levels_of, value_scale, y_axis
from fallline.figures.downsample import finite
from fallline.figures.numbers import count, number
from fallline.figures.theme import BROKEN, EXACT, TRAIN, AnyChart, finish, haloed, nothing

TITLE = "Trial runs: the loss that each learning rate reached"


def draw_rates(rates: pl.DataFrame) -> AnyChart:
    """The curve of rates, on a logarithmic axis; rates that diverged are crosses along the top.

    Args:
        rates: rate, loss (nan or infinite where the trial diverged) and chosen.
    """
    frame = finite(rates.select("rate", "loss", "chosen")).filter(pl.col("rate") > 0).sort("rate")
    arrived, diverged = frame.drop_nulls("loss"), frame.filter(pl.col("loss").is_null())
    if frame.is_empty():
        words = "There is no trial rate to draw."
        return finish(nothing(words), TITLE, words, height=80)
    axis = alt.Axis(format="~g", labelOverlap="greedy", tickCount=6)
    x = alt.X("rate:Q", title="learning rate, logarithmic", scale=alt.Scale(type="log", padding=12), axis=axis)
    losses = levels_of(arrived["loss"])
    y = y_axis("loss:Q", "loss at the trial's end", value_scale(losses, losses))
    tooltip = [alt.Tooltip("rate:Q", format=".4~g"), alt.Tooltip("loss:Q", format=",.4~r")]
    base = alt.Chart(arrived).encode(x=x, y=y)
    chart = alt.layer(
        base.mark_line(color=TRAIN, strokeWidth=1.5, opacity=0.6),
        base.mark_circle(color=TRAIN, size=48, opacity=1, aria=False).encode(tooltip=tooltip),
    )
    if diverged.height:
        crosses = alt.Chart(diverged.select("rate")).encode(x=x, y=alt.value(7))
        chart = chart + crosses.mark_point(shape="cross", angle=45, filled=True, color=BROKEN, size=90, opacity=1)
        words = alt.Chart(diverged.select("rate").head(1)).encode(x=x, y=alt.value(7), text=alt.value("diverged"))
        chart = chart + haloed(words, BROKEN, align="right", dx=-10)
    chosen = arrived.filter("chosen")
    if chosen.height:
        named = chosen.with_columns(pl.lit(f"chosen: {number(chosen['rate'][0])}").alias("words"))
        mark = alt.Chart(named).encode(x=x, y=y, text="words:N")
        chart = chart + mark.mark_point(shape="circle", color=EXACT, size=220, strokeWidth=2.5, opacity=1)
        chart = chart + haloed(mark, EXACT, dy=-17)
    return finish(chart, TITLE, _describe(frame, arrived, chosen), height=260)


def _describe(frame: pl.DataFrame, arrived: pl.DataFrame, chosen: pl.DataFrame) -> str:
    said = [f"{count(frame.height)} trial rates from {number(frame['rate'][0])} to {number(frame['rate'][-1])}."]
    if chosen.height:
        said.append(f"The rate chosen is {number(chosen['rate'][0])}, with loss {number(chosen['loss'][0])}.")
    if arrived.height < frame.height:
        said.append(f"{count(frame.height - arrived.height)} of them diverged.")
    return " ".join(said)
