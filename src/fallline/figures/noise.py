"""The gradient noise scale along the path, beside the batch that the run had."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import levels_of, range_of, rule_across, step_axis, y_axis
from fallline.figures.downsample import finite
from fallline.figures.theme import HELD, TRAIN, finish, nothing
from fallline.measurement import Measurement
from fallline.numbers import count, number

TITLE = "Gradient noise scale: the batch size at which noise and gradient are equally long"


def draw_noise(measurement: Measurement) -> alt.LayerChart:
    """The noise chart: step, noise_scale, spread, gradient_norm; a level for the run's batch."""
    f = measurement.figures
    frame = finite(measurement.frame).drop_nulls("noise_scale").filter(pl.col("noise_scale") > 0)
    if frame.is_empty():
        words = "There is no noise scale to draw."
        return nothing(TITLE, words)
    span = range_of(levels_of(frame["noise_scale"], [f["batch"]]))
    base = alt.Chart(frame).encode(x=step_axis(), y=y_axis("noise_scale:Q", "rows", span))
    tooltip = [
        alt.Tooltip("step:Q", format=",d"),
        alt.Tooltip("noise_scale:Q", title="noise scale, rows", format=",.4~r"),
        alt.Tooltip("gradient_norm:Q", title="length of the gradient", format=",.4~r"),
        alt.Tooltip("spread:Q", title="spread of the rows' gradients", format=",.4~r"),
    ]
    layers = [
        base.mark_line(color=TRAIN, strokeWidth=2.25, aria=False),
        base.mark_point(color=TRAIN, filled=True, size=50, opacity=1).encode(tooltip=tooltip),
    ]
    words = f"{'all' if f['full'] else 'the batch of this run:'} {count(f['batch'])} rows"
    layers += rule_across(f["batch"], words, HELD, dash=[8, 4], above=span.place(f["batch"]) < 0.5)
    return finish(layers, TITLE, _describe(frame, f["batch"]), height=260)


def _describe(frame: pl.DataFrame, batch: int) -> str:
    first, last = frame.row(0, named=True), frame.row(-1, named=True)
    ends = f"{number(first['noise_scale'])} rows at step {count(first['step'])}"
    if frame.height > 1:
        ends = f"from {ends} to {number(last['noise_scale'])} at step {count(last['step'])}"
    where = f"Gradient noise scale at {frame.height} points of the path, {ends}."
    return f"{where} A batch of the run has {count(batch)} rows."
