"""Step 2: what the data was and what was done to it."""

from __future__ import annotations

from typing import Any

from fallline.numbers import count
from fallline.report.html import bullets, folded, paragraphs, table, text
from fallline.report.reported import Reported
from fallline.report.words import sentence

SHOWN = 20  # columns that are listed without being asked for
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def data_section(run: Reported) -> str:
    """The source, the rows and how they were split, each column, and what was done to each."""
    data = run.data
    steps, columns = data.get("steps", []), data.get("columns", [])
    done = bullets(steps)
    done = f"<h3>What was done to the columns</h3>{done}" if len(steps) <= SHOWN else folded("What was done", done)
    listed = _columns(columns)
    listed = listed if len(columns) <= SHOWN else folded(f"All {count(len(columns))} columns", listed)
    split = sentence(str(data.get("split") or ""))
    return (
        _source(data.get("source", {}))
        + paragraphs([_rows(data.get("rows", {}), parted=not split), split])
        + listed
        + (done if steps else "")
    )


def _source(source: dict[str, Any]) -> str:
    if not source.get("name"):
        return ""
    size = f", {_size(source['size'])}" if source.get("size") else ""
    fingerprint = source.get("sha256")
    mark = (
        f', SHA-256 beginning <code title="{text(fingerprint)}">{text(str(fingerprint)[:16])}</code>'
        if fingerprint
        else ""
    )
    return f"<p>Source: <b>{text(source['name'])}</b>{size}{mark}.</p>"


def _size(size: float) -> str:
    for unit in UNITS:
        if size < 1000 or unit == UNITS[-1]:
            break
        size /= 1000
    return f"{size:.3g} {unit}"


def _rows(rows: dict[str, int], *, parted: bool) -> str:
    """How many rows were read; and their parts, when no sentence on the split says it."""
    if not rows:
        return ""
    read = f"{count(rows['read'])} rows were read" if rows.get("read") else "Rows"
    dropped = f", {count(rows['dropped'])} of them left out" if rows.get("dropped") else ""
    parts = [
        ("train", "to train on"),
        ("validation", "to validate on while training"),
        ("test", "to test on at the end"),
    ]
    shown = [f"{count(rows[part])} {said}" for part, said in parts if rows.get(part)]
    return f"{read}{dropped}: {', '.join(shown)}." if parted and shown else f"{read}{dropped}."


def _columns(columns: list[dict[str, Any]]) -> str:
    if not columns:
        return ""
    rows = [
        (c["name"], c.get("kind", ""), _known(c.get("distinct")), _known(c.get("missing")), c.get("why") or "")
        for c in columns
    ]
    return table("The columns", ("column", "kind", "distinct", "missing", "why this kind"), rows, numbers=(2, 3))


def _known(value: int | None) -> str:
    return "" if value is None else count(value)
