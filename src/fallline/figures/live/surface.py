"""The loss over two weights, or over the plane of the path, while it is walked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from fallline.figures.live.streamed import Rows, axis_of, ball, ball_words, branches, live, named, of_field
from fallline.figures.theme import EXACT, INK

# pale where the loss is low; each darker than the one before, also in grey
SHADES = ("#f7fbf4", "#e3f1d9", "#c5e3c6", "#9fd0bd", "#72b8b8", "#4a9bb0", "#317ca1", "#285c8c", "#263f70")
SIGNS = {
    "low loss": (SHADES[2], "square", [1, 0]),
    "high": (SHADES[-2], "square", [1, 0]),
    "walked": (INK, "circle", [1, 0]),
    "next": (EXACT, "diamond", [1, 0]),
}


def draw_surface(options: Mapping[str, Any]) -> Any:
    """Options: x_name, y_name."""
    x, y = axis_of("x", "x", options["x_name"]), axis_of("y", "y", options["y_name"])
    sides = {"x": of_field(x, "x1"), "y": of_field(y, "y1")}
    shades = alt.Scale(domain=list(range(len(SHADES))), range=list(SHADES))
    colour, edge = alt.Color("level:O", scale=shades, legend=None), alt.Stroke("level:O", scale=shades, legend=None)
    cells = named("cells").mark_rect(invalid="filter", strokeWidth=0.5, clip=True)
    walked, ghost = named("walked").encode(x=x, y=y), named("ghost").encode(x=x, y=y)
    layers = [
        cells.encode(**sides, x2="x2", y2="y2", color=colour, stroke=edge),
        *branches("branches", x, y),
        walked.mark_line(color=INK, strokeWidth=1.5, clip=True).encode(order="step:Q"),
        walked.mark_circle(color=INK, size=18, clip=True),
        ghost.mark_point(shape="diamond", filled=True, color=EXACT, size=110, opacity=0.8, clip=True),
        ball("ball", x, y),
        *ball_words("ball", x, y, INK),
    ]
    places, at = {"x": options["x_name"], "y": options["y_name"]}, {"x": "x", "y": "y"}
    losses = {"loss": "true loss", "plane_loss": "the picture's loss"}
    rows = [
        Rows("ball", "Where the training stands", {"step": "step"} | places | losses, **at, by="near"),
        Rows("ghost", "Where the next step lands", {"step": "step"} | places, **at, by="near"),
        Rows("walked", "The path so far", {"step": "step"} | places | losses, **at, by="near"),
        Rows("branches", "Paths that were left", {"step": "step"} | places | {"branch": "path"}, **at, by="near"),
        Rows("cells", "The loss over the two directions", places | {"loss": "loss"}, **at, by="place"),
    ]
    return live(layers, "The loss over two directions", rows, signs=SIGNS)
