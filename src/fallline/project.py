"""The four steps of a project: a problem is stated, data prepared, a model trained, and its answers measured.

`train` takes them in this order and leaves a run folder.
"""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl

from fallline import __version__, words
from fallline.data import Number, fingerprint, read_table
from fallline.data.stream.membership import PARTS
from fallline.engine import precision
from fallline.errors import DataError, SettingsError
from fallline.fit import Fitted, SetUp, fit
from fallline.legs import Leg
from fallline.metrics import known_metric
from fallline.outcome import measures, trivially, write_outcome
from fallline.record import named_arrays
from fallline.run import Run
from fallline.settings import Settings, check, parts_of
from fallline.streamed import Streamed, bound_of, stream_table
from fallline.table import Table, prepare_table
from fallline.trace.folder import FORMAT, new_folder, runs_folder, write_frame, write_json, write_weights
from fallline.trace.store import Store
from fallline.trace.trace import layout
from fallline.types import Parts


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
    until: int | None = None,
    memory: str = "auto",
    watch: Callable[[Leg | SetUp], None] = lambda seen: None,
    **settings: Any,
) -> Run:
    """Train a model to predict one column of a table from the others.

    Args:
        source: a path (CSV, Parquet, Arrow, JSON lines), a folder or a pattern such as
            "big/*.parquet", a data frame of any kind, columns as a dict, or arrays.
        target: the column to predict.
        runs: where to put the run folder; $FALLLINE_RUNS or ./runs unless given.
        name: what the run is called, after its date; the source and the model unless given.
        types: the kind of a column where the inferred one is wrong: number, category, date or ignore.
        validation, test: parts of the rows held out.
        split: a column that says train, validation or test of each row, instead.
        weights: a column that says what each row counts.
        class_weight: "balanced", or what each class counts.
        metric: the final measure; rmse or accuracy unless given.
        until: stop after so many updates, at the latest; rates and everything else are as without it.
        memory: what training may take, such as "1.5GB"; half of what is free for "auto". A table that would take
            more is read from the disk piece by piece, and a sample of its rows is what instruments look at.
        watch: sees what was set up, and each leg.
        settings: see `fallline.settings.Settings`.

    Returns:
        The run, open. A training that diverged or was interrupted is a run as well: see its verdict.

    Raises:
        DataError, SettingsError, StorageError: in two lines, before training begins where that can be known.
    """
    # 1 Problem
    asked = check(**settings)
    if until is not None and until < 1:
        raise SettingsError(f"until is {until}, but a training makes at least 1 update.\nGive a number above 0.")
    # 2 Data
    given: dict[str, Any] = {
        "types": types,
        "validation": validation,
        "test": test,
        "split_column": split,
        "weight_column": weights,
        "class_weight": class_weight,
    }
    bound = bound_of(source, memory)
    streamed = None if bound is None else stream_table(source, target, asked, bound, header=header, **given)
    if streamed is None:
        frame = read_table(source, header=header)
        table, read = prepare_table(frame, target, asked, **given), len(frame)
    else:
        table, read = streamed.table, streamed.read
    parts = _parts(asked, table)
    metric = known_metric(metric, table.target.task)
    origin = fingerprint(source)
    kind = _model_kind(asked, parts)
    folder = new_folder(runs_folder(runs), name or f"{str(origin['name'] or 'table').partition('.')[0]}-{kind}")
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
            "until": until,
            "bound": bound,
        },
        "data": _data(table, origin, read) | _streamed(streamed),
        "preparation": table.preparation.to_json(),
        "target": table.target.to_json(),
        "metric": metric,
        "environment": _environment(),
        "verdict": None,
    }
    # 3 Model
    try:
        with precision(asked.precision):
            return _train(asked, parts, table, streamed, metric, folder, known, until, watch)
    except BaseException:
        if not (folder / "run.json").exists():  # it never began: leave nothing behind
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _train(
    asked: Settings,
    parts: Parts,
    table: Table,
    streamed: Streamed | None,
    metric: str,
    folder: Path,
    known: dict[str, Any],
    until: int | None,
    watch: Callable,
) -> Run:
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
    measure = measures(parts, table.target)
    spooled = None if streamed is None else streamed.rows(outputs)
    validation, codes = rows.get("validation"), table.codes[table.split.validation]
    if spooled is not None:
        seen = spooled.spool.counts[1] > 0
        validation = partial(spooled.respond, parts, part="validation") if seen else None
        codes = spooled.codes("validation") if seen else codes

    def ready(made: SetUp) -> None:
        store.batches = made.walk.batches
        named = named_arrays(made.state.parameters)
        known["parameters"] = layout(list(named), [np.shape(a) for a in named.values()])
        known["parameter_names"] = words.parameter_names(known["parameters"], table.preparation.feature_names)
        known["settings"] |= _resolved(made, asked)
        if spooled is not None and made.feed is not None:
            known["data"]["streamed"]["shuffle"] = spooled.shuffle(made.walk.batches)
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
        watch(leg)  # first: were it stopped by Ctrl-C, the leg would neither count nor be kept
        store.keep(leg)

    try:
        fitted = fit(
            parts,
            asked,
            rows["train"],
            validation=validation,
            measure=lambda response: measure(codes, response, [metric])[metric],
            keep=keep,
            ready=ready,
            until=until,
            spooled=spooled,
            trivially=trivially(parts, table),
        )
    finally:
        store.close()
    write_weights(folder / "weights.safetensors", _arrays(fitted))
    # 4 Deployment
    write_outcome(fitted, table, rows, measure, folder, known, spooled)
    return Run(folder)


def _parts(asked: Settings, table: Table) -> Parts:
    classes = len(table.target.classes or ())
    return parts_of(asked, features=len(table.preparation.feature_names), task=table.target.task, classes=classes)


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


def _data(table: Table, origin: dict[str, Any], read: int) -> dict[str, Any]:
    target, ranges = table.target, _ranges(table)
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
            | ({"range": ranges[c.name]} if c.name in ranges else {})
            for c in table.columns
        ],
        "steps": list(table.preparation.describe()),
        "features": list(table.preparation.feature_names),
        "split": table.split.how,
    }


def _streamed(streamed: Streamed | None) -> dict[str, Any]:
    """What a table on disk knows of all of its rows, where the sample knows less."""
    if streamed is None:
        return {}
    rows = dict(zip(PARTS, streamed.known.parts, strict=True))
    columns = [
        {"name": c.name, "kind": c.kind, "why": c.why, "distinct": c.distinct, "missing": c.missing}
        | ({"range": streamed.known.ranges[c.name]} if c.name in streamed.known.ranges else {})
        for c in streamed.table.columns
    ]
    return {
        "rows": {"read": streamed.read, "dropped": streamed.known.dropped} | rows,
        "columns": columns,
        "streamed": {"sample": len(streamed.table.frame), "buffer": streamed.buffer},
    }


def _ranges(table: Table) -> dict[str, list[float]]:
    """The lowest and the highest value of each number in the training rows; of a date, in days since the first."""
    rows = table.frame[table.split.train]
    found = {}
    for step in table.preparation.steps:
        if isinstance(step, Number):
            values = step.values(rows[step.name])
            there = values[~np.isnan(values)]
            if len(there):
                found[step.name] = [float(there.min()), float(there.max())]
    return found


def _environment() -> dict[str, Any]:
    from importlib.metadata import version

    packages = ("jax", "optax", "numpy", "polars", "scikit-learn")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": jax.devices()[0].device_kind,
        "packages": {"fallline": __version__} | {name: version(name) for name in packages},
    }
