"""Predictions for new rows, in the target's own units."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl

from fallline.data import Preparation, Target, apply, decode, read_table
from fallline.data.stream.chunks import rows_of
from fallline.data.stream.convert import source_of
from fallline.data.stream.pieces import counted_from, sample, tidied
from fallline.data.stream.sources import files_of
from fallline.data.stream.spool import scratch
from fallline.engine import precision
from fallline.errors import DataError, SettingsError
from fallline.record import named_arrays
from fallline.settings import check, parts_of
from fallline.streamed import bound_of, sampled
from fallline.survey import Rows, as_batch, respond
from fallline.table import to_classes
from fallline.trace.contents import damaged
from fallline.trace.folder import kept_weights, read_run
from fallline.types import Parts


def nested(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """{"layer1/weights": array} as {"layer1": {"weights": array}}."""
    out: dict[str, Any] = {}
    for name, array in arrays.items():
        *layers, last = name.split("/")
        inner = out
        for layer in layers:
            inner = inner.setdefault(layer, {})
        inner[last] = array
    return out


def predict(folder: Path, table: pl.DataFrame) -> pl.DataFrame:
    """A row of predictions for each row of the table.

    Returns: `prediction` in the target's own units or classes, and for classes with probabilities a column
    `probability of CLASS` each.

    Raises: DataError when a column that the model needs is absent or does not fit; RunError for a damaged run.
    """
    run = read_run(folder)
    target = Target.from_json(run["target"])
    features = apply(Preparation.from_json(run["preparation"]), table)
    response = responses(run, kept_weights(folder, run), features)
    return as_frame(target, response, has_probabilities(run))


def predict_from(folder: Path, table: Any, *, header: bool | None = None) -> pl.DataFrame:
    """The same from a path, which may name more rows than fit into memory, or any table. Raises as `predict`."""
    bound = bound_of(table, "auto")
    if bound is None:
        return predict(folder, read_table(table, header=header))
    scratched = scratch()
    try:
        source = source_of(files_of(table), scratched, header=header, bound=bound)
        kinds = sample(source, sampled(bound, len(source.names)))[1].schema
        found = []
        at_once = rows_of(len(Preparation.from_json(read_run(folder)["preparation"]).feature_names))
        for first, frame in tidied(source, kinds):
            for place, some in enumerate(frame.iter_slices(at_once)):
                with counted_from(first + place * at_once):
                    found.append(predict(folder, some))
        return pl.concat(found)
    finally:
        shutil.rmtree(scratched, ignore_errors=True)


def responses(run: dict[str, Any], weights: dict[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """The model's response to prepared features [rows, features]."""
    parts, bits = model_of(run, weights)
    with precision(bits):
        rows = len(features)
        shape = (rows,) if parts.model.outputs == 1 else (rows, parts.model.outputs)
        batch = as_batch(Rows(features, np.zeros(shape), np.ones(rows)))
        response = np.asarray(respond(parts, nested(weights), batch)[1], np.float64)
    if not np.isfinite(response).all():
        row = int(np.argmax(~np.isfinite(response.reshape(rows, -1)).all(axis=1)))
        raise DataError(f"The prediction for row {row + 1} is not a finite number.\nSee the run's verdict.")
    return response


def model_of(run: dict[str, Any], weights: dict[str, np.ndarray]) -> tuple[Parts, int]:
    """The parts that a run was trained with, and their precision; none of its arrays is made.

    Raises: RunError for settings that can't be, or weights of another model than they ask for.
    """
    features = len(Preparation.from_json(run["preparation"]).feature_names)
    task, classes = run["target"]["task"], run["target"]["classes"] or ()
    try:
        settings = check(**run["asked"])
        parts = parts_of(settings, features=features, task=task, classes=len(classes))
    except (SettingsError, TypeError) as error:
        raise damaged(Path("run.json"), error) from error
    wanted = named_arrays(jax.eval_shape(parts.model.init, jax.random.key(0)))
    for name, array in wanted.items():
        found = weights.get(name)
        if found is None or found.shape != array.shape or len(weights) != len(wanted):
            has = "none" if found is None else f"the shape {list(found.shape)}"
            raise damaged(
                Path("weights.safetensors"),
                ValueError(f"the model needs '{name}' of the shape {list(array.shape)}, but it has {has}"),
            )
    return parts, settings.precision


def has_probabilities(run: dict[str, Any]) -> bool:
    """Whether the model's response to a row is a probability."""
    return run["settings"]["loss"] != "hinge"


def as_frame(target: Target, response: np.ndarray, probabilities: bool) -> pl.DataFrame:
    """Responses as predictions a person reads."""
    if target.task == "regression":
        return pl.DataFrame({"prediction": decode(target, response)})
    codes, each = to_classes(response, probabilities)
    out: dict[str, Any] = {"prediction": decode(target, codes)}
    if each is not None:
        out |= {f"probability of {c}": each[:, i] for i, c in enumerate(target.classes or ())}
    return pl.DataFrame(out)
