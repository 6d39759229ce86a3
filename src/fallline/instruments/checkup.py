"""All that a diagnosis looks at beside the trace, measured once while the table is at hand: columns, layers, losses on
rows that training did not see, a few steps more, what the output can express, what a flexible reference reaches.

It is done at the end of every training, so that each part sees a bounded number of rows. The costlier parts, the
reference and what is left without a leaking column, are only asked where what came before leaves a doubt.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree

from fallline.instruments.columns import ROWS as COLUMN_ROWS
from fallline.instruments.columns import alone, columns_of, conditions, twins
from fallline.instruments.layers import layer_figures, look
from fallline.instruments.onward import go_on
from fallline.instruments.reference import chance, refer, skill
from fallline.losses import AbstractRowLoss, Hinge, Poisson, PoissonOfCount, Probability
from fallline.measurement import Figures, Measurement
from fallline.record import groups
from fallline.survey import as_array, survey, top_curvature
from fallline.table import Table
from fallline.training import Training
from fallline.types import Batch, Parts

LAYER_ROWS = 1_000
HELD_ROWS = 10_000
CURVED = 3e6  # rows times parameters that the curvature is taken over, at most
GOOD = 2 / 3  # of what can be explained: a model that explains so much needs no reference
ALONE = 0.98  # a column that tells so much of the target alone may be the target under another name
SURE = 0.01  # how often chance may do as well, at most
RANGES = {  # of each output function
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, np.inf),
    "exp": (0.0, np.inf),
}


@partial(jax.jit, static_argnames="parts")
def _graded(parts: Parts, parameters: Any, batch: Batch) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Prediction, response and loss of each row."""
    prediction = parts.model.predict(parameters, batch.features)
    return prediction, parts.loss.response(prediction), parts.loss.rows(prediction, batch.target)


def measure_checkup(training: Training) -> Measurement:
    """What the detectors of the diagnosis look at.

    Returns: a frame of the columns (name, features, mean, sd, lowest, highest as trained on, alone: how well it tells
    the target by itself, constant), empty for a loss of one's own; figures for all else.
    """
    figures: Figures = {"rows": len(training.ready.whole.share), "steps": training.steps}
    finite = bool(np.isfinite(training.flat(training.kept)).all())
    figures |= _layers(training) | _curvature(training, finite)
    table, loss = training.table, training.parts.loss
    held = None if table is None else _held_out(training, table)
    figures |= go_on(training, held) if finite and training.steps else {}
    frame = pl.DataFrame(schema=dict.fromkeys(("name",), pl.String))
    if table is not None and isinstance(loss, AbstractRowLoss):
        rows = table.split.train
        some = rows if len(rows) <= COLUMN_ROWS else rows[_evenly(len(rows), COLUMN_ROWS)]
        fitted = _fit(training, table, loss, held)
        frame, found = _columns(training, table, some)
        figures |= found | fitted | _output(training, table, loss) | _classes(training, table, held)
        figures |= _reference(table, rows, figures)
    return Measurement("checkup", frame, figures)


def _evenly(count: int, most: int) -> np.ndarray:
    return np.linspace(0, count - 1, most).round().astype(int)


def _layers(training: Training) -> Figures:
    """The layers at the start and with the weights kept."""
    flats = np.stack([training.flat(training.start), training.flat(training.kept)])
    batch = training.judged(LAYER_ROWS)
    seen = look(training, flats, batch)
    start = ravel_pytree(training.start)[0]
    return layer_figures(training, seen) | {
        "start_gradient_norm": float(np.linalg.norm(seen.gradient[0])),
        "end_gradient_norm": float(np.linalg.norm(seen.gradient[-1])),
        "start_weight_norm": float(jnp.linalg.norm(start)),
        "parameters": int(start.size),
    }


def _curvature(training: Training, finite: bool) -> Figures:
    """The largest eigenvalue of the Hessian with the weights kept, and 2 over it."""
    size = sum(count for _, count in groups(training.kept))
    if not finite:
        return {"lambda_max": None, "stable_rate": None}
    batch = training.judged(int(np.clip(CURVED / size, 200, 20_000)))
    top = float(top_curvature(training.parts, training.kept, batch))
    known = bool(np.isfinite(top) and top > 0)
    return {
        "lambda_max": top if np.isfinite(top) else None,
        "stable_rate": 2 / top if known else None,
        "objective_start": float(survey(training.parts, training.start, batch)[0]),
        "objective_end": float(survey(training.parts, training.kept, batch)[0]),
    }


def _fit(training: Training, table: Table, loss: AbstractRowLoss, held: Batch | None) -> Figures:
    """Losses of the model and of the trivial predictor, on training rows and on held-out ones; and against chance."""
    parts = training.parts
    train = training.judged(HELD_ROWS)
    known = training.ready.rows
    trivial = loss.constant(np.asarray(known.target), np.asarray(known.weight))
    found = _losses(parts, training.kept, train, trivial)
    prediction, response, rows, constant = found
    figures: Figures = {
        "train_loss": float(np.sum(np.asarray(train.share) * rows)),
        "trivial_loss": float(np.sum(np.asarray(train.share) * constant)),
        "train_skill": _skill(training, table, response, np.asarray(train.target)),
        "held_rows": 0,
    }
    if held is None:
        return figures
    prediction, response, rows, constant = _losses(parts, training.kept, held, trivial)
    better = constant - rows
    error = float(better.std() / np.sqrt(len(better)))
    return figures | {
        "held_rows": len(rows),
        "held_loss": float(rows.mean()),
        "held_trivial_loss": float(constant.mean()),
        "held_surer": float(better.mean() / error) if error > 0 and np.isfinite(error) else None,
        "held_skill": _skill(training, table, response, np.asarray(held.target)),
        "held_chance": chance(np.asarray(prediction), np.asarray(held.target)),
    }


def _losses(parts: Parts, parameters: Any, batch: Batch, trivial: np.ndarray) -> tuple[np.ndarray, ...]:
    """Prediction, response and loss of each row, and what the best constant costs there."""
    prediction, response, rows = _graded(parts, parameters, batch)
    same = jnp.broadcast_to(as_array(trivial), prediction.shape)
    constant = parts.loss.rows(same, batch.target)
    return tuple(np.asarray(a, np.float64) for a in (prediction, response, rows, constant))


def _skill(training: Training, table: Table, response: np.ndarray, truth: np.ndarray) -> float | None:
    """The share of the squared error of always predicting the mean that the model takes away."""
    if not np.isfinite(response).all():
        return None
    if isinstance(training.parts.loss, Hinge):  # scores are no probabilities: what counts is the side
        side = response.argmax(axis=1) if response.ndim == 2 else (response > 0).astype(float)
        code = truth.argmax(axis=1) if truth.ndim == 2 else truth
        classes = len(table.target.classes or ())
        return skill(np.eye(classes)[side.astype(int)], code, _shares(code, classes))
    if table.target.task == "classes":
        both = response if response.ndim == 2 else np.column_stack([1 - response, response])
        code = truth.argmax(axis=1) if truth.ndim == 2 else truth
        return skill(both, code, _shares(code, both.shape[1]))
    return skill(response, truth, float(truth.mean()))


def _shares(codes: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(codes.astype(int), minlength=classes) / max(len(codes), 1)


def _held_out(training: Training, table: Table) -> Batch | None:
    """Validation and test rows, each counting alike; at most 10,000 of them."""
    index = np.concatenate([table.split.validation, table.split.test])
    if len(index) == 0:
        return None
    index = index if len(index) <= HELD_ROWS else index[_evenly(len(index), HELD_ROWS)]
    dtype = np.float32 if training.ready.settings.precision == 32 else np.float64
    rows = table.rows(index, training.parts.model.outputs, dtype)
    features, target = as_array(rows.features), as_array(rows.target)
    return Batch(features, target, jnp.full(len(index), 1 / len(index), features.dtype))


def _columns(training: Training, table: Table, some: np.ndarray) -> tuple[pl.DataFrame, Figures]:
    """A row for each column, and what the columns come to together."""
    columns = columns_of(table.preparation)
    features = table.features[some]
    codes = table.codes[some]
    scores = alone(columns, features, codes, table.target)
    firsts = features[:, columns.first]
    rms = np.sqrt(np.mean(features**2, axis=0))
    names = list(table.preparation.feature_names)
    varies = np.ptp(table.features[table.split.train], axis=0) > 0  # of all rows: a rare level may miss some
    both = conditions(features, training.ready.settings.bias)
    largest, smallest = (pick(np.where(varies, rms, worst)) for pick, worst in ((np.argmax, -1.0), (np.argmin, np.inf)))
    frame = pl.DataFrame(
        {
            "name": columns.names,
            "features": columns.width,
            "mean": firsts.mean(axis=0),
            "sd": firsts.std(axis=0),
            "lowest": firsts.min(axis=0),
            "highest": firsts.max(axis=0),
            "alone": pl.Series(scores, dtype=pl.Float64),
            "constant": [bool(not varies[f : f + w].any()) for f, w in zip(columns.first, columns.width, strict=True)],
        }
    )
    figures: Figures = {
        "features": len(names),
        "standardize": training.ready.settings.standardize,
        "condition": both[0] if both else None,
        "condition_scaled": both[1] if both else None,
        "largest": float(rms[largest]),
        "largest_name": names[largest],
        "smallest": float(rms[smallest]),
        "smallest_name": names[smallest],
        "twins": [list(pair) for pair in twins(table, columns, some)],
        "constant": frame.filter("constant")["name"].to_list(),
    }
    return frame, figures | _leaks(table, columns, scores, some)


def _leaks(table: Table, columns: Any, scores: list[float | None], some: np.ndarray) -> Figures:
    """Columns that tell nearly all of the target alone, and how much the reference makes of the others together."""
    suspects = [place for place, score in enumerate(scores) if score is not None and score >= ALONE]
    figures: Figures = {
        "telling": [columns.names[place] for place in suspects],
        "telling_scores": [float(scores[place] or 0) for place in suspects],
        "others": len(columns.names) - len(suspects),
        "others_skill": None,
        "renamed": _renamed(table, [columns.names[place] for place in suspects if scores[place] == 1]),
    }
    if suspects and figures["others"]:
        keep = np.ones(table.features.shape[1], bool)
        for place in suspects:
            keep[columns.first[place] : columns.first[place] + columns.width[place]] = False
        figures["others_skill"] = _referred(table, some, keep)[0]
    return figures


def _renamed(table: Table, perfect: list[str]) -> list[str]:
    """Of columns that tell every class: those with a value for each class, which are the target in other words."""
    classes = len(table.target.classes or ())
    distinct = {column.name: column.distinct for column in table.columns}
    return [name for name in perfect if table.target.task == "classes" and distinct.get(name) == classes]


def _referred(table: Table, rows: np.ndarray, keep: np.ndarray | None = None) -> tuple[float | None, float | None, int]:
    """The reference's skill on rows that it was not fitted on, how often chance does as well, and the rows fitted."""
    classes = len(table.target.classes or ()) if table.target.task == "classes" else 0
    features, codes = table.features[rows], table.codes[rows]
    found = refer(features if keep is None else features[:, keep], codes, classes)
    if found is None:
        return None, None, 0
    judged = codes[found.rows]
    middle = _shares(codes, classes) if classes else float(codes.mean())
    truth = np.eye(classes)[judged.astype(int)] if classes else judged
    return skill(found.predicted, judged, middle), chance(found.predicted, truth), found.fitted


def _reference(table: Table, rows: np.ndarray, figures: Figures) -> Figures:
    """What a flexible reference explains, asked only where the model explains little, or no more than chance."""
    own, luck = figures.get("train_skill"), figures.get("held_chance")
    if own is not None and own >= GOOD and luck is not None and luck <= SURE:
        return {"reference_skill": None, "reference_chance": None, "reference_rows": 0}
    reached, luck, fitted = _referred(table, rows)
    return {"reference_skill": reached, "reference_chance": luck, "reference_rows": fitted}


def _output(training: Training, table: Table, loss: AbstractRowLoss) -> Figures:
    """What the output function can express, and how much of the target lies outside of it."""
    output = getattr(training.parts.model, "output", "identity")
    outputs = training.parts.model.outputs
    low, high = RANGES.get(output, (-np.inf, np.inf))
    codes = table.codes[table.split.train]
    regression = table.target.task == "regression"
    figures: Figures = {
        "output": output,
        "outputs": outputs,
        "loss": type(loss).__name__,
        "output_low": float(low),
        "output_high": float(high),
        "target_low": float(codes.min()),
        "target_high": float(codes.max()),
        "target_mean": float(codes.mean()) if regression else None,
        "target_sd": float(codes.std()) if regression else None,
        "target_outside": None,
        "wrong": None,
    }
    room = 1e-6 * max(1.0, float(np.abs(codes).max()))
    if output == "softmax" and outputs == 1:
        figures["wrong"] = "one"  # always 1
    elif regression and not isinstance(loss, (Poisson, PoissonOfCount)):
        figures["target_outside"] = float(np.mean((codes < low - room) | (codes > high + room)))
    elif isinstance(loss, PoissonOfCount) and low < 0:
        figures["wrong"] = "negative counts"
    elif isinstance(loss, PoissonOfCount):
        figures["target_outside"] = float(np.mean(codes > high + room))
    elif isinstance(loss, Probability) and (low < 0 or high > 1):
        figures["wrong"] = "no probability"
    elif isinstance(loss, Probability) and outputs > 1 and output != "softmax":
        figures["wrong"] = "probabilities apart"
    elif isinstance(loss, Hinge) and low >= 0:
        figures["wrong"] = "one side"
    return figures


def _classes(training: Training, table: Table, held: Batch | None) -> Figures:
    """How common the classes are among the training rows, and how many of each are recognised on held-out ones."""
    if table.target.task != "classes":
        return {"classes": None}
    classes = [str(name) for name in table.target.classes or ()]
    shares = _shares(table.codes[table.split.train], len(classes))
    weight = np.bincount(
        table.codes[table.split.train].astype(int), table.weight[table.split.train], minlength=len(classes)
    )
    batch = training.judged(HELD_ROWS) if held is None else held
    response = np.asarray(_graded(training.parts, training.kept, batch)[1], np.float64)
    truth = np.asarray(batch.target)
    code = (truth.argmax(axis=1) if truth.ndim == 2 else truth).astype(int)
    level = 0.0 if isinstance(training.parts.loss, Hinge) else 0.5
    said = response.argmax(axis=1) if response.ndim == 2 else (response > level).astype(int)
    rare = int(np.argmin(np.where(shares > 0, shares, 2)))
    there = code == rare
    return {
        "classes": classes,
        "class_shares": shares.tolist(),
        "class_weights": (weight / weight.sum()).tolist(),
        "rarest": classes[rare],
        "rarest_share": float(shares[rare]),
        "commonest_share": float(shares.max()),
        "rarest_rows": int(there.sum()),
        "rarest_recognised": float(np.mean(said[there] == rare)) if there.any() else None,
        "recognised": float(np.mean(said == code)),
    }
