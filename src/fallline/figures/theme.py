"""The one look of all figures: calm, legible, and told apart without colour alone.

The colours are from the palette of Okabe and Ito (2008), darkened until each has a contrast of 4.5 on white.
"""

from __future__ import annotations

from typing import Any

import altair as alt

INK = "#1d2329"
MUTED = "#59636e"
GRID = "#e6e9ed"
TRAIN = "#0067a5"  # training
PALE = "#a9cbe2"  # single steps of it, beneath their mean
HELD = "#b84a00"  # held-out rows: validation, test
EXACT = "#00735a"  # the closed form, the perfect prediction
TRIVIAL = "#8a3f6f"  # always predicting the same
BROKEN = "#a4262c"  # not a finite number
GROUPS = (HELD, EXACT, TRIVIAL, "#7a5c00", "#3a4a9f", "#4d4d4d")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
HEIGHT = 300

_AXIS = {
    "labelColor": MUTED,
    "titleColor": INK,
    "titleFontWeight": 500,
    "titleFontSize": 12,
    "labelFontSize": 12,
    "gridColor": GRID,
    "domainColor": "#b5bcc4",
    "tickColor": "#b5bcc4",
    "titlePadding": 10,
    "labelFlush": False,
}


def finish(layers: list[alt.Chart], title: str, description: str, height: int = HEIGHT) -> alt.LayerChart:
    """Lay marks over each other as one figure with its title, the words that a screen reader says for it, and the look.

    One flat list: layers of layers cost Altair a copy of everything at each level.
    """
    legend = {
        "orient": "top",
        "direction": "horizontal",
        "labelColor": INK,
        "labelFontSize": 12,
        "labelLimit": 260,
    }
    config: dict[str, Any] = {
        "font": FONT,
        "background": "white",
        "axis": _AXIS,
        "axisX": {"grid": False},
        "view": {"stroke": None},
        "legend": {
            **legend,
            "titleColor": MUTED,
            "titleFontWeight": 500,
            "offset": 8,
            "symbolStrokeWidth": 3,
            "symbolOpacity": 1,
        },
        "title": {
            "anchor": "start",
            "color": INK,
            "fontSize": 15,
            "fontWeight": 600,
            "offset": 12,
            "frame": "group",
        },
    }
    chart = alt.LayerChart(layer=layers)
    return chart.properties(
        title=title,
        description=description,
        width="container",
        height=height,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        config=config,
    )


def halo(chart: alt.Chart, colour: str, **mark: Any) -> list[alt.Chart]:
    """Text that stays legible on top of lines: the same words, broad and white, lie beneath it."""
    common = {"fontSize": 12, "fontWeight": 500, "aria": False, **mark}
    return [
        chart.mark_text(stroke="white", strokeWidth=4, strokeJoin="round", color="white", **common),
        chart.mark_text(color=colour, **common),
    ]


def nothing(title: str, words: str) -> alt.LayerChart:
    """What stands in a figure's place when there is not one number to draw."""
    mark = (
        alt.Chart(alt.InlineData(values=[{"words": words}])).mark_text(fontSize=14, color=MUTED).encode(text="words:N")
    )
    return finish([mark], title, words, height=80)
