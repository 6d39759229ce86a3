"""A few steps more from where training ended: as it was, with the rate led down to nothing, and with rates thirty, a
thousand and thirty thousand times as large. What a training lacked is what one of these ways finds.

All start from the weights that were kept and see the same batches, those that would have come next. A rule's memory
(a velocity, Adam's moments) starts anew in all of them alike.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.legs import gather, whole
from fallline.measurement import Figures
from fallline.record import groups
from fallline.rules import start as start_state
from fallline.step import objective, step
from fallline.training import Training
from fallline.types import Batch, Parts, State

LARGER = (30.0, 1e3, 3e4)  # times the rate
LOOKS = 5  # at the objective, along the way
STEPS = (20, 400)  # at least and at most
WORK = 1e9  # floating-point operations, about
ROWS = 4_096  # of a batch that was all rows
JUDGED = 2_048
WAYS = 2 + len(LARGER)  # as it was, led down, larger


@partial(jax.jit, static_argnames=("parts", "full"))
def _walk(
    parts: Parts,
    state: State,
    batches: Batch,
    rates: Float[Array, "ways looks steps"],
    judged: tuple[Batch, Batch],
    full: bool,
) -> Float[Array, "ways looks 2"]:
    """The objective over both sets of rows after each stretch of steps."""

    def way(rates: Array) -> Array:
        def one(state: State, given: Any) -> tuple[State, None]:
            batch, rate = (batches, given) if full else given
            return step(parts, state, batch, rate, jnp.zeros_like(rate))[0], None

        def stretch(state: State, given: Any) -> tuple[State, Array]:
            state, _ = jax.lax.scan(one, state, given)
            return state, jnp.stack([objective(parts, state.parameters, rows) for rows in judged])

        given: Any = rates if full else (batches, rates)
        return jax.lax.scan(stretch, state, given)[1]

    return jax.vmap(way)(rates)


def go_on(training: Training, held: Batch | None) -> Figures:
    """The objective over the judged rows now and after each way, and over held-out ones where there are some.

    onward_same is the mean of the last three looks of five, since it may hover; the others are the last one.
    onward_larger is the best of the larger rates, onward_factor times the rate; infinite when all diverged.
    """
    ready, parts = training.ready, training.parts
    batches = ready.walk.batches
    state = start_state(parts.rule, training.kept, parts.averaged)
    size = sum(count for _, count in groups(training.kept))
    table = ready.whole._replace(share=ready.whole.share * len(ready.whole.share))
    rows = min(batches.size, ROWS)
    steps = int(np.clip(WORK / (6 * max(size, 1) * rows * WAYS), *STEPS))
    steps = -(-max(min(steps, training.steps), LOOKS) // LOOKS)
    last = training.steps
    if batches.full:
        seen = whole(_some(ready.table if ready.condensed else table, ROWS))
    else:
        order = batches.steps(last, last + LOOKS * steps)
        if ready.walk.ragged:
            order = np.where(order >= 0, order, order[:, :1])
        seen = gather(table, jnp.asarray(order))
        seen = jax.tree.map(lambda a: a.reshape(LOOKS, steps, *a.shape[1:]), seen)
    rate, dtype = _rate(training), jax.tree.leaves(training.kept)[0].dtype
    down = np.linspace(1, 0, LOOKS * steps, endpoint=False)
    ways = np.stack([np.ones_like(down), down, *(np.full_like(down, factor) for factor in LARGER)]) * rate
    judged = whole(_some(table, JUDGED))
    others = judged if held is None else whole(_some(held._replace(share=held.share * len(held.share)), JUDGED))
    ladder = jnp.asarray(ways.reshape(WAYS, LOOKS, steps), dtype)
    found = np.asarray(_walk(parts, state, seen, ladder, (judged, others), batches.full), np.float64)
    same, cooled = found[:2, :, 0]
    ends = np.where(np.isfinite(found[2:, -1, 0]), found[2:, -1, 0], np.inf)
    best = int(np.argmin(ends))
    apart: Figures = {}
    if held is not None:
        apart = {
            "onward_held_now": float(objective(parts, training.kept, others)),
            "onward_held_same": float(found[0, -3:, 1].mean()),
            "onward_held_cooled": float(found[1, -1, 1]),
            "onward_held_larger": float(found[2 + best, -1, 1]),
        }
    return apart | {
        "onward_steps": LOOKS * steps,
        "onward_rate": rate,
        "onward_rows": len(judged.share),
        "onward_now": float(objective(parts, training.kept, judged)),
        "onward_same": float(same[-3:].mean()),
        "onward_cooled": float(cooled[-1]),
        "onward_larger": float(ends[best]),
        "onward_factor": LARGER[best],
    }


def _rate(training: Training) -> float:
    """The rate that training went on with for most of its steps: its middle one."""
    return training.rate_of(max(1, (training.steps + 1) // 2))


def _some(table: Batch, most: int) -> Batch:
    """At most so many rows, evenly chosen."""
    rows = len(table.share)
    if rows <= most:
        return table
    chosen = np.linspace(0, rows - 1, most).round().astype(int)
    some = jax.tree.map(lambda a: a[chosen], table)
    return some._replace(share=some.share * (most / some.share.sum()))
