"""Loss against one weight while it is walked: the curve, the ball, its tangent, and where the next step lands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fallline.figures.live.streamed import POINTED, axis_of, ball, branches, live, named
from fallline.figures.theme import EXACT, HELD, INK, MUTED, halo


def draw_slice(options: Mapping[str, Any]) -> Any:
    """Options: weight (its name)."""
    x, y = axis_of("x", "weight", options["weight"]), axis_of("y", "loss", "loss")
    walked = named("walked").encode(x=x, y=y)
    ghost = named("ghost").encode(x=x, y=y)
    layers = [
        named("curve").mark_line(color=MUTED, strokeWidth=2.25, clip=True).encode(x=x, y=y),
        *branches("branches", x, y),
        walked.mark_line(color=INK, strokeWidth=1, opacity=0.4, clip=True).encode(order="step:Q"),
        walked.mark_circle(color=INK, size=22, opacity=0.55, clip=True, tooltip=POINTED),
        named("tangent").mark_line(color=HELD, strokeWidth=1.75, strokeDash=[6, 3], clip=True).encode(x=x, y=y),
        ghost.mark_point(shape="diamond", filled=True, color=EXACT, size=110, opacity=0.75, clip=True, tooltip=POINTED),
        *halo(ghost.encode(text="words:N"), EXACT, dy=-14, clip=True),
        ball("ball", x, y),
        *halo(named("ball").encode(x=x, y=y, text="words:N"), HELD, dy=20),
    ]
    return live(layers, "Loss against one weight")
