"""Loss against one weight, the others held where they were after a step: curve, tangent, next point, and the path.

The curve's slope at the point is the partial derivative by that weight there, which the chain rule gives without a
second point. The path's points carry the loss that the model had with ALL its weights as they were then, so that a
point off the curve shows how much the others mattered. A model with one parameter has no others: there the slice is
the whole loss, with the whole path on it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from fallline.engine import precision
from fallline.instruments.objectives import along, objectives
from fallline.measurement import Figures, Measurement
from fallline.rules import start as start_state
from fallline.step import objective
from fallline.step import step as take
from fallline.training import JUDGED, Training
from fallline.types import Batch, Parameters, Parts, State

POINTS = 81  # of the curve
BESIDE = 0.35  # how far the curve goes on beyond the path on either side, as a part of its width
LEAST = 1e-3  # of the weights' size: a path that is narrower may be rounding, and gets a curve as broad as they are
TANGENT = 0.2  # of the curve's width: how far the tangent goes on either side of its point


def measure_slice(
    training: Training,
    *,
    weight: str | None,
    step: int | None,
    also: tuple[float, ...] = (),
    most: int = JUDGED,
    known: dict[int, float] | None = None,
) -> Measurement:
    """The slice along one weight, the others held where they were after a step.

    The next point is where the rule's own next update puts that weight. After the last step that needs what the rule
    remembers, which is not kept: there only the plain rule, which remembers nothing, has one.

    Args:
        also: values of the weight that the curve reaches besides.
        most: training rows that the loss is taken over, at most.
        known: the losses at steps of the path that were taken before; the others are put in.

    Returns: a frame of kind ("curve", "path", "tangent", "point", "next": the others held, "next true": all
    updated), step (of path and points), weight and loss (with the penalty); figures: weight (its name), step, value,
    loss, derivative (chain rule), difference (central, of two losses), h, resolution (what a slope measured so can't
    tell), next_value, next_loss (others held), next_true (all updated), next_rows (of the batch that it saw), rounding
    (of a loss), parameters, moved (how many others the path moved), rule, rate, full, rows, rows_of.
    """
    k, path = training.weight(weight), training.path()
    at = training.kept_step if step is None else step
    end, judged = training.flat(training.at(step)), training.judged(most)
    after = _next(training, step)
    some = along(len(path[0]))
    least, largest = training.reach
    seen = [least[k], largest[k], end[k], *also]
    seen += [] if after is None or not np.isfinite(after[k]) else [after[k]]
    low, high = min(seen), max(seen)
    size = max(abs(low), abs(high), float(np.abs(end).max())) or 1.0
    beside = BESIDE * (high - low) if high - low > LEAST * size else size
    points = _Points(end, k, np.linspace(low - beside, high + beside, POINTS), path[1][some], after)
    losses = _losses(training, points, path[0][some].tolist(), judged, {} if known is None else known)
    slope = _slope(training, k, end, judged)
    frame = points.frame(losses, at, path[0][some], slope["derivative"])
    loss, next_loss, next_true = [*losses[POINTS + len(some) :].tolist(), None, None][:3]
    figures = {
        "weight": training.names[k],
        "step": at,
        "value": float(end[k]),
        "loss": loss,
        **slope,
        "next_value": None if after is None else float(after[k]),
        "next_loss": next_loss,
        "next_true": next_true,
        "next_rows": len(training.rows_of(at + 1)),
        "rounding": 16 * float(np.finfo(end.dtype).eps) * abs(loss),
        "parameters": len(training.names),
        "moved": int((np.delete(largest - least, k) > 0).sum()),
        "rule": training.ready.settings.rule,
        "rate": training.rate_of(at + 1),
        "full": training.ready.walk.batches.full,
        "rows": len(judged.share),
        "rows_of": len(training.ready.whole.share),
    }
    return Measurement("slice", frame, figures)


class _Points(NamedTuple):
    """The parameters whose loss is taken, and what they are points of."""

    end: np.ndarray  # [parameters] where the slice is taken
    k: int  # along which
    curve: np.ndarray  # [points] values of that weight
    path: np.ndarray  # [points parameters]
    after: np.ndarray | None  # [parameters] after the next update

    @property
    def flats(self) -> np.ndarray:
        """curve, path, the point, the next point with the others held, the next point."""
        values = [*self.curve, self.end[self.k], *([] if self.after is None else [self.after[self.k]])]
        held = np.repeat(self.end[None], len(values), axis=0)
        held[:, self.k] = values
        cut = len(self.curve)
        last = [] if self.after is None else [self.after[None]]
        return np.concatenate([held[:cut], self.path, held[cut:], *last], dtype=self.end.dtype)

    def frame(self, losses: np.ndarray, at: int, steps: np.ndarray, slope: float) -> pl.DataFrame:
        """All of them with their losses, and the two ends of the tangent."""
        flats = np.asarray(self.flats[:, self.k], np.float64)
        ahead = [] if self.after is None else ["next", "next true"]
        kinds = ["curve"] * len(self.curve) + ["path"] * len(steps) + ["point", *ahead]
        here, loss = float(self.end[self.k]), losses[len(self.curve) + len(steps)]
        ends = here + TANGENT * (self.curve[-1] - self.curve[0]) * np.array([-1.0, 1.0])
        walked = [None] * len(self.curve) + [*steps.tolist(), at] + [at + 1] * len(ahead) + [None, None]
        return pl.DataFrame(
            {
                "kind": [*kinds, "tangent", "tangent"],
                "step": pl.Series(walked, dtype=pl.Int64),
                "weight": np.concatenate([flats, ends]),
                "loss": np.concatenate([losses, loss + slope * (ends - here)]),
            }
        )


def _losses(
    training: Training, points: _Points, steps: list[int], judged: Batch, known: dict[int, float]
) -> Float[np.ndarray, "points"]:
    """Of all points; of the path, whose points are those of `steps`, only what is not known is taken."""
    flats, path = points.flats, slice(len(points.curve), len(points.curve) + len(steps))
    new = np.ones(len(flats), bool)
    new[path] = [step not in known for step in steps]
    losses = np.zeros(len(flats))
    losses[new] = objectives(training.parts, training.start, flats[new], judged)
    known |= {step: loss for step, loss, fresh in zip(steps, losses[path], new[path], strict=True) if fresh}
    losses[path] = [known[step] for step in steps]
    return losses


_take = jax.jit(take, static_argnames="parts")


def _next(training: Training, step: int | None) -> np.ndarray | None:
    """All parameters after the rule's own next update; None where what the rule remembers is not at hand."""
    parts = training.parts
    if parts.rule.is_plain and not (parts.averaged and step is None):
        parameters = training.at(step)
        state = State(parameters, start_state(parts.rule, parameters).rule, parameters if parts.averaged else None)
    elif step is not None:
        state = training.state(step)
    else:
        return None
    number = (training.kept_step if step is None else step) + 1
    batch = training.batch_of(number)
    dtype = training.flat(state.parameters).dtype
    rate = jnp.asarray(training.rate_of(number), dtype)
    return training.flat(_take(parts, state, batch, rate, jnp.zeros((), dtype))[0].parameters)


@partial(jax.jit, static_argnames="parts")
def _two_ways(parts: Parts, like: Parameters, flat: jax.Array, k: jax.Array, h: jax.Array, batch: Batch) -> jax.Array:
    """The partial derivative by the chain rule, that by the central difference of two losses, and the loss."""
    unravel = ravel_pytree(like)[1]

    def along_it(value: jax.Array) -> jax.Array:
        return objective(parts, unravel(flat.at[k].set(value)), batch)

    # the far points as the weight's own numbers, so that their distance is the one that was in fact gone
    right, left = flat[k] + h, flat[k] - h
    loss, slope = jax.value_and_grad(along_it)(flat[k])
    return jnp.stack([slope, (along_it(right) - along_it(left)) / (right - left), loss])


def _slope(training: Training, k: int, flat: np.ndarray, judged: Batch) -> Figures:
    """Both slopes in 64 bits. h = eps^(1/3) balances the errors of a central difference (Numerical Recipes, 5.7)."""
    with precision(64):
        like, wide, batch = (_wide(tree) for tree in (training.start, flat, judged))
        eps = float(np.finfo(float).eps)
        h = float(np.cbrt(eps)) * max(1.0, abs(float(flat[k])))
        chain, central, loss = (
            float(v) for v in _two_ways(training.parts, like, wide, jnp.asarray(k), jnp.asarray(h), batch)
        )
    return {"derivative": chain, "difference": central, "h": h, "resolution": 16 * eps * abs(loss) / h}


def _wide(tree: Any) -> Any:
    """The same arrays with 64 bits."""

    def wide(leaf: Any) -> np.ndarray:
        leaf = np.asarray(leaf)
        return leaf.astype(float) if np.issubdtype(leaf.dtype, np.floating) else leaf

    return jax.tree.map(wide, tree)
