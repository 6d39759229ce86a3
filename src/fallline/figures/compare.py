"""Trials that differ in one thing: the loss against updates, rows seen and seconds. A grid of two: a map of end losses.

Time goes on a logarithmic axis, since a batch of one row makes as many updates in an epoch as there are rows.
"""

from __future__ import annotations

import json

import altair as alt
import polars as pl

from fallline.figures.axes import Range, levels_of, range_of, y_axis
from fallline.figures.downsample import finite
from fallline.figures.grid import draw_grid
from fallline.figures.theme import EXACT, GROUPS, TRAIN, finish, nothing
from fallline.measurement import Measurement
from fallline.numbers import count, number

WIDTH, HEIGHT = 196, 250  # of a panel: parts of a figure can't take the page's width
COUNTS = {"updates": "updates", "rows": "rows seen", "time": "time"}
UNITS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6}
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 4], [10, 2, 2, 2, 2, 2], [1, 3])
COLOURS = (TRAIN, *GROUPS, "#6b6b6b")
ABOVE = 1.5  # times the highest start: a loss above that is cut off


def draw_compare(measurement: Measurement) -> alt.HConcatChart | alt.LayerChart:
    """Three panels of curves, the mean over seeds of each trial; or the map of a grid."""
    frame, figures = measurement.frame, measurement.figures
    if figures["grid"]:
        return draw_grid(measurement)
    title = f"The same training with another {figures['vary']}: loss along the way"
    curves, unit = _curves(frame)
    if curves.is_empty():
        return nothing(title, "There is no finite loss to draw.")
    names = figures["values"]
    starts = [start for start in figures["start"] if start is not None]
    highest = ABOVE * max(starts) if starts else None
    levels = levels_of(curves["loss"], [figures["floor"]])
    levels = levels if highest is None or not (levels <= highest).any() else levels[levels <= highest]
    span = range_of(levels)
    broke = [name for name, state in zip(names, figures["states"], strict=True) if state == "diverged"]
    labels = f"indexof({json.dumps(broke)}, datum.label) < 0 ? datum.label : datum.label + ' (diverged)'"
    legend = alt.Legend(title=figures["vary"], symbolType="stroke", symbolSize=300, columns=4, labelExpr=labels)
    scale = alt.Scale(domain=names, range=list(COLOURS[: len(names)]))
    colour = alt.Color("trial:N", scale=scale, legend=legend)
    counts = COUNTS | {"time": unit}
    panels = [_panel(curves, by, counts, span, colour, figures) for by in counts]
    both = alt.HConcatChart(hconcat=panels, config=finish([], title, "").config, spacing=18)
    return both.properties(title=title, description=_describe(figures)).resolve_scale(color="shared")


def _curves(frame: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """trial, step, updates, rows, time, loss; time's unit. Means over seeds while finite, without the start."""
    longest = max(levels_of(frame["seconds"]), default=1.0)
    unit = next((name for name, size in UNITS.items() if longest >= size), "microseconds")
    mean = frame.group_by("trial", "step", maintain_order=True).agg(pl.col("rows", "seconds", "loss").mean())
    mean = mean.with_columns((pl.col("seconds") / UNITS[unit]).alias("time"), pl.col("step").alias("updates"))
    kept = finite(mean).drop_nulls("loss").filter(pl.col("updates") > 0)
    return kept.select("trial", "step", "updates", "rows", "time", "loss"), unit


def _panel(
    curves: pl.DataFrame, by: str, counts: dict[str, str], span: Range, colour: alt.Color, figures: dict
) -> alt.LayerChart:
    first, names = by == "updates", figures["values"]
    drawn = curves.drop_nulls(by).filter(pl.col(by) > 0)
    reach = levels_of(drawn[by])
    across = Range(float(reach.min()), float(reach.max()) * 1.05, log=True) if len(reach) else Range(1, 10, log=True)
    # the ends of a range that spans less than a decade have no power of ten between them
    ticks = across.ticks() if across.high > 9 * across.low else [across.low, across.high]
    ticks = ticks[:: max(1, round(len(ticks) / 4))]
    axis = alt.Axis(format=across.format() if by == "time" else "~s", values=ticks, labelOverlap="greedy")
    x = alt.X(f"{by}:Q", title=f"{counts[by]}, logarithmic", scale=across.scale(), axis=axis)
    y = alt.Y("loss:Q", title=None, scale=span.scale(), axis=alt.Axis(labels=False, ticks=False, domain=False))
    if first:
        y = y_axis("loss:Q", "loss, mean of seeds" if figures["seeds"] > 1 else "loss", span)
    dash = alt.StrokeDash("trial:N", scale=alt.Scale(domain=names, range=list(DASHES[: len(names)])))
    tooltip = [
        alt.Tooltip("trial:N", title=figures["vary"]),
        *(alt.Tooltip(f"{name}:Q", title=said, format=",.3~r") for name, said in counts.items()),
        alt.Tooltip("loss:Q", format=",.4~r"),
    ]
    base = alt.Chart(drawn).encode(x=x, y=y, color=colour)
    layers = [base.mark_line(strokeWidth=2, clip=True).encode(strokeDash=dash)]
    layers.append(base.mark_point(filled=True, size=30, opacity=0, clip=True, aria=False).encode(tooltip=tooltip))
    if figures["floor_is"] == "exact":
        level = alt.Chart(alt.InlineData(values=[{"level": figures["floor"], "words": "exact answer"}]))
        layers.append(level.mark_rule(color=EXACT, strokeWidth=1.5, strokeDash=[8, 4]).encode(y="level:Q"))
        if first:
            words_at = level.mark_text(color=EXACT, align="left", dx=4, dy=10, fontSize=12, aria=False)
            layers.append(words_at.encode(y="level:Q", x=alt.value(0), text="words:N"))
    return alt.LayerChart(layer=layers).properties(width=WIDTH, height=HEIGHT)


def _describe(f: dict) -> str:
    said = [f"{count(len(f['values']))} trainings that differ in nothing but the {f['vary']}."]
    for name, end, steps, state in zip(f["values"], f["end"], f["steps"], f["states"], strict=True):
        ended = "diverged" if state == "diverged" else f"ended at a loss of {number(end)}"
        said.append(f"{name} {ended} after {count(steps)} updates.")
    return " ".join(said)
