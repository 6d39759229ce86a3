"""The loss against one weight, and the path that training walked on it.

The curve holds all other weights where training ended. The path's points have the loss that the model had with all
weights as they were then: how far a point lies off the curve is what the other weights made.
"""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import Range, levels_of, range_of, y_axis
from fallline.figures.downsample import finite
from fallline.figures.theme import INK, MUTED, finish, halo, nothing
from fallline.numbers import count, number


def draw_slice(frame: pl.DataFrame, name: str) -> alt.LayerChart:
    """The slice chart.

    Args:
        frame: kind ("curve" or "path"), weight, loss and step (of the path's points).
        name: which weight it is.
    """
    title = f"Loss against one weight ({name}), and the path walked"
    drawn = finite(frame).drop_nulls(["weight", "loss"])
    if drawn.is_empty():
        words = "There is no finite loss to draw."
        return nothing(title, words)
    curve = drawn.filter(pl.col("kind") == "curve").select("weight", "loss").sort("weight")
    path = drawn.filter(pl.col("kind") == "path").select("step", "weight", "loss").sort("step")
    weights = levels_of(drawn["weight"])
    axis = alt.Axis(format=Range(weights.min(), weights.max()).format(), tickCount=8, labelOverlap="greedy")
    scale = alt.Scale(zero=False, nice=False, padding=4)
    x = alt.X("weight:Q", title="value of the weight", scale=scale, axis=axis)
    losses = levels_of(curve["loss"], path["loss"])
    y = y_axis("loss:Q", "loss on training rows", range_of(losses))
    layers = [alt.Chart(curve).mark_line(color=MUTED, strokeWidth=2.25).encode(x=x, y=y)]
    layers += _path(path, x, y) if path.height else []
    return finish(layers, title, _describe(path, name), height=340)


def _path(path: pl.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    base = alt.Chart(path).encode(x=x, y=y)
    way = base.mark_line(color=INK, strokeWidth=1, opacity=0.35).encode(order="step:Q")
    # the end of viridis is too pale on white: stop before it
    scale = alt.Scale(range=["#440154", "#3b528b", "#21918c", "#3fa34d"], interpolate="rgb")
    legend = alt.Legend(title="step", gradientLength=160, format=",d", tickCount=3, titleOrient="left")
    points = base.mark_circle(size=42, opacity=0.9, aria=False).encode(
        color=alt.Color("step:Q", scale=scale, legend=legend if path.height > 1 else None),
        tooltip=[
            alt.Tooltip("step:Q", format=",d"),
            alt.Tooltip("weight:Q", format=",.4~r"),
            alt.Tooltip("loss:Q", format=",.4~r"),
        ],
    )
    ends = pl.concat([path.head(1), path.tail(1)]) if path.height > 1 else path
    words = ["start", "end"] if path.height > 1 else ["end"]
    named = alt.Chart(ends.with_columns(pl.Series("words", words))).encode(x=x, y=y, text="words:N")
    return [way, points, *halo(named, INK, align="center", dy=-13)]


def _describe(path: pl.DataFrame, name: str) -> str:
    if path.is_empty():
        return f"Loss against the weight {name}, all others held at the end."
    first, last = path.row(0, named=True), path.row(-1, named=True)
    return (
        f"Loss against the weight {name}. The path goes from weight {number(first['weight'])} with loss "
        f"{number(first['loss'])} to weight {number(last['weight'])} with loss {number(last['loss'])}, "
        f"at step {count(int(last['step'] or 0))}."
    )
