"""How much the gradients of single rows differ, and which batch size pays.

A batch of B rows has the gradient G + noise, and the noise has the variance tr(Sigma) / B, where Sigma is the
covariance of the rows' gradients: E |g|^2 = |G|^2 + tr(Sigma) / B. The gradient noise scale tr(Sigma) / |G|^2 is the
batch size at which noise and gradient are equally long; a step on so many rows gains about half of what a step on all
rows could (McCandlish et al., An empirical model of large-batch training, 2018, equations 2.7 and 2.9). Rows of a batch
are drawn without putting back, which leaves (N - B) / (N - 1) of the variance (Cochran, Sampling Techniques, 1977).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from fallline.errors import RunError, SettingsError
from fallline.losses import AbstractRowLoss
from fallline.measurement import Figures, Measurement
from fallline.step import objective
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts

NUMBERS = 2**22  # of row gradients that are held at once
WORK = 10**8  # rows times parameters that a point may take
FEWEST = 1000  # rows, unless there are fewer
ALONG = (0.0, 0.01, 0.1, 0.5, 1.0)  # of the way: where it is looked at
LATE = 0.1  # of the steps: the end of the trace


class Spread(NamedTuple):
    """At each of some points [points]."""

    gradient_norm: Float[Array, "points"]  # of the objective, over all training rows
    variance: Float[Array, "points"]  # tr(Sigma)
    against: Float[Array, "points"]  # part of the rows whose own step would go against the step of all


def measure_noise(training: Training, *, step: int | None) -> Measurement:
    """The spread of the rows' gradients after a step, and at some points of the path.

    Returns: a frame of step, noise_scale (rows), spread (the root of tr(Sigma)), gradient_norm and against; figures:
    step, the same four there, start_noise_scale (at the random start), batch, full, expected_norm (of a batch's
    gradient there), floor (the noise's part of it), recorded_norm (the root mean square of the gradient norms recorded
    over the last tenth of the steps), recorded_least, late (how many they are), rows, rows_of. floor and the recorded
    ones are None for a step other than the last, and for steps that see all rows.

    Raises: SettingsError when the loss has no row losses; RunError when the gradient is not finite there.
    """
    parts, ready = training.parts, training.ready
    if not isinstance(parts.loss, AbstractRowLoss):
        raise SettingsError(
            "The noise of gradients is measured row by row, and this loss does not say what each row has.\n"
            "Train on a table with one of Fallline's own losses instead."
        )
    at = training.kept_step if step is None else step
    steps, flats = _points(training, step, at)
    rows = training.judged(int(np.clip(WORK // flats.shape[1], FEWEST, 20_000)))
    found = spread(parts, training.start, jnp.asarray(flats), ready.whole, rows, chunk=_chunk(flats.shape[1]))
    norm, variance, against = (np.asarray(a, np.float64) for a in found)
    here = steps.tolist().index(at)
    if not np.isfinite([norm[here], variance[here]]).all():
        raise RunError(f"The gradients of {training.name} are not finite after step {at:,}.\nAsk for an earlier step.")
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(norm > 0, variance / norm**2, np.nan)
    frame = pl.DataFrame(
        {"step": steps, "noise_scale": scale, "spread": np.sqrt(variance), "gradient_norm": norm, "against": against}
    ).with_columns(pl.col("noise_scale").fill_nan(None))
    figures = {
        "step": at,
        "noise_scale": frame["noise_scale"][here],
        "spread": float(np.sqrt(variance[here])),
        "gradient_norm": float(norm[here]),
        "against": float(against[here]),
        "start_noise_scale": frame["noise_scale"][0],
        "batch": min(ready.walk.batches.size, ready.walk.batches.rows),
        "full": ready.walk.batches.full,
        "rows": len(rows.share),
        "rows_of": len(ready.whole.share),
        **_floor(training, at, float(norm[here]), float(variance[here])),
    }
    return Measurement("noise", frame, figures)


def _points(training: Training, step: int | None, at: int) -> tuple[np.ndarray, np.ndarray]:
    """Some steps of the path, the one asked for among them, and the flat parameters there."""
    steps, flats = training.path()
    near = [int(np.abs(steps - part * training.steps).argmin()) for part in ALONG]
    points = {int(steps[i]): flats[i] for i in near}
    points[at] = training.flat(training.at(step))
    order = sorted(points)
    return np.array(order), np.stack([points[s] for s in order]).astype(points[at].dtype)


def _chunk(parameters: int) -> int:
    return int(np.clip(NUMBERS // parameters, 1, 4096))


@partial(jax.jit, static_argnames=("parts", "chunk"))
def spread(parts: Parts, like: Parameters, flats: Array, whole: Batch, rows: Batch, *, chunk: int) -> Spread:
    """At each point: the gradient over the whole, and how the gradients of `rows`, `chunk` at once, lie around it.

    A row's gradient counts with the row's weight, as it does in a batch: weight = share * number of rows.
    """
    unravel = ravel_pytree(like)[1]
    weights = rows.share * len(rows.share)

    def row_loss(flat: Array, features: Array, target: Array) -> Array:
        return parts.loss.rows(parts.model.predict(unravel(flat), features[None]), target[None])[0]

    def loss(flat: Array) -> Array:
        return parts.loss(parts.model.predict(unravel(flat), rows.features), rows)

    def at(flat: Array) -> Spread:
        gradient = jax.grad(lambda f: objective(parts, unravel(f), whole))(flat)
        mean = jax.grad(loss)(flat)

        def row(each: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            features, target, weight = each
            own = weight * jax.grad(row_loss)(flat, features, target)
            return jnp.sum((own - mean) ** 2), own @ gradient < 0

        apart, against = jax.lax.map(row, (rows.features, rows.target, weights), batch_size=chunk)
        return Spread(jnp.linalg.norm(gradient), apart.mean(), against.mean())

    return jax.lax.map(at, flats)


def _floor(training: Training, at: int, norm: float, variance: float) -> Figures:
    """What a batch's gradient cannot get below there, and what was recorded at the end of the trace."""
    batches = training.ready.walk.batches
    late = training.trace["gradient_norm"].tail(max(1, round(LATE * training.steps))).to_numpy().astype(np.float64)
    if batches.full or at < training.steps - len(late) or not np.isfinite(late).all():
        return dict.fromkeys(("expected_norm", "floor", "recorded_norm", "recorded_least", "late"))
    noise = variance / batches.size * (batches.rows - batches.size) / (batches.rows - 1)
    return {
        "expected_norm": float(np.sqrt(norm**2 + noise)),
        "floor": float(np.sqrt(noise)),
        "recorded_norm": float(np.sqrt(np.mean(late**2))),
        "recorded_least": float(late.min()),
        "late": len(late),
    }
