"""The fit over the data while it is made: the model's function over the rows, or its answers beside the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from fallline.figures.live.streamed import HEIGHT, KEY, Rows, Sign, axis_of, live, named, names_axis
from fallline.figures.theme import EXACT, GROUPS, HELD, INK, MUTED, TRAIN, halo

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def draw_fit(options: Mapping[str, Any]) -> Any:
    """Options: shape ("line", "regions", "against", "classes"), x_name, y_name, classes (their names)."""
    shape = options["shape"]
    if shape == "classes":
        return _classes()
    x, y = axis_of("x", "x", options["x_name"]), axis_of("y", "y", options["y_name"])
    rows = named("rows").encode(x=x, y=y)
    if shape == "regions":
        return _regions(options, x, y)
    points = rows.mark_circle(color=MUTED, size=24, opacity=0.55, clip=True)
    line, columns = named("line").encode(x=x, y=y), {"x": options["x_name"], "y": options["y_name"]}
    signs: dict[str, Sign] = {"rows": (MUTED, "circle", [1, 0])}
    if shape == "line":
        signs["the model"] = (TRAIN, "stroke", [1, 0])
        told = [_rows(columns, by="near"), Rows("line", "What the model predicts", columns, x="x", y="y", by="x")]
        model = line.mark_line(color=TRAIN, strokeWidth=2.5, clip=True)
        return live([points, model], "The fit over the data", told, signs=signs)
    signs["predicted = true"] = (EXACT, "stroke", [4, 2])
    told = [_rows(columns, by="place"), Rows("line", "Where the prediction is what was true", columns)]
    right = line.mark_line(color=EXACT, strokeDash=[6, 3], strokeWidth=1.5, clip=True)
    return live([points, right], "Predicted against what was true", told, signs=signs)


def _rows(columns: Mapping[str, str], by: Any) -> Rows:
    return Rows("rows", "Training rows", columns, x="x", y="y", by=by)


def _regions(options: Mapping[str, Any], x: Any, y: Any) -> Any:
    names = list(options["classes"])
    colours = [TRAIN, HELD, EXACT, *GROUPS[2:]][: len(names)]
    scale = alt.Scale(domain=names, range=colours)
    legend = alt.Legend(title=None, orient="top")
    colour = alt.Color("class:N", scale=scale, legend=legend)
    form = alt.Shape("class:N", scale=alt.Scale(domain=names, range=list(SHAPES[: len(names)])), legend=legend)
    cells = named("cells").mark_square(size=70, opacity=0.22, clip=True, aria=False).encode(x=x, y=y, color=colour)
    rows = named("rows").mark_point(filled=True, size=34, opacity=0.9, stroke="white", strokeWidth=0.5)
    columns = {"x": options["x_name"], "y": options["y_name"], "class": "class"}
    told = [_rows(columns, by="near"), Rows("cells", "What the model says", columns, x="x", y="y", by="place")]
    return live(
        [cells, rows.encode(x=x, y=y, color=colour, shape=form)], "The classes over the data", told, height=HEIGHT - KEY
    )


def _classes() -> Any:
    x = alt.X(
        "recognised:Q", scale=alt.Scale(domain=[0, 1]), title="share recognised", axis=alt.Axis(format="%", tickCount=5)
    )
    y = alt.Y("class:N", title=None, axis=names_axis(80))
    base = named("rows").encode(x=x, y=y)
    layers = [
        base.mark_bar(color=TRAIN, opacity=0.8),
        *halo(named("rows").encode(x=alt.value(6), y=y, text="words:N"), INK, align="left"),
    ]
    columns = {"class": "class", "recognised": "share recognised", "rows": "rows"}
    rows = [Rows("rows", "Each class", columns, x="recognised", y="class", by="bar")]
    return live(layers, "Recognised, of each class", rows, params=())
