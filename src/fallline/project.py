"""The four steps of a project: a problem is stated, data prepared, a model trained, and its answers measured.

`train` takes them in this order and leaves a run folder.
"""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree

from fallline import __version__, words
from fallline.data import decode, fingerprint, read_table
from fallline.engine import precision
from fallline.errors import DataError
from fallline.fit import Fitted, SetUp, fit
from fallline.instruments.slice import along, measure_slice
from fallline.legs import Leg
from fallline.losses import Hinge
from fallline.metrics import CLASSES, REGRESSION, known_metric, measure_classes, measure_numbers
from fallline.record import named_arrays
from fallline.run import Run
from fallline.settings import Settings, check, parts_of
from fallline.shortcut import as_parameters
from fallline.survey import as_batch, respond, survey
from fallline.table import Table, prepare_table, to_classes
from fallline.trace.folder import FORMAT, new_folder, runs_folder, write_frame, write_json, write_weights
from fallline.trace.store import Store
from fallline.trace.trace import layout
from fallline.types import Parts

SLICE_ROWS = 20_000  # rows that the slice's loss is taken over, at most
PREDICTIONS = 20_000  # held-out predictions kept as evidence, at most


def train(
    source: Any,
    target: str,
    *,
    runs: str | Path | None = None,
    name: str | None = None,
    header: bool | None = None,
    types: Mapping[str, str] | None = None,
    validation: float = 0.15,
    test: float = 0.15,
    split: str | None = None,
    weights: str | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
    metric: str = "auto",
    watch: Callable[[Leg | SetUp], None] = lambda seen: None,
    **settings: Any,
) -> Run:
    """Train a model to predict one column of a table from the others.

    Args:
        source: a path (CSV, Parquet, Arrow, JSON lines), a data frame of any kind, columns as a dict, or arrays.
        target: the column to predict.
        runs: where to put the run folder; $FALLLINE_RUNS or ./runs unless given.
        name: what the run is called, after its date; the source and the model unless given.
        types: the kind of a column where the inferred one is wrong: number, category, date or ignore.
        validation, test: parts of the rows held out.
        split: a column that says train, validation or test of each row, instead.
        weights: a column that says what each row counts.
        class_weight: "balanced", or what each class counts.
        metric: the final measure; rmse or accuracy unless given.
        watch: sees what was set up, and each leg.
        settings: see `fallline.settings.Settings`.

    Returns:
        The run, open. A training that diverged or was interrupted is a run as well: see its verdict.

    Raises:
        DataError, SettingsError, StorageError: in two lines, before training begins where that can be known.
    """
    # 1 Problem
    asked = check(**settings)
    # 2 Data
    frame = read_table(source, header=header)
    table = prepare_table(
        frame,
        target,
        asked,
        types=types,
        validation=validation,
        test=test,
        split_column=split,
        weight_column=weights,
        class_weight=class_weight,
    )
    parts = _parts(asked, table)
    metric = known_metric(metric, table.target.task)
    origin = fingerprint(source)
    kind = _model_kind(asked, parts)
    folder = new_folder(runs_folder(runs), name or f"{str(origin['name']).partition('.')[0]}-{kind}")
    known = {
        "format": FORMAT,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "asked": asked.model_dump(),
        "settings": asked.model_dump(),
        "given": {
            "header": header,
            "types": dict(types or {}),
            "validation": validation,
            "test": test,
            "split": split,
            "weights": weights,
            "class_weight": class_weight,
        },
        "data": _data(table, origin, len(frame)),
        "preparation": table.preparation.to_json(),
        "target": table.target.to_json(),
        "metric": metric,
        "environment": _environment(),
        "verdict": None,
    }
    # 3 Model
    try:
        with precision(asked.precision):
            return _train(asked, parts, table, metric, folder, known, watch)
    except BaseException:
        if not (folder / "run.json").exists():  # it never began: leave nothing behind
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _train(asked: Settings, parts: Parts, table: Table, metric: str, folder: Path, known: dict, watch: Callable) -> Run:
    outputs = parts.model.outputs
    dtype = np.float32 if asked.precision == 32 else np.float64
    rows = {
        part: table.rows(index, outputs, dtype)
        for part, index in (
            ("train", table.split.train),
            ("validation", table.split.validation),
            ("test", table.split.test),
        )
        if len(index)
    }
    store = Store(folder, lambda parameters: {k: np.asarray(v) for k, v in named_arrays(parameters).items()})
    measure = _measures(parts, table)
    held_out = table.split.validation

    def ready(made: SetUp) -> None:
        store.batches = made.walk.batches
        named = named_arrays(made.state.parameters)
        known["parameters"] = layout(list(named), [np.shape(a) for a in named.values()])
        known["parameter_names"] = words.parameter_names(known["parameters"], table.preparation.feature_names)
        known["settings"] |= _resolved(made, asked)
        write_json(folder / "run.json", known)
        if made.choice is not None:
            write_frame(
                folder / "evidence" / "rates.parquet",
                pl.DataFrame(
                    {
                        "rate": made.choice.rates,
                        "loss": made.choice.losses,
                        "chosen": made.choice.rates == made.rate,
                    }
                ),
            )
        store.start(made.state.parameters)
        watch(made)

    def keep(leg: Leg) -> None:
        store.keep(leg)
        watch(leg)

    try:
        fitted = fit(
            parts,
            asked,
            rows["train"],
            validation=rows.get("validation"),
            measure=lambda response: measure(held_out, response, [metric])[metric],
            keep=keep,
            ready=ready,
            trivially=_trivially(parts, table),
        )
    finally:
        store.close()
    write_weights(folder / "weights.safetensors", _arrays(fitted))
    # 4 Deployment
    _finish(fitted, table, rows, measure, metric, folder, known)
    return Run(folder)


def _finish(fitted: Fitted, table: Table, rows: dict, measure: Callable, metric: str, folder: Path, known: dict):
    """Measure the model kept on every part, write the evidence, and close the run with its verdict."""
    parts = fitted.ready.parts
    names = CLASSES if table.target.task == "classes" else REGRESSION
    metrics, kept = {}, []
    for part, index in (
        ("train", table.split.train),
        ("validation", table.split.validation),
        ("test", table.split.test),
    ):
        if part not in rows:
            continue
        loss, response = respond(parts, fitted.parameters, as_batch(rows[part]))
        response = np.asarray(response, np.float64)
        metrics[part] = {"loss": float(loss)} | measure(index, response, names)
        if part != "train":
            kept.append(_predictions(parts, table, part, index, response))
    if kept:
        write_frame(folder / "evidence" / "predictions.parquet", pl.concat(kept))
    if fitted.evaluations:
        write_frame(
            folder / "evidence" / "evaluations.parquet",
            pl.DataFrame(
                fitted.evaluations,
                schema=["step", "epoch", "validation_loss", "validation_metric"],
                orient="row",
            ),
        )
    known["slice_name"] = _slice(fitted, known, folder)
    known["metrics"] = metrics
    known["start"] = {
        "loss": float(survey(parts, fitted.start, fitted.ready.whole)[1]),
        "trivial_loss": fitted.figures.trivial,
        "trivial": fitted.figures.trivially,
    }
    known["exact"] = _exact(fitted)
    known["verdict"] = fitted.verdict.to_json()
    known["summary"] = words.summary(known, fitted.ready.condensed)
    write_json(folder / "run.json", known)


def _parts(asked: Settings, table: Table) -> Parts:
    classes = len(table.target.classes or ())
    return parts_of(asked, features=len(table.preparation.feature_names), task=table.target.task, classes=classes)


def _measures(parts: Parts, table: Table) -> Callable[[np.ndarray, np.ndarray, Any], dict[str, float]]:
    """(row numbers, the model's response to them, names of measures) -> the measures in the target's own units."""

    def measure(index: np.ndarray, response: np.ndarray, names: Any) -> dict[str, float]:
        if table.target.task == "regression":
            actual = decode(table.target, table.codes[index])
            return measure_numbers(np.asarray(actual), np.asarray(decode(table.target, response)), names)
        codes, each = to_classes(response, not isinstance(parts.loss, Hinge))
        return measure_classes(table.codes[index].astype(int), codes, each, names)

    return measure


def _predictions(parts: Parts, table: Table, part: str, index: np.ndarray, response: np.ndarray) -> pl.DataFrame:
    few = slice(0, PREDICTIONS)
    if table.target.task == "regression":
        actual, predicted = table.codes[index], response
    else:
        actual = table.codes[index].astype(int)
        predicted = to_classes(response, not isinstance(parts.loss, Hinge))[0]
    return pl.DataFrame(
        {
            "part": [part] * len(index[few]),
            "row": table.numbers[index[few]] + 1,
            "actual": decode(table.target, actual[few]),
            "predicted": decode(table.target, predicted[few]),
        }
    )


def _slice(fitted: Fitted, known: dict, folder: Path) -> str:
    """Measure the loss against the weight that moved furthest; its name."""
    run = Run(folder)
    trace = run.trace
    start = np.asarray(ravel_pytree(fitted.start)[0])
    if "parameters" in trace.columns:
        kept = trace[along(len(trace))]
        steps, path = kept["step"].to_numpy(), kept["parameters"].to_numpy()
    else:
        steps = np.array(sorted(int(p.stem) for p in (folder / "weights").glob("*.safetensors"))[1:], int)
        order = [a["name"] for a in known["parameters"]]
        path = [np.concatenate([run.weights(int(s))[n].ravel() for n in order]) for s in steps]
        path = np.array(path).reshape(len(steps), len(start))
    steps, path = np.concatenate([[0], steps]), np.concatenate([start[None], path])
    whole = fitted.ready.whole
    if len(whole.share) > SLICE_ROWS:
        step = len(whole.share) // SLICE_ROWS + 1
        whole = jax.tree.map(lambda a: a[::step], whole)
        whole = whole._replace(share=whole.share / whole.share.sum())
    frame, weight = measure_slice(fitted.ready.parts, whole, fitted.parameters, steps, path)
    write_frame(folder / "evidence" / "slice.parquet", frame)
    return known["parameter_names"][weight]


def _exact(fitted: Fitted) -> dict[str, Any] | None:
    exact = fitted.ready.exact
    if exact is None:
        return None
    best = np.asarray(ravel_pytree(as_parameters(exact, fitted.parameters))[0], np.float64)
    ours = np.asarray(ravel_pytree(fitted.parameters)[0], np.float64)
    loss = float(survey(fitted.ready.parts, fitted.parameters, fitted.ready.whole)[1])
    return {
        "loss": exact.loss,
        "objective": exact.objective,
        "loss_distance": loss - exact.loss,
        "weights_distance": float(np.linalg.norm(ours - best) / max(np.linalg.norm(best), 1e-300)),
        "unique": exact.unique,
        "method": exact.method,
        "weights": {n: np.asarray(a) for n, a in named_arrays(as_parameters(exact, fitted.parameters)).items()},
    }


def _model_kind(asked: Settings, parts: Parts) -> str:
    """The model by its name, when that was left to be found out."""
    if asked.model != "auto":
        return asked.model
    return {"LogLoss": "logistic", "SoftmaxLoss": "softmax"}.get(type(parts.loss).__name__, "linear")


def _resolved(made: SetUp, asked: Settings) -> dict[str, Any]:
    """What auto came to be, and whether the loop walked on condensed rows."""
    loss = type(made.parts.loss).__name__
    names = {"LogLoss": "log", "SoftmaxLoss": "log", "Probability": "log", "PoissonOfCount": "poisson"}
    return {
        "model": _model_kind(asked, made.parts),
        "loss": names.get(loss, loss.lower()) if asked.loss == "auto" else asked.loss,
        "batch": "full" if made.walk.batches.full else made.walk.batches.size,
        "rate": made.rate,
        "rate_asked": asked.rate,
        "condensed": made.condensed,
        "parameters": int(sum(np.size(a) for a in jax.tree.leaves(made.state.parameters))),
        "steps_an_epoch": made.walk.batches.epoch_steps,
    }


def _arrays(fitted: Fitted) -> dict[str, np.ndarray]:
    return {name: np.asarray(array) for name, array in named_arrays(fitted.parameters).items()}


def _trivially(parts: Parts, table: Table) -> str:
    """What the trivial predictor is called, with its prediction."""
    training = table.codes[table.split.train]
    if table.target.task == "classes":
        counts = np.bincount(training.astype(int), weights=table.weight[table.split.train])
        most = decode(table.target, np.array([int(counts.argmax())]))[0]
        return f"always predicting how common the classes are (most are {most})"
    share = table.weight[table.split.train]
    value = parts.loss.response(parts.loss.constant(training, share))
    own = float(np.asarray(decode(table.target, np.atleast_1d(np.asarray(value))))[0])
    return f"always predicting {words.constant_name(type(parts.loss).__name__)} ({own:,.6g})"


def _data(table: Table, origin: dict[str, Any], read: int) -> dict[str, Any]:
    target = table.target
    if read == 0:
        raise DataError("The table has no rows.")
    return {
        "source": origin,
        "rows": {
            "read": read,
            "dropped": table.dropped,
            "train": len(table.split.train),
            "validation": len(table.split.validation),
            "test": len(table.split.test),
        },
        "target": target.to_json(),
        "columns": [
            {"name": c.name, "kind": c.kind, "why": c.why, "distinct": c.distinct, "missing": c.missing}
            for c in table.columns
        ],
        "steps": list(table.preparation.describe()),
        "features": list(table.preparation.feature_names),
        "split": table.split.how,
    }


def _environment() -> dict[str, Any]:
    from importlib.metadata import version

    packages = ("jax", "optax", "numpy", "polars", "scikit-learn")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": jax.devices()[0].device_kind,
        "packages": {"fallline": __version__} | {name: version(name) for name in packages},
    }
