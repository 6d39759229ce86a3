"""Makes a figure follow the page's step scrubber: a rule at the step, and a ring at what was recorded there last.

A chart gets the parameter `at_step`, which the page's script sets. Wherever a mark's rows have a field `step`, a ring
is laid on the last row at or before that step, of each series; where the step is along an axis, a rule stands at it.
The rings are named, so that the script can read off the page what is drawn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from fallline.figures.theme import INK
from fallline.report.units import STEP, Spec, Unit, facet_fields, units_of

PARAMETER = "at_step"
RINGED = ("line", "point", "circle", "square", "trail", "area")  # marks that have a place for each row
TOLD = ("rect", "bar")  # marks whose value is their colour: nothing is laid on them, the value is read off
RULE = {"type": "rule", "color": INK, "strokeWidth": 1.25, "opacity": 0.6, "clip": True, "aria": False}
RING = {"type": "point", "filled": True, "size": 70, "strokeWidth": 2, "aria": False}


@dataclass
class Track:
    """What is read off for one kind of ring: the titles and fields of its values, and what tells its series apart."""

    name: str
    values: list[tuple[str, str]]
    series: list[str] = field(default_factory=list)

    def to_json(self) -> Spec:
        return dict(vars(self))


def mark_step(spec: Spec) -> tuple[Spec, list[Track] | None]:
    """The chart with its marks at the step, and what can be read off; as it was, and None, if it has no step."""
    tracks: list[Track] = []
    marked = _marked(spec, {}, spec.get("datasets", {}), (), tracks)
    if marked is spec:
        return spec, None
    return {**marked, "params": [*marked.get("params", []), {"name": PARAMETER, "value": 0}]}, tracks


def _marked(view: Spec, around: Spec, sets: Spec, facets: tuple[str, ...], tracks: list[Track]) -> Spec:
    """A view, or the views that it is put together from."""
    data = view.get("data") or around
    for key in ("hconcat", "vconcat", "concat"):
        if key in view:
            parts = [_marked(part, data, sets, facets, tracks) for part in view[key]]
            same = all(new is old for new, old in zip(parts, view[key], strict=True))
            return view if same else {**view, key: parts}
    if "spec" in view:
        inside = _marked(view["spec"], data, sets, (*facets, *facet_fields(view.get("facet"))), tracks)
        return view if inside is view["spec"] else {**view, "spec": inside}
    units = list(units_of(view, data, sets, facets))
    extra = _rules(units) + _rings(units, tracks)
    if not extra:
        return view
    if "layer" in view:
        return {**view, "layer": [*view["layer"], *extra]}
    single = {key: view[key] for key in ("mark", "encoding") if key in view}
    return {**{key: value for key, value in view.items() if key not in single}, "layer": [single, *extra]}


def _rules(units: list[Unit]) -> list[Spec]:
    """A rule for each axis of steps: it never leaves the axis as it is, so that nothing jumps."""
    rules = []
    for axis in ("x", "y"):
        along = [unit for unit in units if unit.axis == axis and unit.steps]
        if along:
            steps = [step for unit in along for step in unit.steps]
            channel = along[0].channel(axis)
            scale = channel.get("scale") or {}
            low, high = min(steps), max(steps)
            low = low if scale.get("type") == "log" or scale.get("zero") is False else min(low, 0)
            low, high = scale["domain"] if isinstance(scale.get("domain"), list) else (low, high)
            moved = [
                {"calculate": PARAMETER, "as": STEP},
                {"filter": f"{low} <= datum.{STEP} && datum.{STEP} <= {high}"},
            ]
            rules.append(
                {"data": {"values": [{STEP: 0}]}, "transform": moved, "mark": RULE, "encoding": {axis: channel}}
            )
    return rules


def _rings(units: list[Unit], tracks: list[Track]) -> list[Spec]:
    """A ring for each series, once where several marks show it."""
    alike: dict[str, list[Unit]] = {}
    for unit in units:
        placed = unit.channel("x") and unit.channel("y") and "x2" not in unit.encoding
        if placed and unit.mark in RINGED + TOLD and unit.steps:
            key = repr((id(unit.rows), unit.own, unit.channel("x")["field"], unit.channel("y")["field"], unit.series))
            alike.setdefault(key, []).append(unit)
    places = [_places(same[0]) for same in alike.values()]
    rings = []
    for same, own in zip(alike.values(), places, strict=True):
        if any(own < other for other in places):
            continue  # some rows of another mark once more, such as a start and an end
        unit = next((unit for unit in same if unit.encoding.get("tooltip")), same[0])
        shown = any(unit.mark in RINGED for unit in same)
        values = _values(unit, shown)
        if values:
            tracks.append(Track(f"{PARAMETER}_{len(tracks)}", values, list(unit.series)))
            rings.append(_ring(unit, tracks[-1].name, shown))
    return rings


def _places(unit: Unit) -> set[tuple[object, ...]]:
    """Where the rows of a mark lie, and of which step they are."""
    fields = (STEP, unit.channel("x")["field"], unit.channel("y")["field"])
    return {tuple(row.get(name) for name in fields) for row in unit.rows if isinstance(row, dict)}


def _ring(unit: Unit, name: str, shown: bool) -> Spec:
    series = {"groupby": list(unit.series)} if unit.series else {}
    last = [
        {"filter": f"isValid(datum.{STEP})"},
        {"window": [{"op": "lead", "field": STEP, "as": "until"}], "sort": [{"field": STEP}], **series},
        {"filter": f"datum.{STEP} <= {PARAMETER} && (datum.until === null || {PARAMETER} < datum.until)"},
    ]
    channels = {"x": unit.channel("x"), "y": unit.channel("y")}
    return {
        "name": name,
        **unit.own,
        "transform": [*unit.own.get("transform", []), *last],
        "mark": RING,
        "encoding": {
            **channels,
            "fill": {"value": "white"},
            "stroke": {"value": INK},
            "opacity": {"condition": {"test": _inside(channels), "value": int(shown)}, "value": 0},
        },
    }


def _inside(channels: Spec) -> str:
    """Whether a row lies on the axes as they are; to clip the ring would halve it at their ends."""
    tests = ["true"]
    for channel in channels.values():
        ends = (channel.get("scale") or {}).get("domain")
        if isinstance(ends, list) and channel.get("type") == "quantitative":
            value = f"datum[{json.dumps(channel['field'])}]"
            tests.append(f"{ends[0]} <= {value} && {value} <= {ends[-1]}")
    return " && ".join(tests)


def _values(unit: Unit, shown: bool) -> list[tuple[str, str]]:
    """What is worth reading off a row: the axis that is not the step, a colour, or what pointing at it would say."""
    if unit.axis is None:
        tips = unit.encoding.get("tooltip") or []
        channels = [tip for tip in tips if tip.get("type") == "quantitative"] if isinstance(tips, list) else []
        channels = channels or [unit.channel("x"), unit.channel("y")]
    else:
        channels = [unit.channel(("y" if unit.axis == "x" else "x") if shown else "color")]
    return [(_title(channel), channel["field"]) for channel in channels if channel.get("field", STEP) != STEP]


def _title(channel: Spec) -> str:
    """What a channel is called, without what its title says of the axis."""
    return str(channel.get("title") or channel["field"]).partition(",")[0]
