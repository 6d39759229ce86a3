"""The four steps of a project: a problem is stated, data prepared, a model trained, and its answers measured.

`train` takes them in this order and leaves a run folder.
"""

from __future__ import annotations

import os
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
from fallline.data.bound import LEAST
from fallline.data.stream.membership import PARTS
from fallline.engine import precision
from fallline.errors import DataError, SettingsError, Stopped, StorageError
from fallline.fit import Fitted, SetUp, fit
from fallline.halfway import Halfway, pack
from fallline.legs import Leg
from fallline.metrics import known_metric
from fallline.outcome import measures, trivially, write_outcome
from fallline.parallel.apart import here
from fallline.parallel.device import on
from fallline.parallel.engines import starter, to_start
from fallline.parallel.mesh import enough_rows, joined
from fallline.record import named_arrays
from fallline.run import Run
from fallline.settings import Settings, batch_size, check, parts_of
from fallline.spooled import Spooled
from fallline.streamed import Streamed, bound_of, stream_table
from fallline.stretches import Past, leg_ends
from fallline.survey import Rows
from fallline.table import Table, prepare_table
from fallline.trace.folder import FORMAT, new_folder, runs_folder, write_frame, write_json, write_weights
from fallline.trace.lock import locked
from fallline.trace.run_folder import extended_in
from fallline.trace.store import Store
from fallline.trace.trace import layout
from fallline.types import Parts
from fallline.watch import Look

KEPT = (
    *("header", "validation", "test", "split", "weights", "class_weight"),
    *("until", "checkpoint_every", "sync", "bound", "device"),
)  # of what was given, what a run is gone on with


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
    checkpoint_every: float = 30.0,
    workers: int | str = 1,
    sync: int = 1,
    worker_timeout: float = 60.0,
    engine: str = "local",
    address: str | None = None,
    device: str = "auto",
    memory: str = "auto",
    watch: Callable[[Any], None] = lambda seen: None,
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
        checkpoint_every: seconds between checkpoints, from which `resume` goes on after an accident.
        workers: processes that share the rows of each batch; "auto" when Slurm, Open MPI or Kubernetes started them.
        sync: steps that workers make apart, each on its own rows, before their weights are averaged; 1 for the same
            model as one process makes.
        worker_timeout: seconds without a sign of life after which a worker counts as lost.
        engine, address: who starts the workers: local for this machine; ray for the Ray cluster at that address, or
            for one that is started here and ends with the training.
        device: cpu, gpu, or auto for a GPU where JAX sees one.
        memory: what training may take, such as "1.5GB"; half of what is free for "auto". A table that would take
            more is read from the disk piece by piece, and a sample of its rows is what instruments look at.
        watch: sees what was set up, and each leg; of workers' training, what `parallel.listen` tells of them.
        settings: see `fallline.settings.Settings`.

    Returns:
        The run, open. A training that diverged or was interrupted is a run as well: see its verdict. None in the
        workers after the first, where a cluster started them.

    Raises:
        WorkerError: a worker was killed, hung, or failed.
        DataError, SettingsError, StorageError: in two lines, before training begins where that can be known.
    """
    given = {key: value for key, value in locals().items() if key not in ("watch", "settings")}
    # 1 Problem
    asked = check(**settings)
    if sync < 1 or (sync > 1 and workers == 1):
        raise SettingsError(f"sync is {sync} with {workers} workers.\nGive 1 or more, and more than one worker.")
    if not 1 <= worker_timeout < float("inf"):
        raise SettingsError(f"worker_timeout is {worker_timeout}.\nGive seconds, 1 at least.")
    if until is not None and until < 1:
        raise SettingsError(f"until is {until}, but a training makes at least 1 update.\nGive a number above 0.")
    if not 0 <= checkpoint_every < float("inf"):
        raise SettingsError(f"checkpoint_every is {checkpoint_every}.\nGive seconds, 0 for after every leg.")
    given["bound"] = bound_of(source, memory)
    if not to_start(workers, engine, address):
        on(device)  # before a table is read for nothing
        return carry_out(given, asked, watch=watch)
    start = starter(engine, address, shared=runs_folder(runs), device=device)
    # the rows of a table on disk are laid down once, for all workers here; elsewhere each lays down its own
    streamed = None if given["bound"] is None or address is not None else _stream(given, asked)
    work = {"given": given, "asked": asked, "streamed": streamed}
    try:
        return Run(start(carry_out, work, int(workers), timeout=worker_timeout, watch=watch))
    except Stopped as stopped:
        if stopped.run is not None and not any((stopped.run / "trace").iterdir()):  # leave nothing behind
            shutil.rmtree(stopped.run, ignore_errors=True)
        raise


def carry_out(
    given: dict[str, Any],
    asked: Settings,
    *,
    streamed: Streamed | None = None,
    watch: Callable[[Any], None] = lambda seen: None,
) -> Run:
    """A project from its data on, alone or as one of the workers.

    Args:
        given: what `train` was given besides settings, and within which `bound` a table on disk is read.
        streamed: such a table, where that is done already.
    """
    # 2 Data
    if given["bound"] is not None:
        streamed = streamed or _stream(given, asked)
        table, read = streamed.table, streamed.read
    else:
        frame = read_table(given["source"], header=given["header"])
        table, read = prepare_table(frame, given["target"], asked, **_how(given)), len(frame)
    crew, device = joined(), given["device"]
    parts = parts_for(asked, table)
    metric = known_metric(given["metric"], table.target.task)
    if crew:
        training = len(table.split.train) if streamed is None else streamed.known.parts[0]
        enough_rows(crew.workers, batch_size(asked, training))
    if crew and not crew.first:
        with on(device), precision(asked.precision):
            known = {"given": given, "metric": metric, "settings": {}}
            follow(asked, parts, table, known, streamed=streamed, watch=watch)
        return None  # pyright: ignore[reportReturnType]  only where a cluster started the caller as well
    origin = fingerprint(given["source"])
    name = given["name"] or f"{str(origin['name'] or 'table').partition('.')[0]}-{_model_kind(asked, parts)}"
    folder = new_folder(runs_folder(given["runs"]), name)
    if crew:
        crew.writes(folder)
    known = {
        "format": FORMAT,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "asked": asked.model_dump(),
        "settings": asked.model_dump(),
        "given": {key: given[key] for key in KEPT}
        | {"types": dict(given["types"] or {}), "workers": crew.workers if crew else 1},
        "data": _data(table, origin, read) | _streamed(streamed),
        "preparation": table.preparation.to_json(),
        "target": table.target.to_json(),
        "metric": metric,
        "environment": environment(device),
        "verdict": None,
    }
    # 3 Model
    with locked(folder):
        try:
            with on(device), precision(asked.precision):
                _write_begun(asked, parts, table, folder, known)
                return train_in(folder, asked, parts, table, known, streamed=streamed, watch=watch)
        except BaseException:
            if not _has_begun(known):  # leave nothing behind
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _stream(given: dict[str, Any], asked: Settings) -> Streamed:
    """Lay the prepared rows of a table down on the disk."""
    return stream_table(given["source"], given["target"], asked, given["bound"], header=given["header"], **_how(given))


def _how(given: dict[str, Any]) -> dict[str, Any]:
    """How a table is to be prepared."""
    same = ("types", "validation", "test", "class_weight")
    return {key: given[key] for key in same} | {"split_column": given["split"], "weight_column": given["weights"]}


def train_in(
    folder: Path,
    asked: Settings,
    parts: Parts,
    table: Table,
    known: dict[str, Any],
    *,
    streamed: Streamed | None = None,
    past: Past | None = None,
    trace_parts: int = 0,
    watch: Callable[[Leg | SetUp], None] = lambda seen: None,
) -> Run:
    """Steps 3 and 4, model and deployment, in a run folder. Call it inside `engine.precision(asked.precision)`.

    Args:
        known: the contents of run.json so far.
        streamed: all rows, when `table` is a sample of them.
        past: what is recorded of the steps that were made already, in so many parts of the trace.
    """
    given = known["given"]
    rows = _rows(asked, parts, table)
    every = given.get("checkpoint_every", 30.0)
    store = Store(folder, lambda parameters: {k: np.asarray(v) for k, v in named_arrays(parameters).items()}, every)
    measure, metric = measures(parts, table.target), known["metric"]
    spooled = None if streamed is None else streamed.rows(parts.model.outputs)
    validation, codes = _held_out(parts, table, rows, spooled)

    def ready(made: SetUp) -> None:
        store.batches = made.walk.batches
        if spooled is not None and made.feed is not None:
            known["data"]["streamed"]["shuffle"] = spooled.shuffle(made.walk.batches)
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
        known["settings"] |= _resolved(made, asked)
        write_json(folder / "run.json", known, sealed=True)
        step = past.halfway.step if past else 0
        store.go_on(trace_parts, leg_ends(made.walk, made.stretches, step))
        store.start(made.state.parameters)
        watch(made)

    def keep(leg: Leg) -> None:
        watch(leg)  # first: were it stopped by Ctrl-C, the leg would neither count nor be kept
        store.keep(leg)

    def mark(at: Halfway) -> None:
        if store.due:
            store.checkpoint(at.step, *pack(at))

    try:
        try:
            fitted = fit(
                parts,
                asked,
                rows["train"],
                validation=validation,
                measure=lambda response: measure(codes, response, [metric])[metric],
                keep=keep,
                ready=ready,
                until=given.get("until"),
                rate=known["settings"]["rate"] if _has_begun(known) else None,
                extended=extended_in(known),
                past=past,
                mark=mark,
                place=here(given),
                spooled=spooled,
                trivially=trivially(parts, table),
            )
        finally:
            store.close()
        write_weights(folder / "weights.safetensors", _arrays(fitted))
        # 4 Deployment
        write_outcome(fitted, table, rows, measure, folder, known, spooled)
    except StorageError as error:
        if not (_has_begun(known) and folder.is_dir()):
            raise
        what = str(error).splitlines()[0]
        raise StorageError(f"{what}\nMake room, then go on with it: fallline resume {folder.name}.") from error
    return Run(folder)


def follow(
    asked: Settings,
    parts: Parts,
    table: Table,
    known: dict[str, Any],
    *,
    streamed: Streamed | None = None,
    past: Past | None = None,
    watch: Callable[[Any], None] = lambda seen: None,
) -> None:
    """Step 3 as another worker than the first: the same steps, and nothing written. Arguments as of `train_in`."""
    rows, measure = _rows(asked, parts, table), measures(parts, table.target)
    spooled = None if streamed is None else streamed.rows(parts.model.outputs)
    validation, codes = _held_out(parts, table, rows, spooled)
    given, metric = known["given"], known["metric"]
    fit(
        parts,
        asked,
        rows["train"],
        validation=validation,
        measure=lambda response: measure(codes, response, [metric])[metric],
        keep=watch,
        ready=watch,
        until=given.get("until"),
        rate=known["settings"]["rate"] if _has_begun(known) else None,
        extended=extended_in(known),
        past=past,
        place=here(given),
        spooled=spooled,
    )


def _rows(asked: Settings, parts: Parts, table: Table) -> dict[str, Rows]:
    """The rows of each part of the split that has any."""
    dtype = np.float32 if asked.precision == 32 else np.float64
    each = {name: getattr(table.split, name) for name in ("train", "validation", "test")}
    return {name: table.rows(index, parts.model.outputs, dtype) for name, index in each.items() if len(index)}


def _held_out(
    parts: Parts, table: Table, rows: dict[str, Rows], spooled: Spooled | None
) -> tuple[Rows | Look | None, np.ndarray]:
    """The validation rows, or how to look at those on the disk; and what is true of each."""
    if spooled is None:
        return rows.get("validation"), table.codes[table.split.validation]
    if not spooled.spool.counts[1]:
        return None, np.zeros(0)
    return partial(spooled.respond, parts, part="validation"), spooled.codes("validation")


def _write_begun(asked: Settings, parts: Parts, table: Table, folder: Path, known: dict[str, Any]) -> None:
    """Write all that is known before a rate is chosen, so that from here on a run that is killed can go on."""
    arrays = named_arrays(jax.eval_shape(parts.model.init, jax.random.key(asked.seed)))
    known["parameters"] = layout(list(arrays), [array.shape for array in arrays.values()])
    known["parameter_names"] = words.parameter_names(known["parameters"], table.preparation.feature_names)
    write_json(folder / "run.json", known, sealed=True)


def _has_begun(known: dict[str, Any]) -> bool:
    """Whether the settings are resolved, as they are before the first step."""
    return "rate_asked" in known["settings"]


def parts_for(asked: Settings, table: Table) -> Parts:
    """Model, loss, penalty and rule for a table."""
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
        "steps": [
            *table.preparation.describe(),
            *(f"{c.name}: left out; {c.why}" for c in table.columns if c.kind == "ignore"),
        ],
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
        "streamed": {"sample": len(streamed.table.frame), "buffer": streamed.buffer, "least": LEAST},
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


def environment(device: str) -> dict[str, Any]:
    """Versions, the machine, and what it computes on."""
    from importlib.metadata import version

    with on(device):
        kind = next(iter(jax.numpy.empty(0).devices())).device_kind
    packages = ("jax", "optax", "numpy", "polars", "scikit-learn")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": kind,
        "cores": len(os.sched_getaffinity(0)),
        "packages": {"fallline": __version__} | {name: version(name) for name in packages},
    }
