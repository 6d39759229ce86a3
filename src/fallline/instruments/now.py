"""What is happening at a step: is it going down, does it cross the valley, hover, creep, has it arrived, does it break?

All is read off the record of the last updates, but for two things that are measured: where the last update ended in
the valley along its own way (alpha, as in `curvature.py`), and how large a rate the curvature here allows.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree

from fallline.errors import RunError
from fallline.instruments.curvature import allowed, alpha_of
from fallline.measurement import Figures, Measurement
from fallline.step import objective
from fallline.survey import top_curvature
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts

FEWEST, MOST = 10, 2000  # updates that are looked back on
JUDGED = 2_000  # rows that the curvature is taken over


def measure_now(training: Training, *, step: int | None) -> Measurement:
    """The last updates before a step, and how steep and how curved it is there.

    Returns: a frame of step and objective (of the batch that the update of that number saw, before it); figures: those
    of `look_back` and `look_ahead`.

    Raises: RunError when the training has no such step.
    """
    at = training.kept_step if step is None else step
    if not 0 <= at <= training.steps or not training.steps:
        raise RunError(f"{training.name} has no step {at:,}.\nIt has steps 0 to {training.steps:,}.")
    frame, figures = look_back(training, at)
    return Measurement("now", frame, figures | look_ahead(training, training.at(at)))


def look_back(training: Training, at: int) -> tuple[pl.DataFrame, Figures]:
    """What the record says of the updates before a step.

    Returns: the frame and: run, step, steps, window (updates between first and last), first, last (the objective at
    both ends of the window; means of its halves where batches differ), noise (the standard error of their difference; 0
    where every update sees all rows), start, optimum (of the exact answer, else None), gradient_norm, steepest (the
    longest gradient so far), update_norm, weight_norm, alpha (of the update that led here; None at the start), rule,
    rate, batch, full, rows_of, penalised.
    """
    batches, trace = training.ready.walk.batches, training.trace
    shown = min(at + 1, training.steps)  # the objective at a step stands beside the update after it
    first = max(0, shown - 1 - int(np.clip(0 if batches.full else batches.epoch_steps, FEWEST, MOST)))
    recent = trace.slice(first, shown - first).select("step", "objective")
    values = recent["objective"].to_numpy().astype(np.float64)
    norms, half = trace["gradient_norm"].head(shown), max(1, len(values) // 2)
    exact = training.ready.exact
    row = trace.row(shown - 1, named=True)
    figures: Figures = {
        "run": training.name,
        "step": at,
        "steps": training.steps,
        "window": len(values) - 1,
        "first": float(values[0] if batches.full else values[:half].mean()),
        "last": float(values[-1] if batches.full else values[-half:].mean()),
        "noise": 0.0 if batches.full else _noise(values, half),
        "start": float(trace["objective"][0]),
        "optimum": None if exact is None else exact.objective,
        "gradient_norm": row["gradient_norm"],
        "steepest": norms.max(),
        "update_norm": row["update_norm"],
        "weight_norm": row["weight_norm"],
        "alpha": _alpha(training, at),
        "rule": training.ready.settings.rule,
        "rate": training.rate_of(at + 1),
        "batch": batches.size,
        "full": batches.full,
        "rows_of": batches.rows,
        "penalised": row["objective"] != row["loss"],
    }
    return recent, figures


def look_ahead(training: Training, parameters: Parameters) -> Figures:
    """The rate that the curvature at some parameters allows.

    Returns: lambda_max, stable_rate (of the run's rule; None where no limit is known, or the loss does not bend
    upwards) and stable_rows, those that it was taken over.
    """
    batch, multiple = training.judged(JUDGED), allowed(training.parts.rule)
    if multiple is None:
        return {"lambda_max": None, "stable_rate": None, "stable_rows": len(batch.share)}
    top = float(top_curvature(training.parts, parameters, batch))
    bends = np.isfinite(top) and top > 0
    return {
        "lambda_max": top if bends else None,
        "stable_rate": 2 * multiple / top if bends else None,
        "stable_rows": len(batch.share),
    }


def _noise(values: np.ndarray, half: int) -> float:
    """The standard error of the difference of both halves' means, from how much neighbours differ."""
    if len(values) < 3 or not np.isfinite(values).all():
        return 0.0
    one = float(np.sqrt((np.diff(values) ** 2).mean() / 2))  # of a single value; a slow trend does not count
    return one * float(np.sqrt(2 / half))


def _alpha(training: Training, at: int) -> float | None:
    """Alpha of the update that led to a step, over the batch that it saw; None where there is none."""
    if at < 1:
        return None
    before, after = (training.flat(training.at(k)) for k in (at - 1, at))
    start, end = np.asarray(_slopes(training.parts, training.start, before, after, training.batch_of(at)), np.float64)
    alpha = float(alpha_of(start, end))
    return alpha if np.isfinite(alpha) else None


@partial(jax.jit, static_argnames="parts")
def _slopes(
    parts: Parts, like: Parameters, before: jax.Array, after: jax.Array, batch: Batch
) -> tuple[jax.Array, jax.Array]:
    """The slope along the way from one point to another, at both."""
    unravel = ravel_pytree(like)[1]

    def value(flat: jax.Array) -> jax.Array:
        return objective(parts, unravel(flat), batch)

    way = jnp.asarray(after - before)
    return jax.jvp(value, (before,), (way,))[1], jax.jvp(value, (after,), (way,))[1]
