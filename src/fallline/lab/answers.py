"""Quick answers: what a scene is made of, a guess graded, a row predicted with how that came about."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import polars as pl

from fallline.data import apply, decode
from fallline.deploy.predict import as_frame
from fallline.errors import DataError, SettingsError
from fallline.examples import EXAMPLES
from fallline.lab.arithmetic import Line, Sum, bare, plain, written
from fallline.lab.choices import choices
from fallline.lab.prepared import Prepared, one_feature
from fallline.lab.stages import contributions
from fallline.lab.walker import Walker
from fallline.losses import Hinge
from fallline.models import Linear
from fallline.models.activations import ACTIVATIONS
from fallline.numbers import count, number, share
from fallline.survey import Rows, as_batch, respond

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


def _typical(step: Any) -> Any:
    """A value to begin with: the median, or the most frequent category; none for a date."""
    if step.kind == "category":
        return next(iter(step.levels), None)
    return float(f"{step.median:.6g}") if step.kind == "number" else None


def guess(walker: Walker, weight: str | None, value: float) -> Message:
    """Whether the guessed value of the shown weight is near to where the next update puts it."""
    training = walker.training
    k = training.weight(weight)
    before, after = (float(walker.parameters(step)[k]) for step in (walker.step, walker.step + 1))
    length, off = abs(after - before), abs(value - after)
    right = off <= NEAR * length
    part = f", {share(off / length)} of the step's length away" if length else ""
    text = (
        f"{'Right' if right else 'Not quite'}: from {number(before, 5)} the update takes {training.names[k]} to "
        f"{number(after, 5)}; you said {number(value, 5)}{part}. Within {share(NEAR)} counts as right."
    )
    return {"text": text, "right": right, "value": after}


def predict(walker: Walker, row: dict[str, Any]) -> Message:
    """A prediction for a row that a person typed, with the weights at the cursor, and how it came about."""
    prepared, training = walker.prepared, walker.training
    table, parts = prepared.table, training.parts
    target, preparation = table.target, table.preparation
    cells = {step.name: [_cell(step, row)] for step in preparation.steps}
    features = apply(preparation, pl.DataFrame(cells, strict=False))
    shape = (1,) if parts.model.outputs == 1 else (1, parts.model.outputs)
    batch = as_batch(Rows(features, np.zeros(shape), np.ones(1)))
    response = np.asarray(respond(parts, training.kept, batch)[1], np.float64)
    if not np.isfinite(response).all():
        raise DataError("The prediction is not a finite number.\nGo back to a step before it broke.")
    frame = as_frame(target, response, not isinstance(parts.loss, Hinge)).row(0, named=True)
    value = frame.pop("prediction")
    said = f"{target.name}: {number(value, 5) if isinstance(value, float) else value}"
    chances = {name.removeprefix("probability of "): chance for name, chance in frame.items()}
    if chances:
        said += f" ({', '.join(f'{name} {share(chance)}' for name, chance in chances.items())})"
    lines = _lines(walker, features[0], response[0], value)
    after = f"with the weights after step {count(walker.step)}"
    return {"said": f"{said}, {after}.", "lines": lines, "value": value, "chances": chances}


def _cell(step: Any, row: dict[str, Any]) -> Any:
    """A typed cell as its column has it; nothing typed is a missing value."""
    value = row.get(step.name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if step.kind != "number":
        return str(value)
    try:
        return float(value)
    except ValueError:
        raise DataError(f"'{value}' is no number, as '{step.name}' needs one.\nType one, or leave it empty.") from None


def _lines(walker: Walker, features: np.ndarray, response: Any, value: Any) -> list[Line]:
    """How a prediction came about: feature by feature for one layer, layer by layer for a network."""
    prepared, training = walker.prepared, walker.training
    model, target = training.parts.model, prepared.table.target
    names = list(prepared.table.preparation.feature_names)
    parameters = training.kept
    lines: list[Line] = []
    if isinstance(model, Linear):
        weights = np.asarray(parameters["weights"], np.float64).reshape(len(features), -1)
        bias = np.asarray(parameters["bias"], np.float64).reshape(-1) if model.bias else None
        k = int(np.argmax(response)) if np.ndim(response) else 0
        of = f" of {(target.classes or ())[k]}" if model.outputs > 1 else ""
        score = float(features @ weights[:, k] + (0.0 if bias is None else bias[k]))
        title = "prediction, as it is learned" if target.task == "regression" else f"score{of}"
        own = None if bias is None else float(bias[k])
        lines = contributions(names, features, weights[:, k], own, score, title)[1]
    else:
        signal = np.asarray(features, np.float64)
        for at, units in enumerate(model.hidden, 1):
            layer = parameters[f"layer{at}"]
            signal = signal @ np.asarray(layer["weights"], np.float64) + np.asarray(layer.get("bias", 0.0), np.float64)
            signal = np.asarray(ACTIVATIONS[model.activation](jnp.asarray(signal)), np.float64)
            active = int((np.abs(signal) > 1e-6).sum())
            most = int(np.argmax(np.abs(signal)))
            words = (
                f"{count(active)} of {count(units)} units are not 0; unit {most + 1} says most, {written(signal[most])}"
            )
            lines.append({"formula": f"layer{at}: {model.activation} of weights × what comes in", "numbers": words})
    if target.task == "regression" and (target.mean, target.scale) != (0.0, 1.0):
        prediction = float(np.asarray(response))
        found = Sum(
            [(prediction, target.scale)], [target.mean], float(np.asarray(decode(target, np.array([prediction])))[0])
        )
        (p, s), mean = found.factors[0], found.rest[0]
        numbers = f"{bare(found.total)} = {p} × {s} + {mean}"
        lines.append({"formula": f"{target.name} = prediction × scale + mean", "numbers": numbers})
    elif target.task == "classes":
        chance = float(np.max(response))
        lines.append({"formula": "its largest probability", "numbers": plain(f"{chance:.5g}")})
    return lines
