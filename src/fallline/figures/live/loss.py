"""The loss at each update as it is walked: what is behind, what lies ahead after going back, what can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fallline.figures.live.streamed import (
    Rows,
    axis_of,
    ball,
    branches,
    live,
    named,
    of_field,
    steps_axis,
    veil,
    words_at_corner,
)
from fallline.figures.theme import EXACT, HELD, PALE, TRAIN, TRIVIAL, halo


def draw_loss(options: Mapping[str, Any]) -> Any:
    """Options: log, full (updates see all rows), noisy (steps pale beneath their mean), held (validation rows)."""
    x, y = steps_axis(), axis_of("y", "loss", "loss", log=options["log"])
    noisy = options["noisy"]
    steps = named("steps").encode(x=x, y=y)
    means, held = named("means").encode(x=x, y=y), named("held").encode(x=x, y=y)
    layers = [
        steps.mark_line(color=PALE if noisy else TRAIN, strokeWidth=1 if noisy else 2.25, clip=True),
        means.mark_line(color=TRAIN, strokeWidth=2.25, clip=True),
        held.mark_line(color=HELD, strokeWidth=1.75, strokeDash=[6, 3], clip=True),
        held.mark_point(color=HELD, shape="square", size=28, clip=True),
        veil("veil", x),
        *branches("branches", x, y),
    ]
    for kind, colour, dash, dy in (("exact", EXACT, [8, 4], 11), ("trivial", TRIVIAL, [2, 3], -7)):
        line = named(kind).encode(y=y)
        layers.append(line.mark_rule(color=colour, strokeDash=dash, strokeWidth=1.5, clip=True))
        layers += halo(line.encode(text="words:N"), colour, align="right", x="width", dx=-2, dy=dy, clip=True)
    layers += [ball("here", x, of_field(y, "shown")), *words_at_corner("broken")]
    one = "training rows" if options["full"] else "each batch"
    signs = {one: (PALE if noisy else TRAIN, "stroke", [1, 0])}
    signs |= {"their mean": (TRAIN, "stroke", [1, 0])} if noisy else {}
    signs |= {"validation": (HELD, "square", [1, 0])} if options["held"] else {}
    columns, at = {"step": "step", "loss": "loss"}, {"x": "step", "y": "loss"}
    rows = [
        Rows("branches", "Paths that were left", columns | {"branch": "path"}, **at, by="near"),
        Rows("steps", f"Loss at each step, on {one}", columns, **at, by="x"),
        Rows("means", "Mean loss of the batches around a step", columns, **at, by="x"),
        Rows("held", "Loss on the validation rows", columns, **at, by="x"),
        Rows("here", "Where the training stands", columns),
        Rows("exact", "The exact answer", {"loss": "loss"}),
        Rows("trivial", "Always the same answer", {"loss": "loss"}),
    ]
    return live(layers, "Loss at each step", rows, signs=signs)
