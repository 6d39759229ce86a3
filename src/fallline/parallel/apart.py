"""Workers that go apart for some steps, each on its own rows, and then average what they have learned.

One sum every `sync` steps instead of one each step: for steps that are cheaper than a sum. The model is another one,
because each worker's gradient is that of fewer rows at weights of its own (local SGD; Stich, ICLR 2019). One process
can walk the same steps with all workers side by side, so that such a training can be walked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from fallline.legs import HERE, Place, blank, recorded_step
from fallline.parallel.mesh import AXIS, Crew, joined
from fallline.parallel.shard import mine, mine_of_all, place_of
from fallline.record import Row
from fallline.types import Batch, Parts, State


def walk_apart(
    parts: Parts, state: State, batches: Batch, rates: Array, blends: Array, count: int, *, full: bool, sync: int
) -> tuple[State, Row]:
    """`legs.walk_leg` on one worker's rows, under an axis of workers; all have the same state before and after.

    The record is the mean of the workers' records: their losses, squared norms, and, while few, parameters.
    """
    # a worker's rows stand for as many as all workers have, so that the mean of the gradients is that of the batch
    own = batches._replace(share=batches.share * lax.axis_size(AXIS))
    one = recorded_step(parts, own, rates, blends, full)

    def some(k: int, carry: tuple[State, Row]) -> tuple[State, Row]:
        state, rows = lax.fori_loop(k * sync, jnp.minimum((k + 1) * sync, count), one, carry)
        return jax.tree.map(_mean, state), rows

    state, rows = lax.fori_loop(0, -(-count // sync), some, (state, blank(parts, state, len(rates), rates.dtype)))
    return state, jax.tree.map(_mean, rows)


def _mean(leaf: Array) -> Array:
    return lax.pmean(leaf, AXIS) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf  # all count the same steps


def here(given: Mapping[str, Any]) -> Place:
    """Where this process makes the steps of a run, by what the run was given: among its crew, or all by itself."""
    crew, sync = joined(), given.get("sync") or 1
    if crew is None:
        return again(given)
    return place_of(crew) if sync == 1 else apart_in(crew, sync)


def again(given: Mapping[str, Any]) -> Place:
    """Where one process walks the steps of a run of many again."""
    workers, sync = given.get("workers") or 1, given.get("sync") or 1
    return HERE if workers == 1 or sync == 1 else apart_here(workers, sync)


def apart_in(crew: Crew, sync: int) -> Place:
    """The crew's place, with a sum every `sync` steps alone."""
    return place_of(crew, partial(walk_apart, sync=sync))._replace(again=apart_here(crew.workers, sync))


def apart_here(workers: int, sync: int) -> Place:
    """The same steps in one process: all workers' rows side by side."""

    @partial(jax.jit, static_argnames=("parts", "full"))
    def leg(parts: Parts, state: State, batches: Batch, rates: Array, blends: Array, count: int, full: bool) -> Any:
        def walk(own: Batch) -> tuple[State, Row]:
            return walk_apart(parts, state, own, rates, blends, count, full=full, sync=sync)

        return jax.tree.map(lambda a: a[0], jax.vmap(walk, axis_name=AXIS)(batches))

    def stacked(each: Any) -> Batch:
        return jax.tree.map(lambda *parts: jnp.stack(parts), *each)

    def gathered(table: Batch, order: Any) -> Batch:
        return stacked(mine(table, order, rank, workers) for rank in range(workers))

    def whole(table: Batch) -> Batch:
        return stacked(mine_of_all(table, rank, workers) for rank in range(workers))

    def spread(rows: Batch) -> Batch:
        return jax.tree.map(lambda a: _among(a, workers), rows)

    place = Place(gathered, whole, leg, spread=spread)
    return place._replace(again=place)


def _among(rows: Array, workers: int) -> Array:
    """The rows of each step's batch [steps, size, ...], dealt out to workers: [workers, steps, own, ...]."""
    padded = jnp.pad(rows, [(0, 0), (0, -rows.shape[1] % workers)] + [(0, 0)] * (rows.ndim - 2))
    return jnp.moveaxis(padded.reshape(len(rows), -1, workers, *rows.shape[2:]), 2, 0)
