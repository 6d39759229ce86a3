"""The loss against one weight: the curve, its tangent where a step ended, the next point, and the path walked.

The curve holds all other weights where they were after that step. The path's points have the loss that the model had
with all weights as they were then: how far a point lies off the curve is what the other weights made.
"""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import Range, levels_of, range_of, y_axis
from fallline.figures.downsample import finite
from fallline.figures.theme import EXACT, HELD, INK, MUTED, finish, halo, nothing
from fallline.measurement import Measurement
from fallline.numbers import count, number

NEAR = 0.02  # of both axes: points closer together than this share their words


def draw_slice(measurement: Measurement) -> alt.LayerChart:
    """The slice chart, from a frame of kind, weight, loss and step. What it lacks besides is left out."""
    frame, figures = measurement.frame, measurement.figures
    title = f"Loss against one weight ({figures['weight']}), and the path walked"
    drawn = finite(frame).drop_nulls(["weight", "loss"])
    if drawn.is_empty():
        return nothing(title, "There is no finite loss to draw.")
    curve, tangent = (drawn.filter(kind=kind).select("weight", "loss").sort("weight") for kind in ("curve", "tangent"))
    path = drawn.filter(kind="path").select("step", "weight", "loss").sort("step")
    weights = levels_of(drawn.filter(pl.col("kind") != "tangent")["weight"])
    axis = alt.Axis(format=Range(weights.min(), weights.max()).format(), tickCount=8, labelOverlap="greedy")
    scale = alt.Scale(zero=False, nice=False, padding=4)
    x = alt.X("weight:Q", title="value of the weight", scale=scale, axis=axis)
    losses = levels_of(drawn.filter(pl.col("kind") != "tangent")["loss"])
    span = range_of(losses)
    y = y_axis("loss:Q", "loss on training rows", span)
    layers = [alt.Chart(curve).mark_line(color=MUTED, strokeWidth=2.25).encode(x=x, y=y)]
    layers += _path(path, x, y) if path.height else []
    if tangent.height == 2:
        inside = {"color": HELD, "strokeWidth": 1.75, "strokeDash": [6, 3], "clip": True}
        layers.append(alt.Chart(tangent).mark_line(**inside).encode(x=x, y=y))
    layers += _points(drawn, weights, span, x, y)
    return finish(layers, title, _describe(path, figures), height=340)


def _path(path: pl.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    base = alt.Chart(path).encode(x=x, y=y)
    way = base.mark_line(color=INK, strokeWidth=1, opacity=0.35).encode(order="step:Q")
    # the end of viridis is too pale on white: stop before it
    scale = alt.Scale(range=["#440154", "#3b528b", "#21918c", "#3fa34d"], interpolate="rgb")
    legend = alt.Legend(title="step", gradientLength=160, format=",d", tickCount=3, titleOrient="left")
    points = base.mark_circle(size=42, opacity=0.9, aria=False).encode(
        color=alt.Color("step:Q", scale=scale, legend=legend if path.height > 1 else None),
        tooltip=_tooltip(),
    )
    ends = pl.concat([path.head(1), path.tail(1)]) if path.height > 1 else path
    words = ["start", "end"] if path.height > 1 else ["end"]
    named = alt.Chart(ends.with_columns(pl.Series("words", words))).encode(x=x, y=y, text="words:N")
    return [way, points, *halo(named, INK, align="center", dy=-13)]


def _points(drawn: pl.DataFrame, weights, span: Range, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The point of the step and the next one on the curve, named below, once where they lie together."""
    here, after = (drawn.filter(kind=kind).select("step", "weight", "loss") for kind in ("point", "next"))
    if here.is_empty():
        return []
    words, across = f"step {count(here['step'][0])}, and its slope", (weights.max() - weights.min()) or 1.0
    marks = alt.Chart(here).mark_point(shape="circle", color=HELD, size=150, strokeWidth=2.5, opacity=1)
    layers = [marks.encode(x=x, y=y, tooltip=_tooltip())]
    place, away = (here["weight"][0] - weights.min()) / across, 0.0
    if after.height:
        away = (after["weight"][0] - here["weight"][0]) / across
        up = abs(span.place(after["loss"][0]) - span.place(here["loss"][0]))
        cross = alt.Chart(after).mark_point(shape="diamond", filled=True, color=EXACT, size=90, opacity=1)
        layers.append(cross.encode(x=x, y=y, tooltip=_tooltip()))
        if max(abs(away), up) < NEAR:
            words += "; the next point lies in it"
        else:
            named = alt.Chart(after.with_columns(pl.lit("next").alias("words"))).encode(x=x, y=y, text="words:N")
            layers += halo(named, EXACT, align="left" if away > 0 else "right", dy=-16)
    named = alt.Chart(here.with_columns(pl.lit(words).alias("words"))).encode(x=x, y=y, text="words:N")
    left = place > 0.65 or (place > 0.35 and away > 0)  # away from the next point, and inside the figure
    low = span.place(here["loss"][0]) < 4 * NEAR
    return layers + halo(named, HELD, align="right" if left else "left", dy=-30 if low else 22, dx=-8 if left else 8)


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("step:Q", format=",d"),
        alt.Tooltip("weight:Q", format=",.4~r"),
        alt.Tooltip("loss:Q", format=",.4~r"),
    ]


def _describe(path: pl.DataFrame, figures: dict) -> str:
    name, said = figures["weight"], []
    if path.is_empty():
        said.append(f"Loss against the weight {name}, all others held.")
    else:
        first, last = path.row(0, named=True), path.row(-1, named=True)
        said.append(
            f"Loss against the weight {name}. The path goes from weight {number(first['weight'])} with loss "
            f"{number(first['loss'])} to weight {number(last['weight'])} with loss {number(last['loss'])}, "
            f"at step {count(int(last['step'] or 0))}."
        )
    if figures.get("derivative") is not None:
        said.append(f"After step {count(figures['step'])} the slope is {number(figures['derivative'])}.")
    return " ".join(said)
