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

from fallline.step import objective
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


def measure_slice(
    parts: Parts, batch: Batch, end: Parameters, steps: np.ndarray, path: np.ndarray, weight: int | None = None
) -> tuple[pl.DataFrame, int]:
    """The slice along one weight.

    Args:
        batch: the rows that the loss is taken over.
        steps, path: the steps [points] and the flat parameters [points, parameters] after each.
        weight: which of the flat parameters; the one that moved furthest when None.

    Returns:
        A frame of kind ("curve" or "path"), step (of the path), weight and loss; and which parameter it was.
    """
    final = np.asarray(ravel_pytree(end)[0])
    path = path[np.isfinite(path).all(axis=1)] if len(path) else final[None]
    steps = steps[: len(path)]
    if weight is None:
        weight = int(np.argmax(np.ptp(np.concatenate([path, final[None]]), axis=0)))
    some = along(len(path))
    low, high = min(path[:, weight].min(), final[weight]), max(path[:, weight].max(), final[weight])
    beside = BESIDE * (high - low) or max(abs(high), 1.0)
    values = np.linspace(low - beside, high + beside, POINTS)
    curve = np.repeat(final[None], POINTS, axis=0)
    curve[:, weight] = values
    flats = jnp.asarray(np.concatenate([curve, path[some]]), final.dtype)
    losses = np.asarray(_objectives(parts, end, flats, batch), np.float64)
    kind = ["curve"] * POINTS + ["path"] * len(some)
    return pl.DataFrame(
        {
            "kind": kind,
            "step": pl.Series([None] * POINTS + steps[some].tolist(), dtype=pl.Int64),
            "weight": np.asarray(flats[:, weight], np.float64),
            "loss": losses,
        }
    ), weight
