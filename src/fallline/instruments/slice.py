"""Loss against one weight, the others held where training ended, and the path that was walked beside it.

The curve's slope at a point is the partial derivative by that weight there. The path's points carry the loss that the
model had with ALL its weights as they were then, so that a point off the curve shows how much the others mattered.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree

from fallline.measurement import Measurement
from fallline.step import objective
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts

POINTS = 81  # of the curve
PATH = 200  # points of the path, at most
BESIDE = 0.35  # how far the curve goes on beyond the path on either side, as a part of its width


def along(steps: int) -> np.ndarray:
    """Some of so many steps, counted from 0: close together at first, where most happens; first and last included."""
    even, early = np.linspace(1, steps, PATH // 2), np.geomspace(1, max(steps, 1), PATH // 2)
    return np.unique(np.concatenate([even, early]).round().astype(int)) - 1


@partial(jax.jit, static_argnames="parts")
def _objectives(parts: Parts, like: Parameters, flats: jax.Array, batch: Batch) -> jax.Array:
    unravel = ravel_pytree(like)[1]
    return jax.lax.map(lambda flat: objective(parts, unravel(flat), batch), flats)


def measure_slice(training: Training, *, weight: str | None, step: int | None) -> Measurement:
    """The slice along one weight, the others held where they were after a step.

    Returns: a frame of kind ("curve" or "path"), step (of the path), weight and loss; figures: weight, its name.
    """
    end = training.flat(training.at(step))
    steps, path = training.path()
    chosen = training.weight(weight)
    some = along(len(path))
    low, high = min(path[:, chosen].min(), end[chosen]), max(path[:, chosen].max(), end[chosen])
    beside = BESIDE * (high - low) or max(abs(high), 1.0)
    curve = np.repeat(end[None], POINTS, axis=0)
    curve[:, chosen] = np.linspace(low - beside, high + beside, POINTS)
    flats = jnp.asarray(np.concatenate([curve, path[some]]), end.dtype)
    losses = np.asarray(_objectives(training.parts, training.start, flats, training.judged()), np.float64)
    frame = pl.DataFrame(
        {
            "kind": ["curve"] * POINTS + ["path"] * len(some),
            "step": pl.Series([None] * POINTS + steps[some].tolist(), dtype=pl.Int64),
            "weight": np.asarray(flats[:, chosen], np.float64),
            "loss": losses,
        }
    )
    return Measurement("slice", frame, {"weight": training.names[chosen]})
