"""What happens in each layer at the step: activations, gradient, update against weight, units that no row wakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from fallline.figures.live.streamed import HEIGHT, Rows, live, named, names_axis
from fallline.figures.theme import INK, TRAIN, halo

ROOM = 1.9  # times the longest bar: its words stand behind it
SHOWN = ("activations", "gradient", "update / weight", "dead or flat units")
BAR = 17  # px, at least: words stand beside each


def draw_layers(options: Mapping[str, Any]) -> Any:
    """Options: layers (their names). Each layer has a bar for each of SHOWN; bars of one kind share a scale."""
    layers = list(options["layers"])
    y = alt.Y("layer:N", sort=layers, title=None, axis=names_axis(52))
    x = alt.X("part:Q", scale=alt.Scale(domain=[0, ROOM]), axis=None)
    offset = alt.YOffset("of:N", sort=list(SHOWN), scale=alt.Scale(domain=list(SHOWN)))
    base = named("bars").encode(y=y, x=x, yOffset=offset)
    marks = [base.mark_bar(color=TRAIN, opacity=0.75), *halo(base.encode(text="words:N"), INK, align="left", dx=4)]
    columns = {"layer": "layer", "of": "what", "value": "value"}
    rows = [Rows("bars", "In each layer", columns, x="part", y="layer", by="bar", within="of")]
    return live(marks, "In each layer", rows, params=(), height=max(HEIGHT, BAR * len(SHOWN) * len(layers)))
