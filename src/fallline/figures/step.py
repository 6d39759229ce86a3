"""What one update did to the rows that it saw: their targets, and the predictions before and after it."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import levels_of
from fallline.figures.downsample import finite
from fallline.figures.theme import EXACT, HELD, INK, MUTED, TRAIN, finish, nothing
from fallline.measurement import Measurement
from fallline.numbers import count, number

ROWS = 24  # of either kind that are drawn
BEFORE, AFTER, TARGET = "prediction before", "prediction after", "target"
LINE = 15  # pixels of a row


def draw_step(measurement: Measurement) -> alt.LayerChart:
    """The step chart, from a frame of kind "row" (row, target, before, after) and "weight" (name, old, new).

    Without rows of their own, as with a loss of one's own, the weights' moves are drawn.
    """
    figures, frame = measurement.figures, finite(measurement.frame)
    if "row" in frame.columns:
        rows = frame.filter(kind="row").drop_nulls(["target", "before"]).head(ROWS)
        if rows.height:
            return _rows(rows, figures)
    return _weights(frame.filter(kind="weight").drop_nulls(["old", "new"]).head(ROWS), figures)


def _rows(rows: pl.DataFrame, figures: dict) -> alt.LayerChart:
    some = "" if rows.height == figures["batch"] else f"{count(rows.height)} of "
    title = f"What step {count(figures['step'])} did to the predictions of {some}its {count(figures['batch'])} rows"
    rows = rows.sort("target", descending=True).with_columns(pl.format("row {}", "row").alias("label"))
    names = {BEFORE: "before", AFTER: "after", TARGET: "target"}
    long = pl.concat(
        rows.select("label", pl.col(column).alias("value"), pl.lit(name).alias("what"))
        for name, column in names.items()
    ).drop_nulls("value")
    y = alt.Y("label:N", sort=rows["label"].to_list(), title=None, axis=alt.Axis(labelLimit=120, ticks=False))
    x = alt.X("value:Q", title=_scale_words(figures), scale=alt.Scale(zero=False, nice=True))
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=list(names), range=[MUTED, TRAIN, EXACT]),
        legend=alt.Legend(title=None, symbolOpacity=1),
    )
    shape = alt.Shape("what:N", scale=alt.Scale(domain=list(names), range=["circle", "triangle", "diamond"]))
    moved = alt.Chart(rows.select("label", "before", "after").drop_nulls())
    tooltip = [alt.Tooltip("label:N", title="row"), alt.Tooltip("what:N"), alt.Tooltip("value:Q", format=",.4~r")]
    layers = [
        moved.mark_rule(color=MUTED, strokeWidth=1.5).encode(y=y, x=alt.X("before:Q", title=x["title"]), x2="after:Q"),
        alt.Chart(long)
        .mark_point(size=70, strokeWidth=2, opacity=1, aria=False)
        .encode(x=x, y=y, color=colour, shape=shape, tooltip=tooltip),
    ]
    said = f"{title}. The loss of these rows' batch was {number(figures['loss'])} before and is "
    return finish(layers, title, f"{said}{number(figures['loss_after'])} after it.", height=LINE * rows.height + 20)


def _scale_words(figures: dict) -> str:
    first = figures["rows"][0] if figures.get("rows") else {}
    if isinstance(first.get("target"), list):
        return "probability given to the row's class"
    return "prediction and target, as training sees them"


def _weights(weights: pl.DataFrame, figures: dict) -> alt.LayerChart:
    title = f"How step {count(figures['step'])} moved the parameters"
    drawn = weights.with_columns((pl.col("new") - pl.col("old")).alias("move"))
    if not len(levels_of(drawn["move"] if drawn.height else [])):
        return nothing(title, "There is no finite parameter to draw.")
    bars = alt.Chart(drawn.select("name", "old", "new", "move", "gradient"))
    y = alt.Y("name:N", sort=drawn["name"].to_list(), title=None, axis=alt.Axis(labelLimit=260, ticks=False))
    x = alt.X("move:Q", title="what the update added to it", axis=alt.Axis(format=".3~g"))
    tooltip = [alt.Tooltip(f"{name}:Q", format=".5~g") for name in ("old", "new", "move", "gradient")]
    colour = alt.condition("datum.move > 0", alt.value(TRAIN), alt.value(HELD))
    layers = [
        bars.mark_bar(height={"band": 0.6}).encode(x=x, y=y, color=colour, tooltip=["name:N", *tooltip]),
        alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=INK, strokeWidth=1).encode(x="zero:Q"),
    ]
    said = f"{title}: {count(drawn.height)} of {count(figures['parameters'])}, those that moved furthest."
    return finish(layers, title, said, height=LINE * drawn.height + 20)
