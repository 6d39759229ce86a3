"""Trainings beside a training: the same rows and the same loop, something about the settings changed.

Trials that differ in nothing but rate, schedule or seed are walked side by side in one compiled call. A trial with the
training's own settings and seed gives its own weights, so that whatever comes out otherwise is owed to the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array

from fallline.fit import SetUp, set_up
from fallline.legs import gather, walk_leg, whole
from fallline.settings import Settings, parts_of
from fallline.step import objective
from fallline.survey import Rows
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts, State

SEGMENT_BYTES = 2**28  # of batches gathered for one compiled call
POINTS = 40  # looks at the losses along the way


class Trial(NamedTuple):
    """A training to try: what it is called, and its settings. rate None: that of the settings."""

    name: str
    settings: Settings
    rate: float | None = None


@dataclass(frozen=True)
class Tried:
    """One trial with one seed, walked."""

    trial: Trial
    seed: int
    ready: SetUp
    parameters: Parameters  # after the last step; not finite when it diverged


def try_out(
    training: Training,
    trials: Sequence[Trial],
    *,
    seeds: Sequence[int],
    steps: int,
    points: int = POINTS,
    rows: Rows | None = None,
) -> tuple[pl.DataFrame, list[Tried]]:
    """Walk every trial with every seed from its own random start.

    Args:
        seeds: of the random start and of the batches' order; the training's own is `training.ready.settings.seed`.
        steps: updates of each; a schedule spans them.
        points: how often the losses are looked at, evenly along the way; the start comes on top.
        rows: to train on, when not the training's own.

    Returns:
        A frame of trial, seed, step, epoch, rows (seen), loss (objective less penalty, over the training rows) and
        validation_loss (null without validation rows); not finite where a trial diverged. And each trial's end.
    """
    lanes = [(trial, seed, _ready(training, trial, seed, steps, rows)) for trial in trials for seed in seeds]
    groups: dict[Any, list[int]] = {}
    for place, (_, _, ready) in enumerate(lanes):
        groups.setdefault((ready.parts, ready.walk.batches.size, ready.condensed), []).append(place)
    frames: dict[int, pl.DataFrame] = {}
    ends: dict[int, Parameters] = {}
    judged, held_out = training.judged(), training.part("validation")
    for places in groups.values():
        walked = _walk([lanes[p][2] for p in places], steps, points, judged, held_out)
        for lane, place in enumerate(places):
            trial, seed, ready = lanes[place]
            ends[place] = jax.tree.map(lambda a, lane=lane: a[lane], walked.parameters)
            frames[place] = _frame(trial, seed, ready, walked, lane)
    order = range(len(lanes))
    return pl.concat([frames[p] for p in order]), [Tried(*lanes[p], ends[p]) for p in order]


def _ready(training: Training, trial: Trial, seed: int, steps: int, rows: Rows | None) -> SetUp:
    settings = trial.settings.model_copy(update={"seed": seed, "steps": steps, "stop": None})
    parts = training.parts
    if training.table is not None:
        target = training.table.target
        features, classes = training.ready.rows.features.shape[1], len(target.classes or ())
        parts = parts_of(settings, features=features, task=target.task, classes=classes)
    mine = training.ready.settings
    own = seed == mine.seed and parts.model == training.parts.model and settings.init == mine.init
    start = training.start if own or training.table is None else None
    return set_up(parts, settings, rows or training.ready.rows, parameters=start, rate=trial.rate or _number(settings))


def _number(settings: Settings) -> float | None:
    return settings.rate if isinstance(settings.rate, float | int) else None


class _Walked(NamedTuple):
    steps: np.ndarray  # [points]
    losses: np.ndarray  # [points, lanes]
    held_out: np.ndarray | None
    parameters: Parameters  # [lanes, ...]


@partial(jax.jit, static_argnames=("parts", "full"))
def _segment(
    parts: Parts, states: State, table: Batch, orders: Array, rates: Array, blends: Array, full: bool
) -> State:
    """Some more updates of every lane."""

    def lane(state: State, order: Array, rates: Array, blends: Array) -> State:
        batches = table if full else gather(table, order)
        return walk_leg(parts, state, batches, rates, blends, len(rates), full)[0]

    return jax.vmap(lane)(states, orders, rates, blends)


@partial(jax.jit, static_argnames="parts")
def _losses(parts: Parts, parameters: Parameters, batch: Batch) -> Array:
    """The loss, without the penalty, of every lane."""
    return jax.vmap(lambda p: objective(parts, p, batch) - parts.penalty(p))(parameters)


def _walk(lanes: list[SetUp], steps: int, points: int, judged: Batch, held_out: Batch | None) -> _Walked:
    first = lanes[0]
    parts, batches = first.parts, first.walk.batches
    table = whole(first.table) if batches.full else first.table
    states = jax.tree.map(lambda *each: jnp.stack(each), *(lane.state for lane in lanes))
    length = max(1, -(-steps // points))
    if not batches.full:
        row = sum(leaf.nbytes for leaf in jax.tree.leaves(table)) // len(table.share)
        length = max(1, min(length, SEGMENT_BYTES // (row * batches.size * len(lanes))))
    at, seen, held = [], [], []

    def look(step: int) -> None:
        at.append(step)
        seen.append(_losses(parts, _kept(states), judged))
        if held_out is not None:
            held.append(_losses(parts, _kept(states), held_out))

    look(0)
    dtype = jax.tree.leaves(states.parameters)[0].dtype
    looks = set(np.linspace(0, steps, points + 1).round().astype(int)[1:].tolist())
    done = 0
    while done < steps:
        end = min(done + length, steps, min(look for look in looks if look > done))
        rates, blends = (
            jnp.asarray(np.stack([how(np.arange(done, end)) for how in each]), dtype)
            for each in ([lane.walk.rates for lane in lanes], [lane.walk.blends for lane in lanes])
        )
        orders = np.zeros((len(lanes), 0), int)
        if not batches.full:
            orders = np.stack([lane.walk.batches.steps(done, end) for lane in lanes])
        states = _segment(parts, states, table, jnp.asarray(orders), rates, blends, batches.full)
        done = end
        if done in looks:
            look(done)
    held_losses = np.asarray(jnp.stack(held), np.float64) if held else None
    return _Walked(np.array(at), np.asarray(jnp.stack(seen), np.float64), held_losses, _kept(states))


def _kept(state: State) -> Parameters:
    """The weights that would be kept: the averaged ones where they are averaged."""
    return state.parameters if state.average is None else state.average


def _frame(trial: Trial, seed: int, ready: SetUp, walked: _Walked, lane: int) -> pl.DataFrame:
    batches = ready.walk.batches
    rows = np.concatenate([[0], batches.rows_seen(walked.steps[1:])])
    held = [None] * len(rows) if walked.held_out is None else walked.held_out[:, lane]
    return pl.DataFrame(
        {
            "trial": [trial.name] * len(rows),
            "seed": [seed] * len(rows),
            "step": walked.steps,
            "epoch": rows / batches.rows,
            "rows": rows,
            "loss": walked.losses[:, lane],
            "validation_loss": pl.Series(held, dtype=pl.Float64),
        }
    )
