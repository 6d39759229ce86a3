"""Is anything steeper than the gradient, does its opposite point to the minimum, and does a step do what it promised?

The slope along a direction d of length 1 is gradient . d (the directional derivative). By Cauchy and Schwarz it lies
between -|gradient| and |gradient|, and only along the gradient and its opposite does it reach them. The slopes of the
random directions are taken forward through the model, without the gradient, so that nothing is assumed here.

An update u changes the objective by about -g'u + u'Hu / 2 (Taylor; Nocedal and Wright, Numerical Optimization, 2nd
edition, theorem 2.1), which for the plain rule is -rate g'g + rate^2 g'Hg / 2.
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

from fallline.engine import precision
from fallline.errors import RunError
from fallline.instruments.curvature import FEW, FLAT
from fallline.instruments.spectrum import gradient_and_product, in_float64, whole_hessian
from fallline.measurement import Figures, Measurement
from fallline.rules import start
from fallline.shortcut import as_parameters
from fallline.step import objective
from fallline.step import step as take
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts, State

WORK = 6 * 10**9  # directions times rows times parameters that are gone through
FEWEST = 256  # rows, unless there are fewer
AT_ONCE = 8  # directions
ANGLES = 40  # points of the path
SLACK = 1e-9  # a slope counts as steeper only by more than this: 64 bits round too


class Fan(NamedTuple):
    """The objective around a point, over some rows."""

    value: Float[Array, ""]
    gradient: Float[Array, "parameters"]
    slopes: Float[Array, "count"]  # along random directions
    changes: Float[Array, "count"]  # of the objective, after a way of the given length
    down: Float[Array, ""]  # the change along minus the gradient
    up: Float[Array, ""]  # along plus the gradient


def measure_directions(training: Training, *, step: int | None, count: int, seed: int) -> Measurement:
    """Loss and slope along minus the gradient, plus the gradient and random directions, all of one length.

    Returns: a frame of kind ("down", "up", "random" or "angle"), slope (per unit of length), change (of the objective)
    and, of kind "angle", step, angle and angle_exact (degrees between minus the gradient and the way to the weights
    kept, and to the exact answer). Figures: step, length, own_length (it is that of the run's own update), of ("loss",
    or "objective" with a penalty), value, gradient_norm, down, up, count, steepest (largest size of a random slope),
    steeper (how many are steeper than the gradient), best (lowest random change), better (how many fell further),
    angle, angle_exact, angle_least, angle_most (along the path), predicted, came, predicted_all, came_all (change by
    the update after that step, on its own batch and over all rows), rows, rows_of, fan_rows.

    Raises: RunError when there is no gradient to follow.
    """
    step = step or 0
    at = training.at(step)
    update, promised = _update(training, step)
    with precision(64):  # a late step changes the loss in digits that 32 bits do not have
        return _directions(training, step, training.flat(in_float64(at)), update, promised, count, seed)


def _directions(
    training: Training, step: int, flat: np.ndarray, after: np.ndarray | None, promised: Figures, count: int, seed: int
) -> Measurement:
    parts, judged = training.parts, in_float64(training.judged())
    rows = in_float64(training.judged(int(np.clip(WORK // (max(count, 1) * flat.size), FEWEST, 20_000))))
    like = in_float64(training.start)
    whole = np.asarray(_gradients(parts, like, jnp.asarray(flat[None]), judged))[0]
    norm = float(np.linalg.norm(whole))
    if not (np.isfinite(norm) and norm > 0):
        word = "zero" if norm == 0 else "not finite"
        raise RunError(f"The gradient of {training.name} is {word} after step {step:,}.\nAsk for another step.")
    length = 0.0 if after is None else float(np.linalg.norm(after))
    own = 0 < length < np.inf
    rate = training.rate_of(max(1, min(step + 1, training.steps)))
    length = length if own else rate * norm
    fan = jax.tree.map(
        np.asarray, _fan(parts, like, jnp.asarray(flat), rows, length, jax.random.key(seed), count=count)
    )
    steepest_here = float(np.linalg.norm(fan.gradient))
    sizes = np.abs(fan.slopes)
    figures = {
        "step": step,
        "length": length,
        "own_length": own,
        "rate": rate,
        "rule": training.ready.settings.rule,
        "parameters": int(flat.size),
        "of": "objective" if float(parts.penalty(training.kept)) else "loss",
        "value": float(fan.value),
        "gradient_norm": steepest_here,
        "down": float(fan.down),
        "up": float(fan.up),
        "count": count,
        "steepest": float(sizes.max(initial=0.0)),
        "steeper": int((sizes > steepest_here * (1 + SLACK)).sum()),
        "best": float(fan.changes.min(initial=np.inf)) if count else None,
        "better": int((fan.changes < fan.down).sum()),
        "fan_rows": len(rows.share),
        "rows": len(judged.share),
        "rows_of": len(training.ready.whole.share),
        **promised,
    }
    angles, of_path = _angles(training, flat, whole)
    spread = pl.DataFrame(
        {
            "kind": ["down", "up"] + ["random"] * count,
            "slope": np.concatenate([[-steepest_here, steepest_here], fan.slopes]),
            "change": np.concatenate([[fan.down, fan.up], fan.changes]),
        }
    )
    return Measurement("directions", pl.concat([spread, angles], how="diagonal_relaxed"), figures | of_path)


@partial(jax.jit, static_argnames=("parts", "count"))
def _fan(
    parts: Parts, like: Parameters, flat: Array, batch: Batch, length: float, key: jax.Array, *, count: int
) -> Fan:
    unravel = ravel_pytree(like)[1]

    def value(point: Array) -> Array:
        return objective(parts, unravel(point), batch)

    here, slope_along = jax.linearize(value, flat)
    gradient = jax.grad(value)(flat)
    steepest = gradient / jnp.linalg.norm(gradient)

    def one(way: Array) -> tuple[Array, Array]:
        way = way / jnp.linalg.norm(way)
        return slope_along(way), value(flat + length * way) - here

    ways = jax.random.normal(key, (count, flat.size), flat.dtype)
    slopes, changes = jax.lax.map(one, ways, batch_size=AT_ONCE)
    down, up = (value(flat + sign * length * steepest) - here for sign in (-1, 1))
    return Fan(here, gradient, slopes, changes, down, up)


def _update(training: Training, step: int) -> tuple[np.ndarray | None, Figures]:
    """The update after a step, and what it was to change against what came; nothing after the last step."""
    if step >= training.steps:
        return None, dict.fromkeys(("predicted", "came", "predicted_all", "came_all"))
    parts, batch = training.parts, training.batch_of(step + 1)
    plain = parts.rule.is_plain and not parts.averaged
    state = start(parts.rule, training.at(step)) if plain else training.state(step)
    with precision(64):
        state, batch, judged = in_float64((state, batch, training.judged()))
        rate = jnp.asarray(training.rate_of(step + 1))
        first, update = map(np.asarray, _promise(parts, state, batch, batch, rate))
        every, _ = map(np.asarray, _promise(parts, state, batch, judged, rate))
    return update, dict(
        zip(("predicted", "came", "predicted_all", "came_all"), map(float, (*first, *every)), strict=True)
    )


@partial(jax.jit, static_argnames="parts")
def _promise(parts: Parts, state: State, batch: Batch, judged: Batch, rate: Array) -> tuple[Array, Array]:
    """The update that the batch leads to; predicted and true change of the objective over the rows judged."""
    after, seen = take(parts, state, batch, rate, jnp.zeros_like(rate))
    update = ravel_pytree(seen.update)[0]
    gradient, times = gradient_and_product(parts, state.parameters, judged)
    came = objective(parts, after.parameters, judged) - objective(parts, state.parameters, judged)
    return jnp.stack([-gradient @ update + update @ times(update) / 2, came]), update


@partial(jax.jit, static_argnames="parts")
def _gradients(parts: Parts, like: Parameters, flats: Array, batch: Batch) -> Float[Array, "points parameters"]:
    unravel = ravel_pytree(like)[1]
    return jax.lax.map(jax.grad(lambda flat: objective(parts, unravel(flat), batch)), flats)


def angle(one: np.ndarray, other: np.ndarray) -> float | None:
    """Degrees between two vectors; None where one of them has no direction.

    >>> angle(np.array([1.0, 0.0]), np.array([1.0, 1.0]))
    45.0
    """
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not (0 < lengths < np.inf):
        return None
    return round(float(np.degrees(np.arccos(np.clip(one @ other / lengths, -1, 1)))), 9)


def _angles(training: Training, flat: np.ndarray, gradient: np.ndarray) -> tuple[pl.DataFrame, Figures]:
    """The angle between minus the gradient and the way to the weights kept, and to the exact answer, on the path."""
    like, rows = in_float64(training.start), in_float64(training.judged())
    kept, exact = training.flat(in_float64(training.kept)), training.ready.exact
    best = None if exact is None else training.flat(as_parameters(exact, training.start))
    bends = np.eye(len(flat))
    if exact is not None and not exact.unique and len(flat) <= FEW:
        values, vectors = np.linalg.eigh(np.asarray(whole_hessian(training.parts, like, rows)))
        bends = (vectors * (values > FLAT * values[-1])) @ vectors.T
    steps, path = training.path()
    some = np.unique(np.linspace(0, len(steps) - 1, ANGLES).round().astype(int))
    steps, path = steps[some], path[some].astype(np.float64)
    ways = -np.asarray(_gradients(training.parts, like, jnp.asarray(path), rows))

    def both(way: np.ndarray, at: np.ndarray) -> tuple[float | None, float | None]:
        """To the weights kept, and to the nearest of the exact answers: along what is flat, all are as good."""
        return angle(way, kept - at), None if best is None else angle(way, bends @ (best - at))

    found = [both(way, at) for way, at in zip(ways, path, strict=True)]
    frame = pl.DataFrame(
        {"kind": ["angle"] * len(steps), "step": steps}
        | {
            name: pl.Series([each[i] for each in found], dtype=pl.Float64)
            for i, name in enumerate(("angle", "angle_exact"))
        }
    )
    to_kept, to_exact = both(-gradient, flat)
    return frame, {
        "angle": to_kept,
        "angle_exact": to_exact,
        "angle_least": frame["angle"].min(),
        "angle_most": frame["angle"].max(),
        "angles": int(frame["angle"].count()),
    }
