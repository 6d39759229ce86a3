"""Quick answers: what a scene is made of, a guess graded, a row predicted with how that came about."""

from __future__ import annotations

from typing import Any

import polars as pl

from fallline.errors import SettingsError
from fallline.examples import EXAMPLES
from fallline.lab.choices import choices
from fallline.lab.prepared import Prepared, one_feature
from fallline.lab.walker import Walker
from fallline.numbers import count, number, share

Message = dict[str, Any]
NEAR = 0.25  # of the step's length: a guess that is nearer to where it lands is right
ROWS = 2_000  # of a one-feature table that the page can take hold of


def ready(walker: Walker, shown: Any, table: Message) -> Message:
    """All that the page needs to know of a scene before its first step."""
    from fallline.lab.pictures import PICTURES
    from fallline.lab.showing import Showing

    prepared = walker.prepared
    look = Showing(lambda message: None).look(walker, shown, False)
    split = prepared.table.split
    target = prepared.table.target
    return {
        "say": "ready",
        "scene": walker.here().model_dump(),
        "address": walker.here().to_query(),
        "names": list(prepared.names),
        "tables": [{"name": e.name, "title": e.title, "rows": e.rows} for e in EXAMPLES.values()],
        "title": prepared.source.title,
        **table,
        "target": target.name,
        "target_kind": {"kind": "category" if target.task == "classes" else "number", "why": _taken_for(prepared)},
        "task": target.task,
        "classes": list(target.classes or ()),
        "features": list(prepared.table.preparation.feature_names),
        **changing(walker),
        "choices": choices(target.task, len(target.classes or ())),
        "rows": {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)},
        "metric": prepared.metric,
        "recorded": prepared.recorded is not None,
        "pictures": [
            {"name": name, "title": picture.title, "for": bool(picture.fits(look))}
            for name, picture in PICTURES.items()
        ],
    }


def changing(walker: Walker) -> Message:
    """What a change of the rate changes: the settings, with the rate at the cursor and the rows of a batch in numbers;
    and what may be compared with them."""
    made, rate = walker.ready, walker.settings_rate(walker.step + 1)
    settings = made.settings.model_dump() | {"rate": rate, "batch_rows": made.walk.batches.size}
    return {"settings": settings, "suggested": _suggested(walker, rate)}


def _suggested(walker: Walker, rate: float) -> dict[str, str]:
    """For each setting that may be varied, values to begin with."""
    target, rows = walker.prepared.table.target, walker.ready.walk.batches.rows
    one_layer = "linear" if target.task == "regression" else "logistic" if len(target.classes or ()) == 2 else "softmax"
    return {
        "rate": ",".join(f"{part * rate:.2g}" for part in (0.1, 0.3, 1, 3)),
        "batch": f"full,{min(32, rows)},1",
        "rule": "plain;momentum:0.9;adam",
        "schedule": "constant;cosine;inverse",
        "seed": "0,1,2,3",
        "model": f"{one_layer};mlp:8;mlp:32,32",
        "l2": "0,0.01,0.1",
    }


def table_of(prepared: Prepared) -> Message:
    """The columns, and the points of a table with one feature."""
    table = prepared.table
    used = {step.name: _typical(step) for step in table.preparation.steps}
    columns = [
        {
            "name": c.name,
            "kind": c.kind,
            "why": c.why,
            "distinct": c.distinct,
            "missing": c.missing,
            "used": c.name in used,
            "typical": used.get(c.name),
        }
        for c in table.columns
    ]
    try:
        feature = one_feature(table)
    except SettingsError:
        return {"columns": columns, "points": None}
    frame = table.frame.select(
        pl.Series("row", table.numbers), pl.col(feature).alias("x"), pl.col(table.target.name).alias("y")
    )
    return {"columns": columns, "points": {"feature": feature, "rows": frame.head(ROWS)}}


def _taken_for(prepared: Prepared) -> str:
    """What the target is taken for, and why."""
    target = prepared.table.target
    distinct = prepared.table.frame[target.name].n_unique()
    asked = "as you said: " if target.name in prepared.source.given.get("types", {}) else ""
    if target.task == "classes":
        return f"{asked}one of {count(distinct)} classes is predicted"
    return f"{asked}a number is predicted; it has {count(distinct)} distinct values"


def _typical(step: Any) -> Any:
    """A value to begin with: the median, or the most frequent category; none for a date."""
    if step.kind == "category":
        return next(iter(step.levels), None)
    return float(f"{step.median:.6g}") if step.kind == "number" else None


def guess(walker: Walker, weight: str, value: float) -> Message:
    """Whether the guessed value of the shown weight is near to where the next update puts it."""
    k = walker.prepared.names.index(weight)
    before, after = (float(walker.parameters(step)[k]) for step in (walker.step, walker.step + 1))
    length, off = abs(after - before), abs(value - after)
    right = off <= NEAR * length
    part = f", {share(off / length)} of the step's length away" if length else ""
    text = (
        f"{'Right' if right else 'Not quite'}: from {number(before, 5)} the update takes {weight} to "
        f"{number(after, 5)}; you said {number(value, 5)}{part}. Within {share(NEAR)} counts as right."
    )
    return {"text": text, "right": right, "value": after}
