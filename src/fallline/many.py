"""Many trainings in one compiled call, and the choice of a rate by such trials.

The trials start from the same weights, see the same batches and differ in nothing but the rate; the model that is
trained afterwards is not touched by them. They are whole short trainings, not one training whose rate is swept:
a sweep's loss lags behind its rate and differentiates noise.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.legs import Walk, gather, walk_leg, whole
from fallline.step import objective
from fallline.types import Batch, Parts, State

RATES = 24  # trials a round
WIDEST = (1e-10, 1e2)  # the first round's rates; the second round looks closer around the best of them
STEPS = 400  # updates a trial, at most
ROWS = 8192  # rows of a trial that sees every row at each step, and rows that all trials are judged on
BEHIND_GAIN, BEHIND_LOSS = (
    0.02,
    0.05,
)  # parts of the best trial's gain, and loss, that a smaller rate may be behind


class Choice(NamedTuple):
    """The chosen rate and the curve that it was chosen from, sorted by rate."""

    rate: float | None  # None: no rate made the objective smaller
    rates: Float[np.ndarray, "trials"]
    losses: Float[np.ndarray, "trials"]  # the objective at the end of each trial; nan or inf when it diverged
    start: float  # the objective that all of them started from
    steps: int


@partial(jax.jit, static_argnames=("parts", "full"))
def trials(
    parts: Parts,
    state: State,
    batches: Batch,
    rates: Float[Array, "trials steps"],
    judged: Batch,
    full: bool,
) -> Float[Array, "trials"]:
    """The objective over `judged` after each of the trainings, one for each row of `rates`; see `legs.walk_leg`."""
    blends = jnp.zeros(rates.shape[1], rates.dtype)

    def trial(rates: Array) -> Array:
        after, _ = walk_leg(parts, state, batches, rates, blends, len(rates), full)
        return objective(parts, after.parameters, judged)

    return jax.vmap(trial)(rates)


def choose_rate(parts: Parts, state: State, table: Batch, walk: Walk, steps: int) -> Choice:
    """The smallest rate whose trial is about as good as the best one; the best itself when nothing is drawn.

    With small batches a rate that is larger than needed costs a higher hover later on, so a smaller one that is
    behind by no more than 2% of the gain and 5% of the loss is preferred.

    Two rounds of 24 trials: rates a factor of 3.3 apart from 1e-10 to 100, then 13% apart around the best.
    The best of a round must not sit next to one that diverged: the edge of stability is no place to train at.
    `walk` gives the batches and, as its rates, the schedule's multiples.
    """
    batches = walk.batches
    count = min(steps, STEPS, 200 if batches.full else STEPS)
    judged = whole(_some(table, batches.seed))
    seen = judged
    if not batches.full:
        order = batches.steps(0, count)
        if walk.ragged:
            order = order[order.min(axis=1) >= 0]
        seen, count = gather(table, jnp.asarray(order)), len(order)
    multiples = walk.rates(np.arange(count))
    dtype = jax.tree.leaves(state.parameters)[0].dtype
    start = float(objective(parts, state.parameters, judged))

    def measure(rates: np.ndarray) -> np.ndarray:
        ladder = jnp.asarray(rates[:, None] * multiples[None, :], dtype)
        losses = np.asarray(trials(parts, state, seen, ladder, judged, batches.full), np.float64)
        return np.where(np.isfinite(losses), losses, np.inf)

    coarse = np.geomspace(*WIDEST, RATES)
    first = measure(coarse)
    if not first.min() < start:
        return Choice(None, coarse, first, start, count)
    middle = coarse[int(np.argmin(first))]
    fine = middle * np.geomspace(1 / 4, 4, RATES)
    second = measure(fine)
    rates, losses = np.concatenate([coarse, fine]), np.concatenate([first, second])
    sorted_ = np.argsort(rates)
    rates, losses = rates[sorted_], losses[sorted_]
    return Choice(_choose(rates, losses, start, noisy=not batches.full), rates, losses, start, count)


def _choose(rates: np.ndarray, losses: np.ndarray, start: float, noisy: bool) -> float:
    broken = losses > start
    above_best = rates > rates[int(np.argmin(losses))]
    edge = rates[broken & above_best].min(initial=np.inf)
    stable = rates <= edge / 2
    if not (stable & (losses < start)).any():
        stable = ~broken
    best = losses[stable].min()
    behind = min(BEHIND_GAIN * (start - best), BEHIND_LOSS * abs(best)) if noisy else 0.0
    good = stable & (losses <= best + behind)
    return float(rates[good].min())


def _some(table: Batch, seed: int) -> Batch:
    """At most ROWS rows, drawn by the seed."""
    rows = len(table.share)
    if rows <= ROWS:
        return table
    drawn = np.sort(np.random.Generator(np.random.Philox(key=[seed, 2**63])).choice(rows, ROWS, replace=False))
    some = jax.tree.map(lambda a: a[drawn], table)
    return some._replace(share=some.share * (ROWS / some.share.sum()))
