"""How long the gradient is, and how far each update goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from fallline.figures.live.streamed import POINTED, axis_of, ball, live, named, steps_axis, veil
from fallline.figures.theme import EXACT, TRAIN

SERIES = {"gradient": (TRAIN, [1, 0]), "update": (EXACT, [6, 3])}


def draw_gradient(options: Mapping[str, Any]) -> Any:
    """Options: log."""
    x, y = steps_axis(), axis_of("y", "length", "length", log=options["log"])
    names = list(SERIES)
    legend = alt.Legend(title=None, symbolType="stroke", orient="top")
    colour = alt.Color("of:N", scale=alt.Scale(domain=names, range=[SERIES[n][0] for n in names]), legend=legend)
    dash = alt.StrokeDash("of:N", scale=alt.Scale(domain=names, range=[SERIES[n][1] for n in names]), legend=legend)
    base = named("steps").encode(x=x, y=y, color=colour)
    layers = [
        base.mark_line(strokeWidth=2, clip=True).encode(strokeDash=dash),
        base.mark_point(filled=True, size=40, opacity=0, clip=True, tooltip=POINTED),
        veil("veil", x),
        ball("here", x, y),
    ]
    return live(layers, "Length of the gradient and of the update")
