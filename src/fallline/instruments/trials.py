"""Trainings beside a training: the same rows and the same loop, something about the settings changed.

Trials that differ in nothing but rate, schedule or seed are walked side by side in one compiled call. A trial with the
training's own settings and seed gives its own weights, so that whatever comes out otherwise is owed to the change.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import numpy as np
import polars as pl

from fallline.batches import Batches
from fallline.errors import SettingsError
from fallline.fit import SetUp, first_parameters, rates_of, set_up
from fallline.instruments.lanes import Group, Walked, walk
from fallline.losses import Penalty
from fallline.rules import start as start_state
from fallline.settings import Settings, average_of, batch_size, parts_of, rule_of
from fallline.stretches import stretches
from fallline.survey import Rows
from fallline.training import Training
from fallline.types import Parameters, Parts

POINTS = 40  # looks at the losses along the way
TIMED = 7  # calls whose median is taken


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

    A rate that is "auto" is the training's own where nothing changed that it depends on; else it is chosen by
    `many.choose_rate`, once for all seeds of a trial.

    Args:
        seeds: of the random start and of the batches' order; the training's own is `training.ready.settings.seed`.
        steps: updates of each; a schedule spans them.
        points: how often the losses are looked at, evenly along the way; the start and, where there are ten or more,
            some before the first of them come on top.
        rows: to train on, when not the training's own.

    Returns:
        A frame of trial, seed, step, epoch, rows (seen), loss (objective less penalty, over the training rows) and
        validation_loss (null without validation rows); not finite where a trial diverged. And each trial's end, in
        the order of `trials`, for each of them in that of `seeds`.

    Raises: SettingsError for a model with other outputs, or a batch of more rows than there are.
    """
    made: dict[tuple, SetUp] = {}
    lanes = [[_ready(training, trial, seed, seeds[0], steps, rows, made) for seed in seeds] for trial in trials]
    groups: dict[tuple, list[int]] = {}
    for place, (ready, *_) in enumerate(lanes):
        groups.setdefault((ready.parts, ready.walk.batches.size, ready.condensed), []).append(place)
    frames: dict[tuple[int, int], pl.DataFrame] = {}
    ends: dict[tuple[int, int], Tried] = {}
    judged, held_out = training.judged(), training.part("validation")
    for places in groups.values():
        walked = walk(Group.of([lanes[p] for p in places], steps, points), steps, points, judged, held_out)
        for column, place in enumerate(places):
            for row, seed in enumerate(seeds):
                ready = lanes[place][row]
                at_end = jax.tree.map(lambda a, row=row, column=column: a[row, column], walked.parameters)
                ends[place, row] = Tried(trials[place], seed, ready, at_end)
                frames[place, row] = _frame(trials[place], seed, ready, walked, row, column)
    order = [(place, row) for place in range(len(trials)) for row in range(len(seeds))]
    return pl.concat([frames[each] for each in order]), [ends[each] for each in order]


def seconds_a_step(ready: SetUp, steps: int, points: int = POINTS) -> float:
    """What a step of a trial takes by itself, once compiled, without recording: the median of a few."""
    group = Group.of([[ready]], steps, points)
    states, count = group.states(), min(group.length, ready.walk.batches.epoch_steps) if group.ragged else group.length
    call = group.call(0, count)

    def seconds(steps: int) -> float:
        began = time.perf_counter()
        jax.block_until_ready(call(states, steps))
        return time.perf_counter() - began

    seconds(1)
    if count == 1:
        return float(np.median([seconds(1) for _ in range(TIMED)]))
    # the difference takes away what a call costs
    return max(float(np.median([seconds(count) - seconds(1) for _ in range(TIMED)])), 0.0) / (count - 1)


def _ready(
    training: Training, trial: Trial, seed: int, first: int, steps: int, rows: Rows | None, made: dict[tuple, SetUp]
) -> SetUp:
    """A trial with one seed. What does not depend on seed, schedule and rate is set up once, and kept in `made`."""
    settings = trial.settings.model_copy(update={"seed": seed, "steps": steps, "stop": None})
    parts, mine = _parts(training, settings), training.ready.settings
    own = seed == mine.seed and parts.model == training.parts.model
    start = training.start if own or training.table is None else first_parameters(parts, settings)
    common = settings.model_copy(update={"seed": first, "schedule": "constant", "rate": 1.0, "rate_changes": None})
    if (common,) not in made:
        made[common,] = _common(training, parts, common, start, rows)
    base = made[common,]
    batches = Batches(base.walk.batches.rows, base.walk.batches.size, seed)
    rate = trial.rate or _rate(training, parts, settings.model_copy(update={"seed": first}), start, rows, made)
    if rate != training.ready.rate:  # later rates belong to the first one
        settings = settings.model_copy(update={"rate_changes": None})
    each = stretches(steps)
    walk = replace(base.walk, batches=batches, rates=rates_of(settings, rate, each, batches.epoch_steps))
    state = start_state(parts.rule, start, parts.averaged)
    return replace(
        base, parts=parts, settings=settings, state=state, walk=walk, horizon=steps, rate=rate, stretches=each
    )


def _parts(training: Training, settings: Settings) -> Parts:
    if training.table is None:
        penalty = Penalty(settings.l1, settings.l2)
        return replace(
            training.parts, penalty=penalty, rule=rule_of(settings), averaged=average_of(settings) is not None
        )
    target = training.table.target
    features, classes = training.ready.rows.features.shape[1], len(target.classes or ())
    parts, outputs = (
        parts_of(settings, features=features, task=target.task, classes=classes),
        training.parts.model.outputs,
    )
    if parts.model.outputs != outputs:
        raise SettingsError(
            f"{settings.model} has {parts.model.outputs} outputs, but {training.name} has {outputs}: their losses "
            "can't be compared.\nTry a model with as many."
        )
    return parts


def _common(training: Training, parts: Parts, settings: Settings, start: Parameters, rows: Rows | None) -> SetUp:
    ready, mine = training.ready, training.parts
    size = batch_size(settings, len((rows or ready.rows).weight))
    same = (parts.model, parts.loss, parts.penalty) == (mine.model, mine.loss, mine.penalty)
    if rows is None and same and size == ready.walk.batches.size and not (parts.averaged or mine.averaged):
        return ready
    return set_up(parts, settings, rows or ready.rows, parameters=start, rate=1.0)


def _rate(
    training: Training, parts: Parts, settings: Settings, start: Parameters, rows: Rows | None, made: dict
) -> float:
    """The rate of the settings; the training's own, or one chosen by trials of its own, when that is auto."""
    if settings.rate != "auto":
        return settings.rate
    mine = training.ready.settings
    free = ("seed", "schedule", "average", "steps", "epochs", "seconds", "stop", "l1", "l2")
    same = mine.model_copy(update={name: getattr(settings, name) for name in free}) == settings
    if same and rows is None:  # it was chosen by the same trials
        return training.ready.rate
    if ("rate", settings) not in made:
        made["rate", settings] = set_up(parts, settings, rows or training.ready.rows, parameters=start)
    return made["rate", settings].rate


def _frame(trial: Trial, seed: int, ready: SetUp, walked: Walked, row: int, column: int) -> pl.DataFrame:
    batches = ready.walk.batches
    rows = np.concatenate([[0], batches.rows_seen(walked.steps[1:])])
    held = [None] * len(rows) if walked.held_out is None else walked.held_out[:, row, column]
    return pl.DataFrame(
        {
            "trial": [trial.name] * len(rows),
            "seed": [seed] * len(rows),
            "step": walked.steps,
            "epoch": rows / batches.rows,
            "rows": rows,
            "loss": walked.losses[:, row, column],
            "validation_loss": pl.Series(held, dtype=pl.Float64),
        }
    )
