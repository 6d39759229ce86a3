"""The fit over the data: the model's function over the rows, regions of classes, or answers beside the truth."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.downsample import finite
from fallline.figures.theme import EXACT, GROUPS, HELD, INK, MUTED, TRAIN, finish, halo, nothing
from fallline.measurement import Measurement
from fallline.numbers import count, number, share

TITLES = {
    "line": "The model's function over the rows",
    "regions": "The class that the model gives to each place",
    "against": "Predicted against what was true",
    "classes": "Share of each class that is recognised",
}
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def draw_predictions(measurement: Measurement) -> alt.LayerChart:
    """The chart of the measurement's own shape."""
    frame, f = finite(measurement.frame), measurement.figures
    title = TITLES[f["shape"]]
    if f["shape"] == "classes":
        return finish(_classes(frame), title, _describe(f), height=60 + 30 * frame.height)
    rows = frame.filter(kind="row").drop_nulls(["x", "y"])
    if rows.is_empty():
        return nothing(title, "There is no finite prediction to draw.")
    scale = alt.Scale(zero=False, nice=False, padding=8)
    x = alt.X("x:Q", title=f["x_name"], scale=scale)
    y = alt.Y("y:Q", title=f["y_name"], scale=scale)
    if f["shape"] == "regions":
        return finish(_regions(frame, rows, x, y), title, _describe(f), height=340)
    told = [alt.Tooltip("row:Q", format=",d"), *(alt.Tooltip(f"{n}:Q", format=",.4~r") for n in "xy")]
    points = alt.Chart(rows.select("row", "x", "y")).mark_circle(color=MUTED, size=30, opacity=0.6)
    layers = [points.encode(x=x, y=y, tooltip=told)]
    if f["shape"] == "line":
        line = frame.filter(kind="line").drop_nulls("y").select("x", "y")
        layers.append(alt.Chart(line).mark_line(color=TRAIN, strokeWidth=2.5).encode(x=x, y=y))
    else:
        ends = [float(rows["x"].min()), float(rows["x"].max())]  # type: ignore[arg-type]
        same = alt.Chart(pl.DataFrame({"x": ends, "y": ends}))
        layers.append(same.mark_line(color=EXACT, strokeDash=[6, 3], strokeWidth=1.5).encode(x=x, y=y))
    return finish(layers, title, _describe(f), height=340)


def _regions(frame: pl.DataFrame, rows: pl.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    names = sorted(set(frame["class"].drop_nulls()))
    legend = alt.Legend(title=None)
    colours = [TRAIN, HELD, EXACT, *GROUPS[2:]][: len(names)]
    colour = alt.Color("class:N", scale=alt.Scale(domain=names, range=colours), legend=legend)
    shapes = alt.Scale(domain=names, range=list(SHAPES[: len(names)]))
    form = alt.Shape("class:N", scale=shapes, legend=legend)
    cells = alt.Chart(frame.filter(kind="cell").select("x", "y", "class")).mark_square(size=90, opacity=0.2, aria=False)
    points = alt.Chart(rows.select("row", "x", "y", "class")).mark_point(filled=True, size=40, opacity=0.9)
    told = [alt.Tooltip("row:Q", format=",d"), alt.Tooltip("class:N")]
    return [cells.encode(x=x, y=y, color=colour), points.encode(x=x, y=y, color=colour, shape=form, tooltip=told)]


def _classes(frame: pl.DataFrame) -> list[alt.Chart]:
    words = [f"{share(r['recognised'])} of {count(r['rows'])} rows" for r in frame.to_dicts()]
    drawn = frame.select("class", "recognised", "rows").with_columns(pl.Series("words", words))
    x = alt.X("recognised:Q", scale=alt.Scale(domain=[0, 1]), title="share recognised", axis=alt.Axis(format="%"))
    base = alt.Chart(drawn).encode(x=x, y=alt.Y("class:N", title=None))
    named = alt.Chart(drawn).encode(x=alt.value(8), y=alt.Y("class:N", title=None), text="words:N")
    return [base.mark_bar(color=TRAIN, opacity=0.8), *halo(named, INK, align="left")]


def _describe(f: dict) -> str:
    if f["recognised"] is not None:
        return f"After step {count(f['step'])} {share(f['recognised'])} of {count(f['rows'])} rows are recognised."
    return f"After step {count(f['step'])} predictions are off by {number(f['rmse'])} over {count(f['rows'])} rows."
