"""The numbers behind a figure as tables, for those who can't see it or want to read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from fallline.figures.downsample import keep_extremes
from fallline.numbers import count, number
from fallline.report.html import table, text
from fallline.report.units import Spec

MOST = 60  # rows of one table
PARTS = ("layer", "hconcat", "vconcat", "concat")


@dataclass
class Drawn:
    """Rows of the same columns that a figure draws: the column up its side, and what its columns are called."""

    rows: list[Spec]
    height: str | None = None
    titles: dict[str, str] = field(default_factory=dict)


def tables_of(spec: Spec, title: str) -> str:
    """A table for each kind of rows in a chart, of at most MOST rows; what a single label says is left to the chart."""
    alike: dict[tuple[str, ...], Drawn] = {}
    seen: set[int] = set()
    for rows, encoding in _shown(spec, spec.get("data") or {}, {}, spec.get("datasets", {})):
        if not rows or not isinstance(rows[0], dict):
            continue
        drawn = alike.setdefault(tuple(rows[0]), Drawn([]))
        if id(rows) not in seen:
            seen.add(id(rows))
            drawn.rows.extend(rows)
        for channel in encoding.values():
            for each in channel if isinstance(channel, list) else [channel]:
                if isinstance(each, dict) and each.get("field") and each.get("title"):
                    drawn.titles.setdefault(each["field"], str(each["title"]).partition(",")[0])
        drawn.height = drawn.height or (encoding.get("y") or {}).get("field")
    largest = max((len(drawn.rows) for drawn in alike.values()), default=0)
    return "".join(_table(drawn, title) for drawn in alike.values() if len(drawn.rows) >= min(3, largest))


def _shown(view: Spec, data: Spec, around: Spec, sets: Spec) -> Iterator[tuple[list[Spec], Spec]]:
    """The rows and the channels of each mark."""
    data, encoding = view.get("data") or data, {**around, **view.get("encoding", {})}
    inside = [part for key in PARTS for part in view.get(key, [])] + ([view["spec"]] if "spec" in view else [])
    for part in inside:
        yield from _shown(part, data, encoding, sets)
    if not inside:
        rows = sets.get(data.get("name", ""), data.get("values"))
        yield (rows if isinstance(rows, list) else []), encoding


def _table(drawn: Drawn, title: str) -> str:
    frame = pl.DataFrame(drawn.rows, infer_schema_length=None)
    kept = _thinned(frame, drawn.height)
    heads = [drawn.titles.get(name, name.replace("_", " ")) for name in frame.columns]
    numeric = [i for i, dtype in enumerate(frame.dtypes) if dtype.is_numeric()]
    names = [i for i in range(frame.width) if i not in numeric]
    order = [*names, *numeric]  # what names a row comes first
    rows = [[_value(row[i]) for i in order] for row in kept.rows()]
    said = ""
    if kept.height < frame.height:
        said = (
            f"{count(kept.height)} of {count(frame.height)} rows: the lowest and highest of equal stretches, "
            "the first and the last."
        )
    shown = table(title, [heads[i] for i in order], rows, numbers=range(len(names), frame.width))
    return shown + (f'<p class="small">{text(said)}</p>' if said else "")


def _thinned(frame: pl.DataFrame, height: str | None) -> pl.DataFrame:
    """At most MOST rows, with the lowest and highest of each series."""
    if frame.height <= MOST:
        return frame
    named = [name for name, dtype in frame.schema.items() if not dtype.is_numeric() and frame[name].n_unique() <= 6]
    series = frame.partition_by(named, maintain_order=True) if named else [frame]
    if height in frame.columns and frame[height].dtype.is_numeric():
        # a stretch leaves two rows, and the first and the last may come on top
        series = [keep_extremes(part, height, max((MOST // len(series) - 2) // 2, 1)) for part in series]
    frame = pl.concat(series)
    if frame.height <= MOST:
        return frame
    return frame[[round(at * (frame.height - 1) / (MOST - 1)) for at in range(MOST)]]


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value)
    return number(value) if isinstance(value, float) else str(value)
