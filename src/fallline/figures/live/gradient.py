"""How long the gradient is, and how far each update goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from fallline.figures.live.streamed import Rows, axis_of, ball, live, named, steps_axis, veil
from fallline.figures.theme import EXACT, TRAIN

SIGNS = {"gradient": (TRAIN, "stroke", [1, 0]), "update": (EXACT, "stroke", [6, 3])}


def draw_gradient(options: Mapping[str, Any]) -> Any:
    """Options: log."""
    x, y = steps_axis(), axis_of("y", "length", "length", log=options["log"])
    names, signs = list(SIGNS), SIGNS.values()
    colour = alt.Color("of:N", scale=alt.Scale(domain=names, range=[sign[0] for sign in signs]), legend=None)
    dash = alt.StrokeDash("of:N", scale=alt.Scale(domain=names, range=[sign[2] for sign in signs]), legend=None)
    lines = named("steps").mark_line(strokeWidth=2, clip=True).encode(x=x, y=y, color=colour, strokeDash=dash)
    columns = {"step": "step", "of": "what", "length": "length"}
    rows = [
        Rows("here", "Where the training stands", {"step": "step", "length": "length of the gradient"}),
        Rows("steps", "Lengths at each step", columns, x="step", y="length", by="x"),
    ]
    title = "Length of the gradient and of the update"
    return live([lines, veil("veil", x), ball("here", x, y)], title, rows, signs=SIGNS)
