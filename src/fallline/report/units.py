"""The marks of a Vega-Lite chart, each with all that it takes over from the views that it stands in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]  # a Vega-Lite chart

STEP = "step"
SERIES = ("color", "stroke", "fill", "detail", "strokeDash", "shape", "opacity", "row", "column", "facet", "x", "y")


@dataclass(frozen=True)
class Unit:
    """One mark of a chart, with what it takes over from what it stands in."""

    spec: Spec
    encoding: Spec
    rows: list[Spec]
    own: Spec  # data and transforms that a layer beside it must repeat
    series: tuple[str, ...]  # fields that tell its series apart

    def channel(self, name: str) -> Spec:
        """A channel that shows a field as it is; empty for any other."""
        found = self.encoding.get(name) or {}
        made = any(found.get(how) for how in ("aggregate", "bin", "timeUnit"))
        return found if isinstance(found, dict) and found.get("field") and not made else {}

    @property
    def mark(self) -> str:
        mark = self.spec.get("mark", "")
        return mark["type"] if isinstance(mark, dict) else mark

    @property
    def axis(self) -> str | None:
        """The channel, x or y, along which its steps go."""
        along = [name for name in ("x", "y") if self.channel(name).get("field") == STEP]
        return next((name for name in along if self.channel(name).get("type") == "quantitative"), None)

    @property
    def steps(self) -> list[float]:
        """The steps of its rows, where they have any."""
        return [row[STEP] for row in self.rows if isinstance(row, dict) and isinstance(row.get(STEP), int | float)]


def facet_fields(facet: Any) -> list[str]:
    """The fields that a facet goes by."""
    parts = [facet, *facet.values()] if isinstance(facet, dict) else []
    return [part["field"] for part in parts if isinstance(part, dict) and "field" in part]


def units_of(view: Spec, around: Spec, sets: Spec, facets: tuple[str, ...]) -> Iterator[Unit]:
    """Every mark of a view of layers; none of one that facets by itself, where no layer can be put."""
    top = view

    def inside(part: Spec, data: Spec, encoding: Spec, own: Spec) -> Iterator[Unit]:
        data = part.get("data") or data
        encoding = {**encoding, **part.get("encoding", {})}
        if part is not top:
            transforms = part.get("transform", [])
            own = {"data": part["data"]} if part.get("data") else own
            own = {**own, "transform": [*own.get("transform", []), *transforms]} if transforms else own
        if "layer" in part:
            for layer in part["layer"]:
                yield from inside(layer, data, encoding, own)
        elif not any(channel in encoding for channel in ("row", "column", "facet")):
            rows = sets.get(data.get("name", ""), data.get("values"))
            rows = rows if isinstance(rows, list) else []
            yield Unit(part, encoding, rows, own, tuple(dict.fromkeys([*facets, *_series(encoding)])))

    yield from inside(view, around, {}, {})


def _series(encoding: Spec) -> list[str]:
    """The fields of names and ranks, in which one series differs from another."""
    given = [encoding.get(channel) or {} for channel in SERIES]
    channels = [each for one in given for each in (one if isinstance(one, list) else [one])]
    named = [each for each in channels if each.get("type", "nominal") in ("nominal", "ordinal")]
    return list(dict.fromkeys(each["field"] for each in named if each.get("field") not in (None, STEP)))
