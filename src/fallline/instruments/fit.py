"""Did it memorise or learn? Training, validation and test rows beside each other, over the steps and over the rows.

A row's loss is taken for each row, so that the gap between two parts comes with its standard error: how far apart two
draws of so many rows would lie by chance.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from fallline.data import decode
from fallline.errors import RunError, SettingsError
from fallline.instruments.learning_curve import learning_curve
from fallline.instruments.objectives import along
from fallline.losses import Hinge
from fallline.measurement import Figures, Measurement
from fallline.metrics import CLASSES, REGRESSION, measure_classes, measure_numbers
from fallline.survey import respond
from fallline.table import to_classes
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts

POINTS = 80  # of the path at which the training rows are judged, about
SCHEMA: dict[str, Any] = {
    "kind": pl.String,
    "step": pl.Int64,
    "train": pl.Float64,
    "validation": pl.Float64,
    "rows": pl.Int64,
    "train_loss": pl.Float64,
    "validation_loss": pl.Float64,
}


def measure_fit(training: Training, *, seed: int) -> Measurement:
    """Losses of the parts over the steps, at the end, and by the number of training rows.

    Returns: a frame of kind "steps" (step, train: loss over the judged training rows at points of the path, validation:
    at each look while training went on) and "sizes" (rows, train_loss, validation_loss of trainings on so many rows).

    Raises: SettingsError for a loss of one's own; RunError for a run without validation rows.
    """
    if training.table is None:
        raise SettingsError(
            f"{training.name} is on a loss of its own, without rows held out.\nfit needs a training on a table."
        )
    validation = training.part("validation")
    if validation is None:
        raise RunError(
            f"{training.name} has no validation rows, so that nobody can tell whether it memorised.\n"
            "Train with --validation 0.15."
        )
    curve, sizes = learning_curve(training, validation, seed)
    steps = _steps(training)
    figures = _end(training, validation) | _turn(training) | _measures(training) | curve
    frame = pl.concat([_whole(steps, "steps"), _whole(sizes, "sizes")])
    return Measurement("fit", frame, figures)


def _whole(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    frame = frame.with_columns(pl.lit(kind).alias("kind"))
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in SCHEMA.items() if name not in frame.columns]
    return frame.with_columns(absent).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


@partial(jax.jit, static_argnames="parts")
def row_losses(parts: Parts, parameters: Parameters, batch: Batch) -> Float[Array, "rows"]:
    """The loss of each row."""
    return parts.loss.rows(parts.model.predict(parameters, batch.features), batch.target)  # pyright: ignore


@partial(jax.jit, static_argnames="parts")
def _along(parts: Parts, like: Parameters, flats: Array, batch: Batch) -> Array:
    unravel = ravel_pytree(like)[1]

    def loss(flat: Array) -> Array:
        return parts.loss(parts.model.predict(unravel(flat), batch.features), batch)

    return jax.lax.map(loss, flats)


def _steps(training: Training) -> pl.DataFrame:
    """The training loss at points of the path, and every look at the validation rows."""
    looks = training.held_out
    schema = {"step": pl.Int64, "validation": pl.Float64}
    held = pl.DataFrame(schema=schema)
    if looks is not None:
        held = looks.select(
            pl.col("step").cast(pl.Int64), pl.col("validation_loss").cast(pl.Float64).alias("validation")
        )
    if training.parts.averaged:  # the path is that of the weights, not of their average, which is looked at
        mean = training.trace.select("step", pl.col("loss").cast(pl.Float64).alias("train"))
        every = max(1, mean.height // POINTS)
        block = ((pl.col("step") - 1) // every).alias("block")
        means = mean.group_by(block, maintain_order=True).agg(
            pl.col("step").max().cast(pl.Int64), pl.col("train").mean()
        )
        seen = means.select("step", "train")
    else:
        steps, flats = training.path()
        some = along(len(steps), POINTS)
        losses = _along(training.parts, training.start, jnp.asarray(flats[some]), training.judged())
        seen = pl.DataFrame({"step": steps[some].astype(np.int64), "train": np.asarray(losses, np.float64)})
    return seen.join(held, on="step", how="full", coalesce=True).sort("step")


def _part(training: Training, batch: Batch) -> tuple[float, float]:
    """The loss of the model kept over a part, and its standard error."""
    each = np.asarray(row_losses(training.parts, training.kept, batch), np.float64)
    share = np.asarray(batch.share, np.float64)
    share = share / share.sum()
    mean = float(share @ each)
    return mean, float(np.sqrt(np.sum(share**2 * (each - mean) ** 2)))


def _end(training: Training, validation: Batch) -> Figures:
    """The losses of the model kept, the gap between training and validation rows, and the trivial predictor's."""
    judged, test = training.judged(), training.part("test")
    train, train_error = _part(training, judged)
    held, held_error = _part(training, validation)
    tested, test_error = (None, None) if test is None else _part(training, test)
    rows, loss = training.ready.rows, training.parts.loss
    constant = jnp.asarray(loss.constant(np.asarray(rows.target), np.asarray(rows.weight)))  # pyright: ignore
    trivial = [float(loss(jnp.broadcast_to(constant, b.target.shape), b)) for b in (judged, validation)]
    return {
        "train": train,
        "train_error": train_error,
        "validation": held,
        "validation_error": held_error,
        "test": tested,
        "test_error": test_error,
        "gap": held - train,
        "gap_error": float(np.hypot(train_error, held_error)),
        "trivial_train": trivial[0],
        "trivial_validation": trivial[1],
        "rows": len(judged.share),
        "rows_of": len(training.ready.whole.share),
        "validation_rows": len(validation.share),
        "test_rows": 0 if test is None else len(test.share),
        "parameters": len(training.names),
        "kept_step": training.kept_step,
        "steps": training.steps,
    }


def _turn(training: Training) -> Figures:
    """Where the validation loss was lowest, and what it was at the last look; None for what is not known."""
    looks = training.held_out
    found = None if looks is None else looks.drop_nulls("validation_loss").filter(pl.col("validation_loss").is_finite())
    if found is None or found.is_empty():
        return dict.fromkeys(("lowest_step", "lowest", "last_step", "last"), None) | {"looks": 0}
    lowest = found.row(int(np.argmin(found["validation_loss"].to_numpy())), named=True)
    last = found.row(-1, named=True)
    return {
        "lowest_step": int(lowest["step"]),
        "lowest": float(lowest["validation_loss"]),
        "last_step": int(last["step"]),
        "last": float(last["validation_loss"]),
        "looks": found.height,
    }


def _measures(training: Training) -> Figures:
    """The usual final measure of each part, in the target's own units, and what the loss alone would make of it."""
    table, loss = training.table, training.parts.loss
    assert table is not None
    number = table.target.task == "regression"
    name = (REGRESSION if number else CLASSES)[0]
    figures: Figures = {"measure": name, "target": table.target.name, "loss_name": type(loss).__name__}
    for part in ("train", "validation", "test"):
        batch, index = training.part(part), getattr(table.split, part)
        value = None
        if batch is not None:
            response = np.asarray(respond(training.parts, training.kept, batch)[1], np.float64)
            if number:
                actual, said = (np.asarray(decode(table.target, a)) for a in (table.codes[index], response))
                value = measure_numbers(actual, said, [name])[name]
            else:
                codes, _ = to_classes(response, not isinstance(loss, Hinge))
                value = measure_classes(table.codes[index].astype(int), codes, None, [name])[name]
        figures[f"{part}_measure"] = value
    return figures | {"scale": table.target.scale if number else None}
