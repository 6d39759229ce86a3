"""The final measure on the validation rows, in its own unit, at the steps where it was taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fallline.figures.live.streamed import Rows, axis_of, live, named, steps_axis
from fallline.figures.theme import HELD, INK

SIGNS = {"validation rows": (HELD, "square", [1, 0]), "now": (INK, "stroke", [1, 0])}


def draw_metric(options: Mapping[str, Any]) -> Any:
    """Options: measure (what it is called)."""
    x, y = steps_axis(), axis_of("y", "value", options["measure"])
    line = named("looks").encode(x=x, y=y)
    layers = [
        line.mark_line(color=HELD, strokeWidth=2, strokeDash=[6, 3], clip=True),
        line.mark_point(color=HELD, shape="square", size=30, clip=True),
        named("here").mark_rule(opacity=0.5).encode(x=x),
    ]
    columns = {"step": "step", "value": options["measure"]}
    title = "The final measure on validation rows"
    rows = [
        Rows("here", "Where the training stands", {"step": "step"}),
        Rows("looks", title, columns, x="step", y="value", by="x"),
    ]
    return live(layers, title, rows, signs=SIGNS)
