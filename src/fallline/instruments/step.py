"""One update in full, from the user's own rows: predict, loss, gradient factor by factor, update, in numbers.

    w_new = w_old - rate * direction

The loss of the same batch is taken again after the update: whether the step did what it was made for.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl

from fallline.data import decode
from fallline.errors import RunError
from fallline.instruments.factors import factors
from fallline.instruments.remembered import remembered
from fallline.losses import AbstractRowLoss, Squared
from fallline.measurement import Figures, Measurement
from fallline.record import laid_flat
from fallline.step import Step, objective
from fallline.step import step as take
from fallline.training import Training
from fallline.types import Batch, Gradient, Parameters, Parts, Prediction, State

ROWS = 8  # of the batch that are spelled out
WEIGHTS = 12  # parameters that are spelled out: the chosen one, and those that the update changed most
FRAME = 1_000  # rows and parameters in the frame, each

_take = jax.jit(take, static_argnames="parts")


def measure_step(training: Training, *, step: int, weight: str | None, row: int | None = None) -> Measurement:
    """Walk to the step before this one again, then take the step and look at it.

    Args:
        weight: whose derivative is taken apart; when None the one that this update moved furthest, of those with a
            gradient.
        row: of the table, counted from 1, that is listed first; passed over where the update does not see it.

    Returns: a frame of kind "row" (row, target, before, after: predictions as a person means them, of the true class
    where there are several) and "weight" (name, old, gradient, update, new); figures: run, step, epoch, rule, rate,
    clip, batch (how many rows), precision, condensed, squared, loss, objective, loss_after, objective_after (of the
    same batch), recorded_loss, gradient_norm, update_norm; rows: row (number in the table), place (in the batch),
    prediction, target, error, after, loss, own (target in its own units); weights: name, old, gradient, direction,
    update, new; chain and layers: the factors of the chosen weight's derivative (`factors.py`), None where rows have no
    losses of their own; memory: what is old and what new in its direction (`remembered.py`); readd_error,
    readd_rounding; parameters.

    Raises: RunError when the training has no such step.
    """
    if not 1 <= step <= training.steps:
        raise RunError(f"{training.name} has no step {step:,}.\nIt has steps 1 to {training.steps:,}.")
    parts, number = training.parts, step
    before, batch, rate = training.state(number - 1), training.batch_of(number), training.rate_of(number)
    dtype = training.flat(before.parameters).dtype
    after, seen = _take(parts, before, batch, jnp.asarray(rate, dtype), jnp.zeros((), dtype))
    direction = _direct(parts, before, seen.gradient, seen.loss)
    flats = _flats(before, after, seen, direction)
    moved = np.abs(flats["update"]) * (flats["gradient"] != 0)  # by old information alone has no chain to show
    k = int(np.argmax(moved)) if weight is None else training.weight(weight)
    listed = _listed(training, number, row)
    rows = _rows(training, number, batch, seen, after, listed)
    record = training.trace.row(number - 1, named=True)
    objective_after, penalty_after = map(float, _graded(parts, after.parameters, batch))
    figures = {
        "run": training.name,
        "step": number,
        "epoch": record["epoch"],
        "rule": training.ready.settings.rule,
        "clip": training.ready.settings.clip,
        "rate": rate,
        "batch": len(training.rows_of(number)),
        "precision": training.ready.settings.precision,
        "condensed": training.ready.condensed,
        "squared": isinstance(parts.loss, Squared),
        "loss": float(seen.loss),
        "objective": float(seen.objective),
        "loss_after": objective_after - penalty_after,
        "objective_after": objective_after,
        "recorded_loss": record["loss"],
        "gradient_norm": float(np.linalg.norm(flats["gradient"])),
        "update_norm": float(np.linalg.norm(flats["update"])),
        "rows": rows.head(ROWS).to_dicts(),
        "weights": _weights(training, flats, k),
        **factors(parts, before.parameters, batch, k, training.names[k], listed, rows["row"].to_list()),
        "memory": remembered(parts.rule, before, after, seen.gradient, direction, k),
        **_readded(flats, rate, dtype),
        "parameters": len(training.names),
    }
    return Measurement("step", _frame(rows, training, flats), figures)


@partial(jax.jit, static_argnames="parts")
def _graded(parts: Parts, parameters: Parameters, batch: Batch) -> tuple[jax.Array, jax.Array]:
    """The objective of the batch, and the penalty in it."""
    return objective(parts, parameters, batch), parts.penalty(parameters)


@partial(jax.jit, static_argnames="parts")
def _responses(parts: Parts, after: Parameters, prediction: Prediction, batch: Batch) -> tuple[jax.Array, ...]:
    """Of every row the response to its prediction, the one after the update, and the loss before."""
    loss: Any = parts.loss
    later = loss.response(parts.model.predict(after, batch.features))
    return loss.response(prediction), later, loss.rows(prediction, batch.target)


@partial(jax.jit, static_argnames="parts")
def _direct(parts: Parts, before: State, gradient: Gradient, loss: jax.Array) -> Gradient:
    """What the rule makes of the gradient, as in `fallline.step`."""
    return parts.rule.chain().update(gradient, before.rule, before.parameters, value=loss)[0]


def _flats(before: State, after: State, seen: Step, direction: Gradient) -> dict[str, np.ndarray]:
    """Old, gradient, direction, update and new, each [parameters]."""
    trees = {
        "old": before.parameters,
        "gradient": seen.gradient,
        "direction": direction,
        "update": seen.update,
        "new": after.parameters,
    }
    return {name: laid_flat(tree).astype(np.float64) for name, tree in trees.items()}


def _listed(training: Training, number: int, row: int | None) -> np.ndarray:
    """Places in the batch of the rows that are listed: the asked one, and the first others."""
    places = training.rows_of(number)
    first = np.arange(min(len(places), FRAME))
    if row is None:
        return first
    asked = np.flatnonzero(_numbers(training, places) == row)[:1]
    return np.concatenate([asked, first[~np.isin(first, asked)]])[:FRAME]


def _numbers(training: Training, places: np.ndarray) -> np.ndarray:
    """Of training rows, in their table, from 1; rows on disk have lost theirs and are counted as they come."""
    table = training.table
    if table is None or training.ready.feed is not None:
        return np.asarray(places, np.int64) + 1
    return np.asarray(table.numbers[table.split.train[places]], np.int64) + 1


def _rows(training: Training, number: int, batch: Batch, seen: Step, after: State, some: np.ndarray) -> pl.DataFrame:
    """What became of each row: predictions before and after, target, error and loss. No rows for other losses."""
    parts, table = training.parts, training.table
    if not isinstance(parts.loss, AbstractRowLoss):
        return pl.DataFrame(schema={"row": pl.Int64})
    found = _responses(parts, after.parameters, seen.prediction, batch)
    response, later, losses = (np.asarray(a, np.float64) for a in found)
    target = np.asarray(batch.target, np.float64)
    places = training.rows_of(number)
    if table is not None and training.ready.feed is not None:
        own = decode(table.target, target if target.ndim == 1 else target.argmax(axis=1))
    elif table is not None:
        own = decode(table.target, table.codes[table.split.train[places]])
    else:
        own = target
    return pl.DataFrame(
        {
            "row": _numbers(training, places[some]),
            "place": some,
            "prediction": response[some].tolist(),
            "target": target[some].tolist(),
            "error": (response - target)[some].tolist(),
            "after": later[some].tolist(),
            "loss": losses[some],
            "own": np.asarray(own)[some].tolist(),
        },
        strict=False,
    )


def _weights(training: Training, flats: dict[str, np.ndarray], chosen: int) -> list[Figures]:
    """The chosen parameter, and those that the update changed most."""
    most = [k for k in np.argsort(-np.abs(flats["update"]), kind="stable")[:WEIGHTS].tolist() if k != chosen]
    return [
        {"name": training.names[k]} | {name: float(values[k]) for name, values in flats.items()}
        for k in [chosen, *most][:WEIGHTS]
    ]


def _readded(flats: dict[str, np.ndarray], rate: float, dtype: Any) -> Figures:
    """How far w_old - rate * direction is from w_new where it is worst, and what rounding may make there."""
    error = np.abs(flats["old"] - rate * flats["direction"] - flats["new"])
    rounding = 4 * float(np.finfo(dtype).eps) * np.maximum(np.abs(flats["old"]), np.abs(flats["update"]))
    worst = int(np.argmax(np.nan_to_num(error / np.maximum(rounding, 1e-300), nan=np.inf)))
    return {"readd_error": float(error[worst]), "readd_rounding": float(rounding[worst])}


def _frame(rows: pl.DataFrame, training: Training, flats: dict[str, np.ndarray]) -> pl.DataFrame:
    """What is drawn: rows with their prediction before and after, and the weights that moved most."""
    most = np.argsort(-np.abs(flats["update"]), kind="stable")[:FRAME]
    weights = pl.DataFrame(
        {"kind": ["weight"] * len(most), "name": [training.names[k] for k in most]}
        | {name: values[most] for name, values in flats.items()}
    )
    if rows.is_empty():
        return weights
    targets = rows["target"].to_list()
    several = rows["target"].dtype == pl.List
    true = [target.index(max(target)) if several else None for target in targets]

    def of(column: str) -> list[float]:
        return [value if at is None else value[at] for value, at in zip(rows[column].to_list(), true, strict=True)]

    drawn = pl.DataFrame(
        {"kind": ["row"] * rows.height, "row": rows["row"], "target": of("target")}
        | {"before": of("prediction"), "after": of("after")}
    )
    return pl.concat([drawn, weights], how="diagonal")
