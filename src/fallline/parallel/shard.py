"""Where a crew makes its steps: each worker holds a part of every batch's rows, and all hold all weights.

The step is the same four lines as in one process; between gradient and update the workers' parts of loss and gradient
are added up. The last bits differ from those of one process because a sum of sums is rounded otherwise, but they are
the same on all workers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Int

from fallline.layout import RowsLast
from fallline.legs import Place, gather, walk_leg
from fallline.parallel.mesh import AXIS, Crew
from fallline.types import Batch, Parts, State


def together(own: Any) -> Any:
    """The sum over all workers, in one message: one for each array of a network took up to twice the step."""
    flat, as_it_was = ravel_pytree(own)
    return as_it_was(lax.psum(flat, AXIS))


walk_together = partial(walk_leg, add_up=together)


def place_of(crew: Crew, walk: Callable[..., Any] = walk_together) -> Place:
    """The crew's place to make steps in; `walk` makes those of a leg on one worker's rows, under an axis of workers."""
    rank, workers = crew.rank, crew.workers
    everywhere = NamedSharding(crew.mesh, PartitionSpec())

    @partial(jax.jit, static_argnames=("parts", "full"))
    def walked(parts: Parts, state: State, batches: Batch, rates: Any, blends: Any, count: int, full: bool) -> Any:
        def own(*given: Any) -> Any:
            return walk(parts, *given, full=full)

        rows = PartitionSpec(AXIS) if full else PartitionSpec(None, AXIS)
        spread = rows_of(lambda _: rows, lambda _: PartitionSpec(None, AXIS), batches)
        same = PartitionSpec()
        # what varies over workers and what does not is for `walk` to say, not for a check of types
        specs = {"in_specs": (same, spread, same, same, same), "out_specs": same, "check_vma": False}
        return jax.shard_map(own, mesh=crew.mesh, **specs)(state, batches, rates, blends, count)

    def spread_out(axis: int, part: Array) -> Array:
        """The array whose part along an axis lies here."""
        shape = [n * (workers if i == axis else 1) for i, n in enumerate(part.shape)]
        sharding = NamedSharding(crew.mesh, PartitionSpec(*(AXIS if i == axis else None for i in range(part.ndim))))
        return jax.make_array_from_single_device_arrays(tuple(shape), sharding, [part])

    def replicated(value: Any) -> Array:
        value = jnp.asarray(value)
        return jax.make_array_from_single_device_arrays(value.shape, everywhere, [value])

    def spread(own: Batch) -> Batch:
        return jax.tree.map(partial(spread_out, 1), own)

    def gathered(table: Batch, order: Any) -> Batch:
        return spread(mine(table, order, rank, workers))

    def whole(table: Batch) -> Batch:
        return rows_of(partial(spread_out, 0), partial(spread_out, 1), mine_of_all(table, rank, workers))

    def leg(parts: Any, state: Any, batches: Batch, rates: Any, blends: Any, count: int, full: bool) -> Any:
        state, rates, blends = jax.tree.map(replicated, (state, rates, blends))
        out = walked(parts, state, batches, rates, blends, count, full)
        return jax.tree.map(lambda a: a.addressable_data(0), out)

    first = jax.jit(lambda a: a[0], out_shardings=everywhere)

    def clock(seconds: np.ndarray) -> np.ndarray:
        """The first worker's clock. Raises KeyboardInterrupt on all of them once one was asked to stop."""
        parts, wholes = np.modf([seconds[0], seconds[-1]])  # 32 bits are too few for both in one number
        told = jnp.asarray([[*wholes, *parts, crew.asked_to_stop]], jnp.float32)
        *said, stopped = np.asarray(first(spread_out(0, told)).addressable_data(0), np.float64)
        if stopped:
            raise KeyboardInterrupt
        return np.linspace(said[0] + said[2], said[1] + said[3], len(seconds))

    return Place(gathered, whole, leg, clock, own=(rank, workers), spread=spread)


@partial(jax.jit, static_argnames=("rank", "workers"))
def mine(table: Batch, order: Int[Array, "steps size"], rank: int, workers: int) -> Batch:
    """One worker's rows of the batch of each step: every so many-th, so that all have about as many.

    Where the rows run out, rows that count nothing stand in; they are no more than the workers less one.
    """
    seen = (order >= 0).sum(axis=1, keepdims=True)
    order = jnp.pad(order, ((0, 0), (0, -order.shape[1] % workers)), constant_values=-1)
    return gather(table, order[:, rank::workers], seen)


def mine_of_all(table: Batch, rank: int, workers: int) -> Batch:
    """One worker's rows of the batch that every step sees."""
    count = len(table.share)
    rows = np.arange(rank, count + -count % workers, workers)
    there, rows = rows < count, np.minimum(rows, count - 1)
    part = rows_of(lambda a: a[rows], lambda a: a[:, rows], table)
    return part._replace(share=jnp.where(there, part.share, 0) / count)


def rows_of(of_rows: Callable[[Any], Any], of_columns: Callable[[Any], Any], table: Batch) -> Batch:
    """Something done to all arrays of a table; those that have their rows last are done otherwise."""
    last = isinstance(table.features, RowsLast)
    features = RowsLast(of_columns(table.features.columns)) if last else of_rows(table.features)
    return Batch(features, of_rows(table.target), of_rows(table.share))
