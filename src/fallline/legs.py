"""Repeat the step: a leg is many steps in one compiled call, recorded as they go.

`train` walks leg by leg. It knows neither where a record goes nor why one stops: it hands every leg to `watch`,
which keeps what it wants of it and may end the training, also in the middle of the leg.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from fallline.batches import Batches
from fallline.engine import on_device
from fallline.record import Recorded, Row, blank, groups, keeps_parameters, record
from fallline.step import step
from fallline.types import Batch, Parameters, Parts, State


def walk_leg(
    parts: Parts,
    state: State,
    batches: Batch,
    rates: Float[Array, "steps"],
    blends: Float[Array, "steps"],
    count: int,
    full: bool,
    add_up: Callable[[Any], Any] = lambda own: own,
) -> tuple[State, Row]:
    """The first `count` of up to `steps` updates, and a row of the record for each.

    `batches` holds the batch of each step, one after the other, or when `full` the one that every step sees. One
    program serves every count, so that stopping in mid-leg and going on gives the same bits as not stopping.
    `add_up` as in `step`.
    """
    one = recorded_step(parts, batches, rates, blends, full, add_up)
    return lax.fori_loop(0, count, one, (state, blank(parts, state, len(rates), rates.dtype)))


def recorded_step(
    parts: Parts,
    batches: Batch,
    rates: Array,
    blends: Array,
    full: bool,
    add_up: Callable[[Any], Any] = lambda own: own,
) -> Callable[..., Any]:
    """The body of a loop over steps: (i, (state, rows)) -> the same after step i; arguments as those of `walk_leg`."""

    def one(i: int, carry: tuple[State, Row]) -> tuple[State, Row]:
        state, rows = carry
        batch = batches if full else jax.tree.map(lambda a: a[i], batches)
        state, seen = step(parts, state, batch, rates[i], blends[i], add_up)
        return state, jax.tree.map(lambda kept, new: kept.at[i].set(new), rows, record(parts, state, seen))

    return one


leg = jax.jit(walk_leg, static_argnames=("parts", "full"))


@jax.jit
def gather(table: Batch, order: Int[Array, "steps size"], seen: Int[Array, "steps 1"] | None = None) -> Batch:
    """The batch of each step, one after the other; `order` names the table's rows of each, -1 for none.

    `seen` is how many rows each step sees in all, when `order` names only some of them.

    Taking rows inside the loop costs 8 times as much, and in one program with the loop 4 times as much.
    """
    there = order >= 0
    rows = jnp.maximum(order, 0)
    features, target, weight = jax.tree.map(lambda a: a.at[rows].get(mode="promise_in_bounds"), table)
    return Batch(
        features, target, jnp.where(there, weight, 0) / (there.sum(axis=1, keepdims=True) if seen is None else seen)
    )


def whole(table: Batch) -> Batch:
    """All rows as the batch of every step."""
    return table._replace(share=table.share / len(table.share))


class Place(NamedTuple):
    """Where the steps are made: what `train` asks for, here or among many processes."""

    gather: Callable[[Batch, Any], Batch]  # table, order -> the batch of each step
    whole: Callable[[Batch], Batch]  # table -> the batch that every step sees
    leg: Callable[..., tuple[State, Row]]  # the compiled call, its results at hand
    clock: Callable[[np.ndarray], np.ndarray] = lambda seconds: seconds  # one clock for all
    again: Any = None  # the place where one process alone walks the same steps again; HERE when None
    own: tuple[int, int] = (0, 1)  # which worker this is, of how many: a feed lays out its rows of each batch
    spread: Callable[[Batch], Batch] = lambda laid_out: laid_out  # what a feed laid out -> the batch of each step


HERE = Place(gather, whole, leg)
Feed = Callable[[int, int], Batch]  # first step and last + 1 -> their batches, padded to a leg's capacity

FEWEST = 3  # steps that a leg has room for: XLA fuses a loop over one row otherwise, and rounds otherwise


class Leg(NamedTuple):
    """What one compiled call did: the steps after `start`, up to `end`."""

    start: int
    end: int
    recorded: Recorded  # a row for each of them
    seconds: Float[np.ndarray, "count"]  # since training began, at each step
    state: State  # after the last step

    @property
    def parameters(self) -> Parameters:
        """After the last step."""
        return self.state.parameters

    @property
    def averaged(self) -> Parameters | None:
        """Their running average then, when one is kept."""
        return self.state.average

    def bare(self) -> Leg:
        """The same without its state, which needs three times the memory of the weights, to be kept for long."""
        return self._replace(state=State(None, None, None))

    def then(self, others: Sequence[Leg]) -> Leg:
        """This leg and those that follow it, as one; bare."""
        every = (self, *others)
        recorded = self.recorded.then([leg.recorded for leg in others])
        seconds = np.concatenate([leg.seconds for leg in every])
        return Leg(self.start, every[-1].end, recorded, seconds, self.bare().state)


@dataclass(frozen=True)
class Stop:
    """Why a training ends, and where."""

    reason: str  # "plateau", "patience", "diverged", "seconds", "interrupted", "epochs"
    step: int  # the last step that the record shows
    keep: int  # the step whose weights are kept; below `step` when what followed was no good


@dataclass(frozen=True)
class Walk:
    """How far to go, at which rate, and where."""

    batches: Batches
    rates: Callable[[np.ndarray], np.ndarray]  # steps, counted from 0 -> the rate of each
    blends: Callable[[np.ndarray], np.ndarray]  # steps -> the new weights' part of their average
    capacity: int  # steps a leg
    ragged: bool = False  # the last short batch is a leg of its own, for losses that can't weigh rows
    place: Place = HERE

    def legs(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """(first, last + 1) of each leg from step `start` up to `stop`."""
        short = self.ragged and self.batches.rows % self.batches.size and not self.batches.full
        while start < stop:
            end = min(start + self.capacity, stop)
            if short:
                left = self.batches.epoch_steps - 1 - start % self.batches.epoch_steps
                end = min(end, start + (left or 1))
            yield start, end
            start = end


def train(
    parts: Parts,
    state: State,
    table: Batch,
    walk: Walk,
    watch: Callable[[Leg], Stop | None],
    *,
    start: int = 0,
    stop: int,
    before: float = 0.0,
    feed: Feed | None = None,
) -> tuple[State, Stop]:
    """Update from step `start` up to `stop`, or until `watch` says so or a person presses Ctrl-C.

    Args:
        table: all training rows, with each row's weight (mean 1) as its share.
        watch: sees each leg once it is done; a Stop ends the training there.
        before: seconds that the steps up to `start` took.
        feed: where batches come from; the rows of `table`, which is not looked at otherwise, when None.

    Returns:
        The state after the step that is kept (that before the last leg when an older one is), and why it ended.
    """
    began = time.perf_counter() - before
    done = start
    full = walk.batches.full
    feed = feed or in_memory(walk, table)
    try:
        for first, end in walk.legs(start, stop):
            entered = time.perf_counter()
            rates, blends = _inputs(walk, first, end, _dtype(state))
            batches = feed(first, end)
            after, rows = walk.place.leg(parts, state, batches, rates, blends, end - first, full)
            kept = Row(*(np.asarray(a)[: end - first] for a in rows))
            left = time.perf_counter()
            seconds = walk.place.clock(np.linspace(entered, left, end - first + 1)[1:] - began)
            recorded = Recorded(kept, tuple(groups(state.parameters)), np.asarray(rates)[: end - first])
            ending = watch(Leg(first, end, recorded, seconds, after))
            if ending is not None:
                count = max(ending.keep - first, 0)
                if count < end - first:
                    after, _ = walk.place.leg(parts, state, batches, rates, blends, count, full)
                return after, ending
            state, done = after, end
    except KeyboardInterrupt:
        return state, Stop("interrupted", done, done)
    return state, Stop("epochs", done, done)


def in_memory(walk: Walk, table: Batch) -> Feed:
    """Batches from a table in memory."""
    if walk.batches.full:
        every_step = walk.place.whole(table)
        return lambda first, end: every_step

    def feed(first: int, end: int) -> Batch:
        order, padding = walk.batches.steps(first, end), _padding(walk, first, end)
        if _is_short(walk, first):
            order = order[:, order[0] >= 0]
        elif padding:
            order = np.pad(order, ((0, padding), (0, 0)))
        return walk.place.gather(table, on_device(order))

    return feed


def _inputs(walk: Walk, first: int, end: int, dtype: Any) -> tuple[Array, Array]:
    """The rates and the averaging of one leg, padded to the capacity so that nothing recompiles."""
    steps, padding = np.arange(first, end), _padding(walk, first, end)
    rates, blends = (on_device(np.pad(f(steps), (0, padding)), dtype) for f in (walk.rates, walk.blends))
    return rates, blends


def _is_short(walk: Walk, first: int) -> bool:
    """Whether a leg is the short last batch of an epoch by itself."""
    return walk.ragged and bool(walk.batches.steps(first, first + 1).min() < 0)


def _padding(walk: Walk, first: int, end: int) -> int:
    return 0 if _is_short(walk, first) else walk.capacity - (end - first)


def _dtype(state: State) -> Any:
    return jnp.result_type(float, *(leaf.dtype for leaf in jax.tree.leaves(state.parameters)))


def leg_capacity(
    batches: Batches, parameters: Parameters, row_bytes: int, walked: int, steps: int, averaged: bool = False
) -> int:
    """How many steps to put into one compiled call: about a quarter of a second, in bounded memory.

    Whole epochs where they are short, so that validation falls on their ends; with many parameters, or averaged
    ones, one epoch at most, because those are handed out only between legs. It depends on sizes alone, never on a
    clock, so that the same training always has the same legs. `walked` is how many rows the table has that the loop
    walks on.
    """
    size = sum(n for _, n in groups(parameters))
    rows = walked if batches.full else batches.size
    cost = 2e-6 + rows * size * 1.5e-10
    few = keeps_parameters(parameters) and not averaged
    wanted = 0.25 / cost
    if batches.full:
        capacity = int(np.clip(wanted, 10, 1000 if few else 20)) // 10 * 10
    else:
        record_bytes = 4 * (2 + 3 * len(groups(parameters)) + (size if few else 0)) + 8
        wanted = max(1, min(wanted, 2**27 / (rows * row_bytes + record_bytes)))
        per = batches.epoch_steps
        pieces = -(-per // int(wanted))  # of an epoch, all about as long
        epochs = int(wanted // per) if few else 1
        capacity = -(-per // pieces) if pieces > 1 else per * epochs
    return max(FEWEST, min(capacity, steps))
