"""The learning rate over the steps, beside the largest stable one where it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fallline.figures.live.streamed import Rows, axis_of, ball, live, named, steps_axis, veil
from fallline.figures.theme import BROKEN, TRAIN, halo


def draw_rate(options: Mapping[str, Any]) -> Any:
    """No options."""
    x, y = steps_axis(), axis_of("y", "rate", "rate")
    limit = named("limit").encode(y=y)
    line = named("steps").encode(x=x, y=y)
    layers = [
        line.mark_line(color=TRAIN, strokeWidth=2, interpolate="step-after", clip=True),
        veil("veil", x),
        limit.mark_rule(color=BROKEN, strokeDash=[6, 3], strokeWidth=1.5, clip=True),
        *halo(limit.encode(text="words:N"), BROKEN, align="right", x="width", dx=-2, dy=-8, clip=True),
        ball("here", x, y),
    ]
    rows = [
        Rows("here", "Where the training stands", {"step": "step", "rate": "rate"}),
        Rows("steps", "The rate of each update", {"step": "step", "rate": "rate"}, x="step", y="rate", by="x"),
        Rows("limit", "The largest stable rate", {"rate": "rate"}),
    ]
    return live(layers, "The rate", rows)
