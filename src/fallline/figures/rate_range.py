"""The final loss against the learning rate: each training a point, their median a line, the range over seeds a band."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import Range, levels_of, range_of, y_axis
from fallline.figures.downsample import finite
from fallline.figures.theme import BROKEN, EXACT, HELD, INK, MUTED, PALE, TRAIN, finish, halo, nothing
from fallline.measurement import Measurement
from fallline.numbers import number

TITLE = "Final loss against the learning rate"
FOUND, FRESH = "trial", "trial with a fresh seed"


def draw_rate_range(measurement: Measurement) -> alt.LayerChart:
    """The chart, from a frame of rate, seed, loss, diverged and kind."""
    f = measurement.figures
    drawn = finite(measurement.frame).drop_nulls("rate").filter(pl.col("rate") > 0)
    there = drawn.drop_nulls("loss").with_columns(
        pl.when(pl.col("kind") == "found").then(pl.lit(FOUND)).otherwise(pl.lit(FRESH)).alias("series")
    )
    if drawn.is_empty():
        return nothing(TITLE, "There is no trial to draw.")
    across = Range(float(drawn["rate"].min()) * 0.6, float(drawn["rate"].max()) * 1.6, log=True)  # type: ignore[arg-type]
    axis = alt.Axis(format=across.format(), values=across.ticks(), labelOverlap="greedy", labelSeparation=8)
    x = alt.X("rate:Q", title="learning rate, logarithmic", scale=across.scale(), axis=axis)
    losses = levels_of(there["loss"])
    span = range_of(losses) if len(losses) else Range(0, 1)
    y = y_axis("loss:Q", f"loss after {f['steps']:,} updates", span)
    layers = _bracket(f, across) + _band(there.filter(kind="found"), x, y) + _points(there, x, y)
    layers += _broken(drawn.filter("diverged"), x) + _levels(f, across, x)
    return finish(layers, TITLE, _describe(f), height=300)


def _bracket(f: dict, across: Range) -> list[alt.Chart]:
    if f["low"] is None:
        return []
    low, high = max(f["low"], across.low), min(f["high"], across.high)
    base = alt.Chart(alt.InlineData(values=[{"rate": low / 1.04, "to": high * 1.04}]))
    shade = EXACT if f["reliable"] else MUTED
    return [base.mark_rect(color=shade, opacity=0.13, aria=False).encode(x="rate:Q", x2="to:Q")]


def _band(found: pl.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    by_rate = found.group_by("rate").agg(
        pl.col("loss").median(), pl.col("loss").min().alias("lowest"), pl.col("loss").max().alias("highest")
    )
    base = alt.Chart(by_rate.sort("rate")).encode(x=x)
    band = base.mark_area(color=PALE, opacity=0.55, aria=False).encode(y=alt.Y("lowest:Q"), y2="highest:Q")
    return [band, base.mark_line(color=TRAIN, strokeWidth=2).encode(y=y)] if found.height else []


def _points(there: pl.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    named = {FOUND: TRAIN, FRESH: HELD}
    shown = [name for name in named if (there["series"] == name).any()]
    colours = alt.Scale(domain=shown, range=[named[name] for name in shown])
    shapes = alt.Scale(domain=shown, range=["circle", "diamond"][: len(shown)])
    legend = alt.Legend(title=None) if len(shown) > 1 else None
    tooltip = [
        alt.Tooltip("series:N", title="kind"),
        alt.Tooltip("rate:Q", format=".4~g"),
        alt.Tooltip("seed:N"),
        alt.Tooltip("loss:Q", format=",.4~r"),
    ]
    points = alt.Chart(there.select("rate", "seed", "loss", "series")).mark_point(filled=True, size=30, opacity=0.75)
    return [
        points.encode(
            x=x,
            y=y,
            color=alt.Color("series:N", scale=colours, legend=legend),
            shape=alt.Shape("series:N", scale=shapes, legend=legend),
            tooltip=tooltip,
        )
    ]


def _broken(diverged: pl.DataFrame, x: alt.X) -> list[alt.Chart]:
    if diverged.is_empty():
        return []
    by_rate = diverged.group_by("rate").agg(pl.len().alias("diverged")).sort("rate")
    base = alt.Chart(by_rate).encode(x=x, y=alt.value(7))
    crosses = base.mark_point(shape="cross", angle=45, filled=True, color=BROKEN, size=80, opacity=1, aria=False)
    words = alt.Chart(by_rate.head(1)).encode(x=x, y=alt.value(7), text=alt.value("diverged, or ended above the start"))
    tooltip = [
        alt.Tooltip("rate:Q", format=".4~g"),
        alt.Tooltip("diverged:Q", title="trainings that diverged or ended above the start"),
    ]
    return [crosses.encode(tooltip=tooltip), *halo(words, BROKEN, align="right", dx=-10)]


def _levels(f: dict, across: Range, x: alt.X) -> list[alt.Chart]:
    """The run's own rate, and the largest stable one, from top to bottom with their words low down."""
    layers: list[alt.Chart] = []
    marks = (("run_rate", "the run's rate", INK, 0.62), ("stable_rate", "stable up to here", HELD, 0.76))
    for name, words, colour, height in marks:
        if f.get(name) is None or not across.low <= f[name] <= across.high:
            continue
        base = alt.Chart(alt.InlineData(values=[{"rate": f[name], "words": f"{words}: {number(f[name], 3)}"}]))
        layers.append(base.mark_rule(color=colour, strokeWidth=1.5, strokeDash=[2, 3]).encode(x=x))
        beside = base.encode(x=x, y=alt.YValue({"expr": f"{height} * height"}), text="words:N")
        layers += halo(beside, colour, align="right", dx=-6)
    return layers


def _describe(f: dict) -> str:
    if not f["reliable"]:
        return f"{f['trials']:,} trainings with rates on a logarithmic axis; no rate is reliable."
    return (
        f"{f['trials']:,} trainings with rates on a logarithmic axis. Good rates, shaded, lie from "
        f"{number(f['low'], 3)} to {number(f['high'], 3)}; the run's is {number(f['run_rate'], 3)}."
    )
