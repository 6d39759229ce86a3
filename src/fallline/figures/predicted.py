"""Predicted against actual values of held-out rows: points while they are few, counts in squares when many."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl

from fallline.figures.axes import Range
from fallline.figures.downsample import finite
from fallline.figures.theme import EXACT, TRAIN, finish, nothing
from fallline.numbers import count

MANY = 1500  # points lie over each other beyond this
SQUARES = 48  # along each side

TITLE = "Predicted against actual: equal on the dashed line"


def draw_predicted(predictions: pl.DataFrame, target: str = "target") -> alt.LayerChart:
    """The scatter, with the line on which every prediction would be right. Both axes have the same range.

    Args:
        predictions: actual and predicted, in the target's own units.
        target: its name, for the axes.
    """
    pairs = finite(predictions.select(pl.col("actual", "predicted").cast(pl.Float64))).drop_nulls()
    if pairs.is_empty():
        words = "There is no finite prediction to draw."
        return nothing(TITLE, words)
    values = np.concatenate([pairs["actual"].to_numpy(), pairs["predicted"].to_numpy()])
    low, high = float(values.min()), float(values.max())
    low, high = (low, high) if low < high else (low - 1, high + 1)
    scale = alt.Scale(domain=[low, high], nice=False, padding=4)
    axis = alt.Axis(format=Range(low, high).format(), tickCount=6, grid=True, labelOverlap="greedy", labelSeparation=8)
    x = alt.X("actual:Q", title=f"actual {target}", scale=scale, axis=axis)
    y = alt.Y("predicted:Q", title=f"predicted {target}", scale=scale, axis=axis)
    many = pairs.height > MANY
    perfect = _perfect(low, high, x, y)
    layers = [_squares(pairs, low, high, x, y), perfect] if many else [perfect, _points(pairs, x, y)]
    left_out = predictions.height - pairs.height
    words = f"Predicted against actual {target} for {count(pairs.height)} held-out rows" + (
        f", from {count(int(low))} to {count(int(high))}." if max(abs(low), abs(high)) > 10 else "."
    )
    have = "row has" if left_out == 1 else "rows have"
    words += (
        f" {count(left_out)} {have} no finite prediction and {'is' if left_out == 1 else 'are'} not shown."
        if left_out
        else ""
    )
    return finish(layers, TITLE, words, height=420)


def _points(pairs: pl.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    size, opacity = (48, 0.7) if pairs.height < 200 else (22, 0.45)
    tooltip = [alt.Tooltip(f"{field}:Q", format=",.4~r") for field in ("actual", "predicted")]
    points = alt.Chart(pairs).mark_circle(color=TRAIN, size=size, opacity=opacity, aria=False)
    return points.encode(x=x, y=y, tooltip=tooltip)


def _squares(pairs: pl.DataFrame, low: float, high: float, x: alt.X, y: alt.Y) -> alt.Chart:
    edges = np.linspace(low, high, SQUARES + 1)
    counts, _, _ = np.histogram2d(pairs["actual"], pairs["predicted"], bins=(edges, edges))
    i, j = np.nonzero(counts)
    squares = pl.DataFrame(
        {
            "actual": edges[i],
            "actual_to": edges[i + 1],
            "predicted": edges[j],
            "predicted_to": edges[j + 1],
            "rows": counts[i, j].astype(int),
        }
    )
    # pale blue is still told apart from white, so that a single far-off row can be seen
    scale = alt.Scale(type="log", range=["#b9d3e8", "#08306b"], interpolate="lab")
    legend = alt.Legend(title="rows", gradientLength=160, format=",d", tickCount=4, titleOrient="left")
    tooltip = [
        alt.Tooltip("actual:Q", title="actual from", format=",.4~r"),
        alt.Tooltip("predicted:Q", title="predicted from", format=",.4~r"),
        alt.Tooltip("rows:Q", format=",d"),
    ]
    chart = alt.Chart(finite(squares)).mark_rect(aria=False)
    color = alt.Color("rows:Q", scale=scale, legend=legend)
    return chart.encode(x=x, x2="actual_to:Q", y=y, y2="predicted_to:Q", color=color, tooltip=tooltip)


def _perfect(low: float, high: float, x: alt.X, y: alt.Y) -> alt.Chart:
    ends = alt.Chart(pl.DataFrame({"actual": [low, high], "predicted": [low, high]})).encode(x=x, y=y)
    return ends.mark_line(color=EXACT, strokeWidth=1.75, strokeDash=[8, 4])
