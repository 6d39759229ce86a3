"""What the trained model is worth: measured on every part, set beside the exact answer, and written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fallline import words
from fallline.data import Target, decode
from fallline.fit import Fitted, replay
from fallline.instruments import measure as measure_with
from fallline.legs import HERE
from fallline.losses import Hinge
from fallline.metrics import CLASSES, REGRESSION, measure_classes, measure_numbers
from fallline.record import laid_flat, named_arrays
from fallline.retrace import training_of
from fallline.shortcut import as_parameters
from fallline.spooled import Spooled
from fallline.survey import Rows, as_batch, respond, survey
from fallline.table import Table, to_classes
from fallline.trace.evidence import write_measurement
from fallline.trace.folder import write_frame, write_json
from fallline.trace.run_folder import RunFolder
from fallline.types import Parts

AGAIN = 5.0  # seconds of walking again, about, to tell what it cost that workers went apart
PREDICTIONS = 20_000  # held-out predictions kept as evidence, at most

# (coded targets of rows, the model's response to them, names of measures) -> the measures in the target's own units
Measure = Callable[[np.ndarray, np.ndarray, Sequence[str]], dict[str, float]]


def write_outcome(
    fitted: Fitted,
    table: Table,
    rows: dict[str, Rows],
    measure: Measure,
    folder: Path,
    known: dict[str, Any],
    spooled: Spooled | None = None,
) -> None:
    """Measure the model kept on every part, write the evidence, and close the run with its verdict.

    Args:
        spooled: all rows where `rows` are a sample; held-out ones are all measured, those that train by the sample.
    """
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
        if part == "train" and fitted.ready.few is not None:
            loss = survey(parts, fitted.parameters, fitted.ready.few)[1]
        response = np.asarray(response, np.float64)
        if part != "train":
            kept.append(_predictions(parts, table, part, index, response))
        codes = table.codes[index]
        if spooled is not None and part != "train":
            (loss, response), codes = spooled.respond(parts, fitted.parameters, part), spooled.codes(part)
        metrics[part] = {"loss": float(loss)} | measure(codes, np.asarray(response, np.float64), names)
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
    training = training_of(RunFolder(folder), fitted.ready, fitted.parameters, fitted.figures.kept, table)
    write_measurement(folder, measure_with(training, "slice"))
    known["metrics"] = metrics
    known["start"] = {
        "loss": float(survey(parts, fitted.start, fitted.ready.over)[1]),
        "trivial_loss": fitted.figures.trivial,
        "trivial": fitted.figures.trivially,
    }
    known["exact"] = _exact(fitted)
    known["apart"] = _apart(fitted, known["given"], training.trace, spooled)
    known["verdict"] = fitted.verdict.to_json()
    known["summary"] = words.summary(known, fitted.ready.condensed)
    write_json(folder / "run.json", known, sealed=True)


def measures(parts: Parts, target: Target) -> Measure:
    """(coded targets, the model's response to them, names of measures) -> the measures in the target's own units."""

    def measure(codes: np.ndarray, response: np.ndarray, names: Any) -> dict[str, float]:
        if target.task == "regression":
            return measure_numbers(np.asarray(decode(target, codes)), np.asarray(decode(target, response)), names)
        found, each = to_classes(response, not isinstance(parts.loss, Hinge))
        return measure_classes(codes.astype(int), found, each, names)

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


def _exact(fitted: Fitted) -> dict[str, Any] | None:
    exact = fitted.ready.exact
    if exact is None:
        return None
    best = laid_flat(as_parameters(exact, fitted.parameters)).astype(np.float64)
    ours = laid_flat(fitted.parameters).astype(np.float64)
    loss = float(survey(fitted.ready.parts, fitted.parameters, fitted.ready.over)[1])
    return {
        "loss": exact.loss,
        "objective": exact.objective,
        "loss_distance": loss - exact.loss,
        "weights_distance": float(np.linalg.norm(ours - best) / max(np.linalg.norm(best), 1e-300)),
        "unique": exact.unique,
        "method": exact.method,
        "weights": {n: np.asarray(a) for n, a in named_arrays(as_parameters(exact, fitted.parameters)).items()},
    }


def _apart(
    fitted: Fitted, given: dict[str, Any], trace: pl.DataFrame, spooled: Spooled | None
) -> dict[str, Any] | None:
    """What workers lost by going apart: the same start and batches once more, both ways, for a while."""
    workers, sync = given.get("workers") or 1, given.get("sync") or 1
    made = fitted.ready
    if sync == 1 or made.condensed or fitted.steps < 1:
        return None
    each = float(trace["seconds"][-1]) / trace.height * workers  # seconds of a step that one process makes for all
    steps = int(np.clip(AGAIN / max(each, 1e-9), sync, fitted.steps))
    found = {"workers": workers, "sync": sync, "steps": steps, "all": steps == fitted.steps}
    for name, place in (("objective", made.walk.place), ("together", HERE)):
        feed = (
            None if made.feed is None or spooled is None else spooled.feed(made.walk.batches, made.walk.capacity, place)
        )
        after = replay(replace(made, walk=replace(made.walk, place=place), feed=feed), steps)
        found[name] = float(survey(made.parts, after.parameters, made.over)[0])
    return found


def trivially(parts: Parts, table: Table) -> str:
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
