"""Loss against one weight while it is walked: the curve, the ball, its tangent, and where the next step lands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fallline.figures.live.streamed import Rows, axis_of, ball, ball_words, branches, live, named
from fallline.figures.theme import EXACT, HELD, INK, MUTED

SIGNS = {
    "loss": (MUTED, "stroke", [1, 0]),
    "walked": (INK, "circle", [1, 0]),
    "slope": (HELD, "stroke", [4, 2]),
    "next": (EXACT, "diamond", [1, 0]),
}


def draw_slice(options: Mapping[str, Any]) -> Any:
    """Options: weight (its name)."""
    weight = options["weight"]
    x, y = axis_of("x", "weight", weight), axis_of("y", "loss", "loss")
    walked = named("walked").encode(x=x, y=y)
    ghost = named("ghost").encode(x=x, y=y)
    layers = [
        named("curve").mark_line(color=MUTED, strokeWidth=2.25, clip=True).encode(x=x, y=y),
        *branches("branches", x, y),
        walked.mark_line(color=INK, strokeWidth=1, opacity=0.4, clip=True).encode(order="step:Q"),
        walked.mark_circle(color=INK, size=22, opacity=0.55, clip=True),
        named("tangent").mark_line(color=HELD, strokeWidth=1.75, strokeDash=[6, 3], clip=True).encode(x=x, y=y),
        ghost.mark_point(shape="diamond", filled=True, color=EXACT, size=110, opacity=0.75, clip=True),
        ball("ball", x, y),
        *ball_words("ball", x, y, HELD),
    ]
    columns, at = {"weight": weight, "loss": "loss"}, {"x": "weight", "y": "loss"}
    rows = [
        Rows("ball", "Where the training stands", {"step": "step"} | columns, **at, by="near"),
        Rows("ghost", "Where the next step lands, the other weights held", {"step": "step"} | columns, **at, by="near"),
        Rows("walked", "The path so far, with the loss of all weights", {"step": "step"} | columns, **at, by="near"),
        Rows("branches", "Paths that were left", {"step": "step"} | columns | {"branch": "path"}, **at, by="near"),
        Rows("curve", f"The loss along {weight}, the other weights held", columns, **at, by="x"),
    ]
    return live(layers, "Loss against one weight", rows, signs=SIGNS)
