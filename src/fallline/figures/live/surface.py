"""The loss over two weights, or over the plane of the path, while it is walked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from fallline.figures.live.streamed import POINTED, axis_of, ball, branches, live, named
from fallline.figures.theme import EXACT, INK, halo

# pale where the loss is low; each darker than the one before, also in grey
SHADES = ("#f7fbf4", "#e3f1d9", "#c5e3c6", "#9fd0bd", "#72b8b8", "#4a9bb0", "#317ca1", "#285c8c", "#263f70")


def draw_surface(options: Mapping[str, Any]) -> Any:
    """Options: x_name, y_name."""
    x, y = axis_of("x", "x", options["x_name"]), axis_of("y", "y", options["y_name"])
    sides = {"x": x.copy(), "y": y.copy()}
    sides["x"]["shorthand"], sides["y"]["shorthand"] = "x1:Q", "y1:Q"
    shades = alt.Scale(domain=list(range(len(SHADES))), range=list(SHADES))
    colour, edge = alt.Color("level:O", scale=shades, legend=None), alt.Stroke("level:O", scale=shades, legend=None)
    cells = named("cells").mark_rect(invalid="filter", strokeWidth=0.5, clip=True, tooltip=POINTED)
    walked, ghost = named("walked").encode(x=x, y=y), named("ghost").encode(x=x, y=y)
    layers = [
        cells.encode(**sides, x2="x2", y2="y2", color=colour, stroke=edge),
        *branches("branches", x, y),
        walked.mark_line(color=INK, strokeWidth=1.5, clip=True).encode(order="step:Q"),
        walked.mark_circle(color=INK, size=18, clip=True, tooltip=POINTED),
        ghost.mark_point(shape="diamond", filled=True, color=EXACT, size=110, opacity=0.8, clip=True, tooltip=POINTED),
        ball("ball", x, y),
        *halo(named("ball").encode(x=x, y=y, text="words:N"), INK, dy=18),
    ]
    return live(layers, "The loss over two directions")
