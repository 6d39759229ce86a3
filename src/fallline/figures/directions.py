"""What a way of one length does to the loss, along the gradient, its opposite and at random; and where it points."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl

from fallline.figures.axes import Range, levels_of, step_axis
from fallline.figures.downsample import finite
from fallline.figures.theme import EXACT, HELD, INK, MUTED, PALE, TRAIN, finish, halo, nothing
from fallline.measurement import Figures, Measurement
from fallline.numbers import count, number

TITLE = "Change of the loss along the gradient, its opposite and random directions"
ANGLE = "Angle between minus the gradient and the way to the minimum"
BINS = 40
KEPT, BEST = "to the weights where training ended", "to the exact answer"


def draw_directions(measurement: Measurement) -> alt.LayerChart:
    """How many random directions changed the loss by how much; minus and plus the gradient as upright lines."""
    f = measurement.figures
    frame = finite(measurement.frame.filter(pl.col("kind") != "angle")).drop_nulls("change")
    if frame.is_empty():
        words = "There is no finite change of the loss to draw."
        return nothing(TITLE, words)
    values = levels_of(frame["change"])
    beside = 0.06 * float(np.ptp(values)) or 0.5 * abs(float(values[0])) or 1.0
    span = Range(float(min(values.min(), 0)) - beside, float(max(values.max(), 0)) + beside)
    x = alt.X(
        "change:Q",
        title="change of the loss",
        scale=span.scale(),
        axis=alt.Axis(format=span.format(), tickCount=7, labelOverlap="greedy"),
    )
    y = alt.Y("many:Q", title="random directions", axis=alt.Axis(tickMinStep=1, format=",d"))
    bars = _bars(frame.filter(pl.col("kind") == "random")["change"].to_numpy())
    base = alt.Chart(bars)
    layers = [base.mark_rect(color=PALE, stroke=TRAIN, strokeWidth=0.5).encode(x=x, x2="end:Q", y=y, y2=alt.datum(0))]
    zero = alt.Chart(alt.InlineData(values=[{"change": 0}])).mark_rule(color=MUTED, strokeWidth=1).encode(x=x)
    layers.append(zero)
    for kind, words, colour, high in (
        ("down", "along minus the gradient", EXACT, 12),
        ("up", "along plus the gradient", HELD, 32),
    ):
        for row in frame.filter(pl.col("kind") == kind).to_dicts():
            left = span.place(row["change"]) > 0.5
            said = f"{words}: {number(row['change'])}"
            place = alt.Chart(alt.InlineData(values=[{"change": row["change"], "words": said}])).encode(x=x)
            layers.append(place.mark_rule(color=colour, strokeWidth=2.25))
            text = place.encode(y=alt.value(high), text="words:N")
            layers += halo(text, colour, align="right" if left else "left", dx=-6 if left else 6)
    return finish(layers, TITLE, _describe(f), height=260)


def _bars(changes: np.ndarray) -> pl.DataFrame:
    """change (start), end and many of each bar."""
    if not len(changes):
        return pl.DataFrame(schema={"change": pl.Float64, "end": pl.Float64, "many": pl.Int64})
    many, edges = np.histogram(changes, bins=BINS if np.ptp(changes) > 0 else 1)
    return pl.DataFrame({"change": edges[:-1], "end": edges[1:], "many": many}).filter(pl.col("many") > 0)


def _describe(f: Figures) -> str:
    ways = f"{count(f['count'])} random directions"
    least = "" if f["best"] is None else f"; of {ways} the lowest was {number(f['best'])}"
    return (
        f"Change of the loss after a way of {number(f['length'])} from step {count(f['step'])}: along minus the "
        f"gradient {number(f['down'])}, along plus the gradient {number(f['up'])}{least}."
    )


def draw_angle(measurement: Measurement) -> alt.LayerChart:
    """The angle along the path, from 0 (straight to it) over 90 (no nearer) to 180 degrees (straight away)."""
    frame = measurement.frame.filter(pl.col("kind") == "angle")
    rows = [
        frame.select("step", pl.col(column).alias("value"), pl.lit(series).alias("series"))
        for column, series in (("angle", KEPT), ("angle_exact", BEST))
    ]
    drawn = finite(pl.concat(rows)).drop_nulls("value")
    if drawn.is_empty():
        words = "No point of the path is there that has an angle."
        return nothing(ANGLE, words)
    named = {series: colour for series, colour in ((KEPT, TRAIN), (BEST, EXACT)) if series in drawn["series"]}
    most = max(90.0, float(drawn["value"].max()))  # type: ignore[arg-type]
    scale = alt.Scale(domain=[0, 180 if most > 90 else 102], nice=False)
    y = alt.Y("value:Q", title="degrees", scale=scale, axis=alt.Axis(values=[0, 30, 60, 90, 120, 150, 180]))
    colour = alt.Color(
        "series:N", scale=alt.Scale(domain=list(named), range=list(named.values())), legend=alt.Legend(title=None)
    )
    tooltip = ["series:N", alt.Tooltip("step:Q", format=",d"), alt.Tooltip("value:Q", title="degrees", format=".3~r")]
    base = alt.Chart(drawn).encode(x=step_axis(), y=y, color=colour)
    level = alt.Chart(alt.InlineData(values=[{"value": 90, "words": "90: neither nearer nor further"}])).encode(y=y)
    layers = [
        level.mark_rule(color=INK, strokeWidth=1, strokeDash=[8, 4]),
        *halo(level.encode(x=alt.value("width"), text="words:N"), MUTED, align="right", dx=-2, dy=-9),
        base.mark_line(strokeWidth=1.5, aria=False),
        base.mark_point(filled=True, size=40, opacity=1).encode(tooltip=tooltip),
    ]
    f = measurement.figures
    least, most_said = number(f["angle_least"], 3), number(f["angle_most"], 3)
    words = f"Angle between minus the gradient and the way to where training ended, {least} to {most_said} degrees"
    return finish(layers, ANGLE, f"{words} at {count(f['angles'])} points of the path.", height=240)


ALSO = (draw_angle,)
