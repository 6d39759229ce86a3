"""What a run knows of its table's columns, as figures: kinds, gaps, scales, and the ranges that training saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fallline.measurement import Figures
from fallline.trace.folder import read_run

MANY_GAPS = 0.3  # of a column's cells missing: more is guessed there than a median should stand for
WIDE = 2.0  # scales on either side of the mean: by Chebyshev's inequality at least 3 of 4 rows of any column


def column_facts(run: Any) -> Figures:
    """Names and numbers of the columns, by what was inferred, changed and left out."""
    columns, steps = run.data["columns"], preparation(run)
    used = [c for c in columns if c["kind"] != "ignore"]
    gaps = sorted((c for c in used if c.get("missing")), key=lambda c: -c["missing"])
    numbers = [s for s in steps if s["kind"] in ("number", "date")]
    scaled = [s for s in numbers if (s["mean"], s["scale"]) != (0.0, 1.0)]
    widest = max(scaled, key=lambda s: abs(s["scale"]), default=None)
    scales = [abs(s["scale"]) for s in numbers]
    categories = [s for s in steps if s["kind"] == "category"]
    read = run.data["rows"]["read"]
    return {
        "columns": len(columns),
        "inputs": len(used),
        "numbers": sum(c["kind"] == "number" for c in columns),
        "dates": sum(c["kind"] == "date" for c in columns),
        "categories": sum(c["kind"] == "category" for c in columns),
        "kinds": [[c["name"], c["kind"], c["why"]] for c in columns],
        "ignored": [[c["name"], c["why"]] for c in columns if c["kind"] == "ignore"],
        "gaps": [[c["name"], c["missing"], c["missing"] / max(read, 1)] for c in gaps],
        "scaled": len(scaled),
        "scaled_example": [widest["name"], widest["mean"], widest["scale"]] if widest else None,
        "scales": [min(scales), max(scales)] if scales else None,  # 1 where a column is taken as it is
        "levels": sum(len(s["levels"]) for s in categories),
        "one_value": [c["name"] for c in used if (c.get("distinct") or 2) <= 1],
        "ranges": [[s["name"], *_range(s, columns)] for s in numbers],
        "exact_ranges": all(_seen(s["name"], columns) for s in numbers),
        "level_names": [[s["name"], list(s["levels"]), bool(s["other"])] for s in categories],
    }


def preparation(run: Any) -> list[dict[str, Any]]:
    """What was done to each column, as run.json has it."""
    found = getattr(run, "preparation", None)
    if found is None:
        found = read_run(Path(run.path))["preparation"]
    return found.get("steps", [])


def _range(step: dict[str, Any], columns: list[dict[str, Any]]) -> tuple[float, float]:
    """From where to where a column went in training; where that is not recorded, mean and scale tell about where."""
    return _seen(step["name"], columns) or (
        step["mean"] - WIDE * step["scale"],
        step["mean"] + WIDE * step["scale"],
    )


def _seen(name: str, columns: list[dict[str, Any]]) -> tuple[float, float] | None:
    found = next((c.get("range") for c in columns if c["name"] == name), None)
    return (found[0], found[1]) if found else None
