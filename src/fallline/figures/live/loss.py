"""The loss at each update as it is walked: what is behind, what lies ahead after going back, what can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fallline.figures.live.streamed import (
    POINTED,
    axis_of,
    ball,
    branches,
    live,
    named,
    steps_axis,
    veil,
    words_at_corner,
)
from fallline.figures.theme import EXACT, HELD, PALE, TRAIN, TRIVIAL, halo


def draw_loss(options: Mapping[str, Any]) -> Any:
    """Options: log, noisy (single steps pale beneath their mean)."""
    x, y = steps_axis(), axis_of("y", "loss", "loss", log=options["log"])
    noisy = options["noisy"]
    steps = named("steps").encode(x=x, y=y)
    means, held = named("means").encode(x=x, y=y), named("held").encode(x=x, y=y)
    layers = [
        steps.mark_line(color=PALE if noisy else TRAIN, strokeWidth=1 if noisy else 2.25, clip=True),
        steps.mark_point(filled=True, size=40, opacity=0, clip=True, tooltip=POINTED),
        means.mark_line(color=TRAIN, strokeWidth=2.25, clip=True),
        held.mark_line(color=HELD, strokeWidth=1.75, strokeDash=[6, 3], clip=True),
        held.mark_point(color=HELD, shape="square", size=28, clip=True, tooltip=POINTED),
        veil("veil", x),
        *branches("branches", x, y),
    ]
    for kind, colour, dash, dy in (("exact", EXACT, [8, 4], 11), ("trivial", TRIVIAL, [2, 3], -7)):
        line = named(kind).encode(y=y)
        layers.append(line.mark_rule(color=colour, strokeDash=dash, strokeWidth=1.5, clip=True))
        layers += halo(line.encode(text="words:N"), colour, align="right", x="width", dx=-2, dy=dy, clip=True)
    layers += [ball("here", x, y), *words_at_corner("broken")]
    return live(layers, "Loss at each step")
