"""Lanes: trainings of the same parts walked side by side in one compiled call, looked at now and then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fallline.fit import SetUp
from fallline.legs import gather, walk_leg, whole
from fallline.step import objective
from fallline.types import Batch, Parameters, Parts, State

SEGMENT_BYTES = 2**28  # of batches gathered for one compiled call
EARLY = 6  # looks more before the first of them, where most happens
WORTH = 2e-3  # seconds, about, that a compiled call should have to do, so that calling it is not what is timed


class Walked(NamedTuple):
    steps: np.ndarray  # [points]
    losses: np.ndarray  # [points, seeds, trials]
    held_out: np.ndarray | None
    parameters: Parameters  # [seeds, trials, ...]


@partial(jax.jit, static_argnames=("parts", "full"))
def _segment(parts: Parts, states: State, batches: Batch, rates: Array, blends: Array, count: int, full: bool) -> State:
    """The first `count` of up to [steps] more updates of every lane; the trials of a seed see the same batches."""

    def lane(state: State, batches: Batch, rates: Array, blends: Array) -> State:
        return walk_leg(parts, state, batches, rates, blends, count, full)[0]

    trials = jax.vmap(lane, (0, None, 0, 0))
    return jax.vmap(trials, (0, None if full else 0, None, None))(states, batches, rates, blends)


_gather = jax.jit(jax.vmap(gather, (None, 0)))


@partial(jax.jit, static_argnames="parts")
def _losses(parts: Parts, parameters: Parameters, batch: Batch) -> Array:
    """[seeds, trials] the loss, without the penalty, of every lane; one after the other, so that memory is bounded."""

    def loss(p: Parameters) -> Array:
        return objective(parts, p, batch) - parts.penalty(p)

    return jax.lax.map(lambda seed: jax.lax.map(loss, seed), parameters)


@dataclass(frozen=True)
class Group:
    """Trials of the same parts and batch size, each with every seed."""

    lanes: list[list[SetUp]]  # [trials][seeds]
    length: int  # steps of a compiled call, at most

    @classmethod
    def of(cls, lanes: list[list[SetUp]], steps: int, points: int) -> Group:
        ready = lanes[0][0]
        batches, table = ready.walk.batches, ready.table
        size = sum(leaf.size for leaf in jax.tree.leaves(ready.state.parameters))
        rows = len(table.share) if batches.full else batches.size
        length = max(-(-steps // points), min(steps, int(WORTH / (1e-6 + rows * size * 1.5e-10))), 1)
        if not batches.full:
            row = sum(leaf.nbytes for leaf in jax.tree.leaves(table)) // len(table.share)
            length = max(1, min(length, SEGMENT_BYTES // (row * batches.size * len(lanes[0]) + 1)))
        return cls(lanes, length)

    @property
    def ragged(self) -> bool:
        """The short last batch of an epoch is walked by itself."""
        walk = self.lanes[0][0].walk
        return walk.ragged and walk.batches.rows % walk.batches.size > 0 and not walk.batches.full

    def states(self) -> State:
        """[seeds, trials, ...]"""
        columns = zip(*([lane.state for lane in seeds] for seeds in self.lanes), strict=True)
        rows = [jax.tree.map(lambda *a: np.stack(a), *column) for column in columns]
        return jax.tree.map(lambda *a: jnp.asarray(np.stack(a)), *rows)  # NumPy's stack has nothing to compile

    def end(self, done: int, look: int) -> int:
        """Where the next call ends: at a look, at its length, around a short batch that is walked by itself."""
        end = min(done + self.length, look)
        if not self.ragged:
            return end
        per = self.lanes[0][0].walk.batches.epoch_steps
        return min(end, done + (per - 1 - done % per or 1))

    def call(self, done: int, end: int) -> Callable[[State, int], State]:
        """states, count -> the states after so many of these steps."""
        first = self.lanes[0][0]
        batches, dtype = first.walk.batches, jax.tree.leaves(first.state.parameters)[0].dtype
        orders = None if batches.full else np.stack([lane.walk.batches.steps(done, end) for lane in self.lanes[0]])
        short = self.ragged and orders is not None and orders.min() < 0
        padding = (0, 0 if short else self.length - (end - done))
        at = np.arange(done, end)
        rates = np.stack([np.pad(seeds[0].walk.rates(at), padding) for seeds in self.lanes])
        blends = np.stack([np.pad(seeds[0].walk.blends(at), padding) for seeds in self.lanes])
        if orders is None:
            seen = whole(first.table)
        else:
            orders = orders[:, :, orders[0, 0] >= 0] if short else np.pad(orders, ((0, 0), padding, (0, 0)))
            seen = _gather(first.table, jnp.asarray(orders))
        rates, blends = jnp.asarray(rates, dtype), jnp.asarray(blends, dtype)
        return lambda states, count: _segment(first.parts, states, seen, rates, blends, count, batches.full)


def looks_at(steps: int, points: int) -> list[int]:
    """The steps after which losses are looked at: the start, some early ones where there are many, and even ones."""
    even = np.linspace(0, steps, points + 1).round()
    early = np.geomspace(1, max(steps / points, 1), EARLY).round() if points > EARLY else []
    return sorted({int(step) for step in (*even, *early)})


def walk(group: Group, steps: int, points: int, judged: Batch, held_out: Batch | None) -> Walked:
    states, parts = group.states(), group.lanes[0][0].parts
    done, at = 0, looks_at(steps, points)
    seen, held = [], []
    for look in at:
        while done < look:
            end = group.end(done, look)
            states, done = group.call(done, end)(states, end - done), end
        seen.append(_losses(parts, kept(states), judged))
        if held_out is not None:
            held.append(_losses(parts, kept(states), held_out))
    losses, held_losses = (np.array([np.asarray(each) for each in all_], np.float64) for all_ in (seen, held))
    return Walked(np.array(at), losses, held_losses if held else None, jax.tree.map(np.asarray, kept(states)))


def kept(state: State) -> Parameters:
    """The weights that would be kept: the averaged ones where they are averaged."""
    return state.parameters if state.average is None else state.average
