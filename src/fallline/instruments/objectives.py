"""The objective at many weights over the same rows, in one compiled call.

One point after the other, all rows at once: side by side, or in blocks of rows, took longer on two cores (a network of
28-64-64-1 over 10,000 rows: 0.35 ms a point, against 0.77 with four points at once and 0.39 with blocks of 2,000).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from fallline.step import objective
from fallline.types import Batch, Parameters, Parts

POINTS = 200  # of a path that are looked at, at most
ROOM = 300  # points: a path with a slice through it


def along(count: int, most: int = POINTS) -> Int[np.ndarray, "some"]:
    """Some places of so many, from 0: close together at first, where most happens; first and last included."""
    even, early = np.linspace(1, count, most // 2), np.geomspace(1, max(count, 1), most // 2)
    return np.unique(np.concatenate([even, early]).round().astype(int)) - 1


def objectives(
    parts: Parts, like: Parameters, flats: Float[np.ndarray, "points parameters"], batch: Batch
) -> Float[np.ndarray, "points"]:
    """The objective of each of many flat parameters; `like` has their shape.

    Room is made for more points than there are, and no more are gone through: one program serves every path.
    """
    return np.asarray(_objectives(parts, like, _roomy(flats), len(flats), batch))[: len(flats)]


def objectives_on(
    parts: Parts,
    origin: Parameters,
    ways: Float[np.ndarray, "ways parameters"],
    places: Float[np.ndarray, "points ways"],
    batch: Batch,
) -> Float[np.ndarray, "points"]:
    """The objective at origin + place @ ways, for each of many places on a line or a plane."""
    return np.asarray(_objectives_on(parts, origin, ways, _roomy(places), len(places), batch))[: len(places)]


def _roomy(points: np.ndarray) -> np.ndarray:
    room = np.zeros((-(-len(points) // ROOM) * ROOM, points.shape[1]), points.dtype)
    room[: len(points)] = points
    return room


@partial(jax.jit, static_argnames="parts")
def _objectives(parts: Parts, like: Parameters, flats: Array, count: int, batch: Batch) -> Array:
    unravel = ravel_pytree(like)[1]
    return _each(lambda flat: objective(parts, unravel(flat), batch), flats, count)


@partial(jax.jit, static_argnames="parts")
def _objectives_on(
    parts: Parts, origin: Parameters, ways: Array, places: Array, count: int, batch: Batch
) -> Float[Array, "points"]:
    flat, unravel = ravel_pytree(origin)
    return _each(lambda place: objective(parts, unravel(flat + place @ ways), batch), places, count)


def _each(value: Callable[[Array], Array], points: Array, count: int) -> Array:
    """The values at the first so many of the points."""
    return lax.fori_loop(
        0, count, lambda i, found: found.at[i].set(value(points[i])), jnp.zeros(len(points), points.dtype)
    )
