"""A chart as a piece of the page: its title, what there is to see in it, the drawing, and its numbers as a table."""

from __future__ import annotations

import json
import math
from typing import Any

import altair as alt

from fallline.report.at_step import mark_step
from fallline.report.html import folded, text
from fallline.report.night import colours_in
from fallline.report.tables import tables_of
from fallline.report.units import Spec

AROUND = 90  # px: legend and axis beside the height of the plot, so that nothing moves when the drawing comes


def figure(chart: alt.LayerChart, said: str = "", *, narrow: bool = False, level: int = 3, name: str = "") -> str:
    """A chart under its title, with what there is to see in it: `said`, or else the chart's own description.

    The title is a heading of the page and not of the drawing, where it could not wrap on a narrow screen. The script
    of the page draws it when it is scrolled near.

    Args:
        level: of the heading.
        name: what a link calls the figure.
    """
    spec: dict[str, Any] = chart.to_dict(validate=False)  # half of the time; the tests validate every figure
    title, described = spec.pop("title"), spec.get("description", "")
    title = " ".join(title["text"]) if isinstance(title, dict) and isinstance(title["text"], list) else title
    title = str(title["text"] if isinstance(title, dict) else title)
    spec.pop("$schema", None)  # an address, and the bundle knows its own version
    numbers = folded("As a table", tables_of(spec, title))
    spec, tracks = mark_step(spec)
    told = {"spec": _short(spec), "night": colours_in(spec)}
    told |= {} if tracks is None else {"tracks": [track.to_json() for track in tracks]}
    height = spec.get("height")
    room = f' style="min-height:{height + AROUND}px"' if isinstance(height, int | float) else ""
    mark = f' id="{text(name)}" tabindex="-1"' if name else ""
    return (
        f'<figure class="chart{" narrow" if narrow else ""}"{mark}><figcaption><h{level}>{text(title)}</h{level}>'
        f"<p>{text(said or described)}</p></figcaption>"
        + ("" if tracks is None else '<p class="read-off" hidden></p>')
        + f'<div class="drawing" role="img" aria-label="{text(described)}"{room}></div>'
        f'<script type="application/json">{script_json(told)}</script>{numbers}</figure>'
    )


def _short(spec: Spec) -> Spec:
    """The same with each set of rows as columns, which takes half of the room; the script makes rows of them again."""
    return {**spec, "datasets": {name: _columns(rows) for name, rows in spec.get("datasets", {}).items()}}


def _columns(rows: Any) -> Any:
    if not rows or not isinstance(rows[0], dict) or any(row.keys() != rows[0].keys() for row in rows):
        return rows
    columns: dict[str, Any] = {}
    for name in rows[0]:
        values = [_drawable(row[name]) for row in rows]
        same = all(type(value) is type(values[0]) and value == values[0] for value in values)
        columns[name] = {"all": values[0]} if same else values
    return {"rows": len(rows), "columns": columns}


def _drawable(value: Any) -> Any:
    """JSON has no word for a number that is not finite, and a chart no place."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def script_json(value: Any) -> str:
    """JSON that can stand inside a script element, and ends it nowhere."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")
