"""What is happening at a step: is it going down, does it cross the valley, hover, creep, has it arrived, does it break?

All is read off the record of the last updates, but for three things that are measured: where the last update ended in
the valley along its own way (alpha, as in `curvature.py`), the loss on all training rows where updates see a few of
them, and how large a rate the curvature here allows.

Losses of small batches jump. Whether their mean falls is judged by the means of both halves of a window, against the
standard error of their difference, and once judged it stays so until the halves clearly say something else: what is
said of a loss that hovers must not change from step to step by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

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
BATCHES, LEAST = 64, 16  # of small batches: updates looked back on, at least; and without which nothing is said
MOVES, RESTS = 4.0, 2.0  # standard errors: from where on a mean moves, and below which it rests again
JUDGED = 2_000  # rows that the curvature is taken over
CHEAP = 4_000_000  # rows times parameters: the loss on all training rows is taken up to that


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
    where every update sees all rows), moves (falls, rises or stays, of batches that differ; None while they are too
    few, or where every update sees all rows), whole, whole_before, whole_first (the objective over all training
    rows at the step, before the update that led there, and where the window begins; None where every update sees them,
    or there are too many), start (over all training rows too, where that is known), optimum (of the exact answer, else
    None), gradient_norm, steepest (the longest gradient so far), update_norm, weight_norm, alpha (of the update that
    led here; None at the start), rule, rate, batch, full, rows_of, penalised.
    """
    batches, trace = training.ready.walk.batches, training.trace
    shown = min(at + 1, training.steps)  # the objective at a step stands beside the update after it
    wanted = FEWEST if batches.full else int(np.clip(2 * batches.epoch_steps, BATCHES, MOST))
    first = max(0, shown - 1 - wanted)
    recent = trace.slice(first, shown - first)[["step", "objective"]]
    values = recent["objective"].to_numpy().astype(np.float64)
    norms, exact, row = trace["gradient_norm"].head(shown), training.ready.exact, trace.row(shown - 1, named=True)
    halves = None if batches.full else _halves(trace["objective"].head(shown).to_numpy()[-4 * wanted :], wanted + 1)
    seen = None if batches.full else whole_at(training, (at, max(at - 1, 0), min(first, at), 0))
    figures: Figures = {
        "run": training.name,
        "step": at,
        "steps": training.steps,
        "window": len(values) - 1,
        "first": float(values[0]) if halves is None else halves.first,
        "last": float(values[-1]) if halves is None else halves.last,
        "noise": 0.0 if halves is None else halves.noise,
        "moves": None if halves is None else halves.moves,
        "whole": None if seen is None else seen[0],
        "whole_before": None if seen is None else seen[1],
        "whole_first": None if seen is None else seen[2],
        "start": float(trace["objective"][0]) if seen is None else seen[3],
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


class _Halves(NamedTuple):
    first: float  # mean of the older half of the window
    last: float
    noise: float  # the standard error of their difference
    moves: str | None


def _halves(values: np.ndarray, window: int) -> _Halves:
    """Both halves of the last values, and whether their means differ by more than chance.

    The window slides over what went before, so that what was clear a while ago holds until it is clearly over: the
    answer depends on the record alone, not on which steps were looked at.
    """
    values = np.asarray(values, np.float64)
    size = min(window, len(values))
    half = max(1, size // 2)
    first, last = float(values[-size:][:half].mean()), float(values[-half:].mean())
    if size < LEAST or not np.isfinite(values).all():
        return _Halves(first, last, 0.0, None)
    sums, jumps = _running(values), _running(np.diff(values) ** 2)
    ends = np.arange(size, len(values) + 1)
    older, newer = sums[ends - size + half] - sums[ends - size], sums[ends] - sums[ends - half]
    # of a single value by how much neighbours differ: a slow trend does not count
    one = np.sqrt((jumps[ends - 1] - jumps[ends - size]) / (2 * (size - 1)))
    noise = one * np.sqrt(2 / half)
    fall = (older - newer) / half
    errors = fall / np.maximum(noise, 1e-6 * np.abs(older / half) + 1e-300)
    clear = np.flatnonzero((np.abs(errors) >= MOVES) | (np.abs(errors) <= RESTS))
    judge = errors[clear[-1]] if len(clear) else errors[-1]
    moved = abs(judge) >= MOVES and judge * errors[-1] > 0
    return _Halves(first, last, float(noise[-1]), ("falls" if judge > 0 else "rises") if moved else "stays")


def _running(values: np.ndarray) -> np.ndarray:
    """Sums of the first so many, from none on."""
    return np.concatenate([[0.0], np.cumsum(values)])


def whole_at(training: Training, steps: Sequence[int]) -> list[float] | None:
    """The objective over all training rows at some steps; None where there are too many to be quick."""
    batch = training.ready.whole
    if len(batch.share) * sum(leaf.size for leaf in jax.tree.leaves(training.start)) > CHEAP:
        return None
    return [float(_objective(training.parts, training.at(step), batch)) for step in steps]


_objective = jax.jit(objective, static_argnums=0)


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
