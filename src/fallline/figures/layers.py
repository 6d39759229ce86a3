"""Each layer along the way: the length of its gradient, how far a step moves its weights, how many units are idle."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl

from fallline.figures.axes import levels_of, range_of, rule_across, step_axis, y_axis
from fallline.figures.downsample import finite
from fallline.figures.theme import GROUPS, HEIGHT, MUTED, TRAIN, finish, nothing
from fallline.measurement import Measurement

BAND = (1e-5, 1e-1)  # of update-to-weight ratios, as in `told/layers.py`


def draw_layers(measurement: Measurement) -> alt.LayerChart:
    """The gradient norm of each layer over the steps."""
    return _drawn(
        measurement.frame,
        "gradient_norm",
        "Gradient of each layer",
        "gradient norm of a layer",
        "The norm of each layer's gradient over the rows judged, at some steps of the training",
    )


def draw_updates(measurement: Measurement) -> alt.LayerChart:
    """How far a step moves the weights of each layer, as a part of their length."""
    frame = measurement.frame
    levels = levels_of(frame["update_ratio"].to_list())
    bounds = [bound for bound in BAND if len(levels) and levels.min() / 100 <= bound <= levels.max() * 100]
    return _drawn(
        frame,
        "update_ratio",
        "How far a step moves the weights of each layer",
        "update / weights",
        "The length of each layer's update as a part of the length of its weights, at some steps of the training",
        [(bound, f"usual: {'below' if bound == BAND[1] else 'above'} {bound:g}") for bound in bounds],
    )


def draw_units(measurement: Measurement) -> alt.LayerChart:
    """The share of units that are dead, or of signals that are saturated, in each hidden layer."""
    bent = measurement.figures.get("saturated_share") is not None
    name, words = ("saturated", "saturated signals") if bent else ("dead", "dead units")
    return _drawn(
        measurement.frame.filter("hidden"),
        name,
        f"{words.capitalize()} of each hidden layer",
        f"share of {words}",
        f"The share of {words} in each hidden layer, at some steps of the training",
        span=(0.0, 1.0),
    )


ALSO = (draw_updates, draw_units)


def _drawn(
    frame: pl.DataFrame,
    column: str,
    title: str,
    side: str,
    description: str,
    levels: list[tuple[float, str]] | None = None,
    span: tuple[float, float] | None = None,
) -> alt.LayerChart:
    """A line for each layer; points where it was measured."""
    data = finite(frame.select("step", "layer", pl.col(column).alias("value"))).drop_nulls()
    values = levels_of(data["value"].to_list())
    if len(values) == 0:
        return nothing(title, "There is nothing to draw: no hidden layers, or nothing that was recorded.")
    scale = range_of(np.concatenate([values, [level for level, _ in levels or []]]))
    y = y_axis("value:Q", side, scale)
    if span is not None:
        y = alt.Y("value:Q", scale=alt.Scale(domain=list(span), nice=False), axis=alt.Axis(format="%"), title=side)
    names = data["layer"].unique(maintain_order=True).to_list()
    colours = [(TRAIN, *GROUPS)[place % (1 + len(GROUPS))] for place in range(len(names))]
    dashes = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]]
    colour = alt.Color("layer:N", title=None, scale=alt.Scale(domain=names, range=colours))
    dash = alt.StrokeDash(
        "layer:N", title=None, scale=alt.Scale(domain=names, range=[dashes[n % 4] for n in range(len(names))])
    )
    tooltip = [
        alt.Tooltip("layer:N"),
        alt.Tooltip("step:Q", format=",.0f"),
        alt.Tooltip("value:Q", format=",.4~r", title=side),
    ]
    chart = alt.Chart(data).encode(x=step_axis(), y=y, color=colour)
    marks = [
        chart.mark_line(strokeWidth=2.25, clip=True).encode(strokeDash=dash),
        chart.mark_point(filled=True, size=36, opacity=1, clip=True, aria=False).encode(tooltip=tooltip),
    ]
    for place, (level, words) in enumerate(levels or []):
        marks += rule_across(level, words, MUTED, dash=[4, 4], above=bool(place))
    low, high = float(values.min()), float(values.max())
    said = f"{description}: {', '.join(names[:8])}; from {low:.3g} to {high:.3g}."
    return finish(marks, title, said, HEIGHT)
