"""Arrays in, a model with a verdict out: what the table, the estimators and `descend` have in common.

`set_up` makes ready what the loop needs, the rate included. `fit` walks from the random start, or goes on from where
it was; in the end the exact answer, the trivial predictor and the gradient over all rows say how it went.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from fallline.batches import Batches
from fallline.errors import SettingsError
from fallline.exact import Exact
from fallline.feed import Feed
from fallline.halfway import Evaluation, Halfway
from fallline.layout import rows_last
from fallline.legs import HERE, Leg, Place, Stop, Walk, leg_capacity, train
from fallline.losses import AbstractRowLoss
from fallline.many import STEPS, Choice, choose_rate
from fallline.record import keeps_parameters
from fallline.rules import Rule
from fallline.rules import start as start_state
from fallline.settings import (
    Settings,
    average_of,
    batch_size,
    rate_changes_of,
    schedule_of,
    start_at,
    stops_of,
)
from fallline.shortcut import shortcut, streamed_shortcut
from fallline.spooled import Spooled
from fallline.stopping import Patience, Plateau
from fallline.stretches import OfSteps, Past, Stretch, piecewise, stretches, walk_on
from fallline.survey import Rows, as_array, as_batch, stable_rate, survey
from fallline.types import Batch, Parameters, Parts, State
from fallline.verdict import Figures, Verdict, judge
from fallline.watch import Look, Watch, evaluator

FALLBACK = 0.01  # the rate when no trial made the loss smaller


class GoOn(NamedTuple):
    """Where an earlier fit of the same rows and settings left off."""

    state: State
    step: int
    rate: float


@dataclass(frozen=True)
class SetUp:
    """All that `train` is given, and what it was made from."""

    parts: Parts
    settings: Settings
    rows: Rows
    whole: Batch  # all rows; shares add up to 1
    table: Batch  # what the loop walks on: all rows, or a few with the same loss; shares have mean 1
    condensed: bool
    exact: Exact | None
    state: State
    walk: Walk
    horizon: int  # steps that the schedule spans
    rate: float
    choice: Choice | None
    stretches: tuple[Stretch, ...]  # one, and one more for each time that the training was extended
    feed: Feed | None = None  # where batches come from when rows are on disk; else from `table`
    few: Batch | None = None  # few rows with the loss of all, where `whole` is a sample

    @property
    def over(self) -> Batch:
        """What losses over all rows are taken on."""
        return self.whole if self.few is None else self.few

    @property
    def sampled(self) -> bool:
        """Whether `rows` and `whole` are but a sample of the rows that train."""
        return len(self.whole.share) < self.walk.batches.rows


@dataclass
class Fitted:
    """A training that has ended, and all that it left."""

    ready: SetUp
    state: State  # after the last step, to go on from
    parameters: Parameters  # the ones kept: last, best, averaged or last good
    steps: int  # the last recorded step
    kept: int  # the step whose weights are kept
    evaluations: list[Evaluation]
    figures: Figures
    verdict: Verdict
    trivial: Float[np.ndarray, "..."] | None  # the best constant prediction

    @property
    def start(self) -> Parameters:
        return self.ready.state.parameters

    @property
    def batches(self) -> Batches:
        return self.ready.walk.batches

    @property
    def go_on(self) -> GoOn:
        return GoOn(self.state, self.steps, self.ready.rate)


def set_up(
    parts: Parts,
    settings: Settings,
    rows: Rows,
    *,
    parameters: Parameters | None = None,
    go_on: GoOn | None = None,
    rate: float | None = None,
    steps: int | None = None,
    extended: Sequence[tuple[int, int]] = (),
    place: Place = HERE,
    spooled: Spooled | None = None,
) -> SetUp:
    """Make the loop ready. Call it inside `engine.precision(settings.precision)`.

    Args:
        parameters: where to start; as the settings say, most often random from the seed, when None.
        go_on: where an earlier fit left off; its state and rate are used.
        rate: the rate, when it was chosen before.
        steps: updates that will be made, when that is not what the settings say.
        extended: from which steps to which the training went on after it had ended. Legs stay those of its settings.
        place: where the steps are made; many processes may share the rows of each.
        spooled: all rows, when they are on disk; `rows` are then an even sample of them.
    """
    count = len(rows.weight) if spooled is None else spooled.rows
    batches = Batches(count, batch_size(settings, count), settings.seed)
    whole = as_batch(rows)
    if go_on is None:
        first = first_parameters(parts, settings) if parameters is None else parameters
        state = start_state(parts.rule, jax.tree.map(as_array, first), parts.averaged)
    else:
        state, rate = go_on.state, go_on.rate
    if spooled is None:
        exact, few = shortcut(parts, rows, whole, full=batches.full, seed=settings.seed, bits=settings.precision)
    else:
        exact, few = streamed_shortcut(parts, spooled, seed=settings.seed, bits=settings.precision)
    stand_in = None if spooled is None else few
    few = few if batches.full else None
    if spooled is not None and batches.full and few is None:
        raise SettingsError(
            f"batch full needs all {count:,} rows in memory, but they are read from the disk.\n"
            "Give a batch such as 256, or allow more with --memory."
        )
    table = whole if few is None else few
    table = table._replace(share=table.share * len(table.share))

    horizon = settings.steps or settings.epochs * batches.epoch_steps
    each = stretches(horizon, extended)
    row_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(table)) // len(table.share)
    ahead = horizon if batches.full or steps is None else min(steps, horizon)
    capacity = leg_capacity(batches, state.parameters, row_bytes, len(table.share), ahead, parts.averaged)
    multiples = partial(schedule_of(settings).multiples, horizon=horizon, epoch_steps=batches.epoch_steps)
    ragged = not isinstance(parts.loss, AbstractRowLoss)
    blends = piecewise(each, partial(_blends, settings))
    if few is not None:  # so cheap a step that others could not help
        place = HERE._replace(clock=place.clock)
    walk = Walk(batches, multiples, blends, capacity, ragged, place)
    choice = None
    if rate is None:
        tried = walk if batches.full else replace(walk, batches=batches.of(len(table.share)))
        rate, choice = _rate(parts, settings, state, table, tried, horizon)
    walk = replace(walk, rates=rates_of(settings, rate, each, batches.epoch_steps))
    if batches.full and few is None:
        table = rows_last(parts, table)
    feed = None if spooled is None or batches.full else spooled.feed(batches, capacity, place)
    return SetUp(
        parts, settings, rows, whole, table, few is not None, exact, state, walk, each[-1].horizon, rate, choice, each,
        feed, stand_in,
    )  # fmt: skip


def first_parameters(parts: Parts, settings: Settings) -> Parameters:
    """The parameters before the first step. Raises SettingsError when `init` gives more or fewer than there are."""
    drawn, at = parts.model.init(jax.random.key(settings.seed)), start_at(settings)
    if at is None:
        return drawn
    flat, unravel = ravel_pytree(drawn)
    if len(at) != flat.size:
        raise SettingsError(
            f"init at: gives {len(at):,} start weights, but the model has {flat.size:,} parameters.\n"
            "Give one for each, in the order in which the run names them; or init auto."
        )
    return unravel(jnp.asarray(at, flat.dtype))


def rates_of(settings: Settings, rate: float, each: Sequence[Stretch], epoch_steps: int) -> OfSteps:
    """Steps, counted from 0, in; the rate of each out: the base rate as it is changed, times the schedule."""
    schedule = schedule_of(settings)
    multiples = piecewise(each, lambda horizon: partial(schedule.multiples, horizon=horizon, epoch_steps=epoch_steps))
    changes = rate_changes_of(settings)
    if not changes:
        return lambda steps: rate * multiples(steps)
    since, bases = (np.array(column) for column in zip(*((0, rate), *changes), strict=True))
    return lambda steps: bases[np.searchsorted(since, steps, side="right") - 1] * multiples(steps)


def fit(
    parts: Parts,
    settings: Settings,
    rows: Rows,
    *,
    parameters: Parameters | None = None,
    validation: Rows | Look | None = None,
    measure: Callable[[np.ndarray], float] | None = None,
    keep: Callable[[Leg], None] = lambda leg: None,
    ready: Callable[[SetUp], None] = lambda ready: None,
    go_on: GoOn | None = None,
    steps: int | None = None,
    until: int | None = None,
    rate: float | None = None,
    extended: Sequence[tuple[int, int]] = (),
    past: Past | None = None,
    mark: Callable[[Halfway], None] = lambda at: None,
    place: Place = HERE,
    spooled: Spooled | None = None,
    trivially: str = "always predicting the mean",
) -> Fitted:
    """Train on arrays. Call it inside `engine.precision(settings.precision)`.

    Args:
        parameters: where to start; random from the seed when None.
        validation: held-out rows, looked at when an epoch ends; or that look, where they are on disk.
        measure: the final measure of a response to the held-out rows.
        keep: sees every leg, cut at the step where training stopped.
        ready: sees what was set up, before the first step.
        go_on: where an earlier fit of the same rows left off.
        steps: updates, when that is not what the settings say: the schedule still spans theirs.
        until: the last step. All is set up as without it, legs included, so that every step has the same bits.
        rate, extended, place, spooled: as in `set_up`.
        past: what is recorded of the steps that were made already, to go on after them.
        mark: told after each leg from where the training could be gone on with.
        trivially: what the best constant prediction is called in the verdict.
    """
    made = set_up(
        parts, settings, rows,
        parameters=parameters, go_on=go_on, rate=rate, steps=steps, extended=extended, place=place, spooled=spooled,
    )  # fmt: skip
    ready(made)
    begin = go_on.step if go_on else 0
    start, state = made.state.parameters, made.state
    start_objective, _, start_gradient = (float(v) for v in survey(parts, start, made.over))
    objectives: list[np.ndarray] = []

    def keep_both(leg: Leg) -> None:
        objectives.append(leg.recorded.objective)
        keep(leg)

    watch = watch_of(made, keep_both, begin, start_objective, validation, measure)
    last = begin + (steps or made.horizon) if until is None else until
    if past is not None:
        begin, state = past.halfway.step, past.halfway.state
        objectives.append(past.objective)
    ahead = [Stretch(0, last, made.horizon)] if len(made.stretches) == 1 else made.stretches
    ahead = [stretch for stretch in ahead if stretch.end > begin] or ahead[-1:]
    after, ending = walk_on(
        parts, state, made.table, made.walk, watch, ahead, objectives,
        start=begin, past=past, mark=mark, feed=made.feed,
    )  # fmt: skip
    # what is measured from here on, each process measures alone
    alone = made.walk.place.again or HERE
    made = replace(made, walk=replace(made.walk, place=alone))
    if made.feed is not None and spooled is not None:
        made.feed.rest()
        made = replace(made, feed=spooled.feed(made.walk.batches, made.walk.capacity, alone))
    kept, parameters = _kept(after, ending, watch)
    trivial = _trivial(parts, rows)
    path = np.concatenate(objectives) if objectives else np.array([start_objective])
    patience = watch.patience.evaluations if watch.patience else 0
    figures = figures_of(
        made, ending, kept, parameters, path, (start_objective, start_gradient), patience=patience, trivially=trivially
    )
    return Fitted(made, after, parameters, ending.step, kept, watch.evaluations, figures, judge(figures), trivial)


def figures_of(
    made: SetUp,
    ending: Stop,
    kept: int,
    parameters: Parameters,
    path: np.ndarray,
    start: tuple[float, float],
    *,
    patience: int,
    trivially: str,
) -> Figures:
    """What the verdict on a training is judged by.

    Args:
        kept, parameters: the step whose weights are kept, and those.
        path: the objective of each step.
        start: objective and gradient norm over all rows, before the first step.
    """
    parts, batches = made.parts, made.walk.batches
    trivial = trivial_loss(made)
    end_objective, _, end_gradient = (float(v) for v in survey(parts, parameters, made.over))
    return Figures(
        steps=ending.step,
        epochs=float(batches.rows_seen(np.array(ending.step)) / batches.rows),
        ended=ending.reason,
        kept=kept,
        start=start[0],
        end=end_objective,
        trivial=float("nan") if trivial is None else trivial,
        start_gradient=start[1],
        end_gradient=end_gradient,
        last_fall=last_fall(path),
        rate=float(made.walk.rates(np.array([max(ending.step - 1, 0)]))[0]),
        full=batches.full,
        optimum=None if made.exact is None else made.exact.objective,
        worst=float(path[-1]),
        stable=stable_rate(parts, parameters, made.whole) if ending.reason == "diverged" else None,
        patience=patience,
        trivially=trivially,
    )


def replay(ready: SetUp, step: int, state: State | None = None, start: int = 0) -> State:
    """The state after a step, by walking there again: the same bits, since nothing is random.

    Args:
        state, start: where to walk on from, and after which step that was; from the start when None.
    """
    from_there = ready.state if state is None else state
    quiet = partial(train, ready.parts, from_there, ready.table, ready.walk, lambda leg: None)
    return quiet(start=start, stop=step, feed=ready.feed)[0]


def watch_of(
    made: SetUp,
    keep: Callable[[Leg], None],
    begin: int,
    start_objective: float,
    validation: Rows | Look | None,
    measure: Callable[[np.ndarray], float] | None,
) -> Watch:
    """What is to happen between legs, as the settings say; arguments as those of `fit`. `begin` steps went before."""
    batches, stops = made.walk.batches, stops_of(made.settings)
    capacity = made.walk.capacity
    every = batches.epoch_steps
    if every == 1:  # an epoch is a step, so held-out rows are looked at now and then
        at_hand = keeps_parameters(made.state.parameters) and not made.parts.averaged
        every = min(10, made.stretches[0].horizon) if at_hand else capacity
    plateau = None
    if "plateau" in stops and not schedule_of(made.settings).ends:  # a rate that still shrinks has more to give
        share = None if batches.full else batches.rows_in_steps / batches.rows
        plateau = Plateau(10 if batches.full else every, batches.full, stops["plateau"], share=share)
    patience = Patience(int(stops["patience"])) if "patience" in stops and validation is not None else None
    return Watch(
        keep=keep,
        evaluate=evaluator(made.parts, validation, measure, batches) if validation is not None else None,
        every=every,
        unravel=ravel_pytree(made.state.parameters)[1],
        start_objective=start_objective,
        plateau=plateau,
        patience=patience,
        seconds=made.settings.seconds,
        good=(begin, made.state.parameters),
    )


def _kept(after: State, ending: Stop, watch: Watch) -> tuple[int, Parameters]:
    """The step whose weights are kept, and those weights."""
    if ending.reason == "diverged" and ending.keep <= watch.good[0]:
        return watch.good
    if watch.patience and watch.best is not None and ending.reason != "diverged":
        return watch.patience.best_step, watch.best
    return ending.keep, after.parameters if after.average is None else after.average


def trivial_loss(made: SetUp) -> float | None:
    """The loss of the best constant prediction; None for losses that do not grade rows."""
    trivial = _trivial(made.parts, made.rows)
    if trivial is None:
        return None
    return float(made.parts.loss(jnp.broadcast_to(as_array(trivial), made.over.target.shape), made.over))


def _trivial(parts: Parts, rows: Rows) -> np.ndarray | None:
    if not isinstance(parts.loss, AbstractRowLoss):
        return None
    return parts.loss.constant(np.asarray(rows.target), np.asarray(rows.weight))


def _rate(parts: Parts, settings: Settings, state: State, table: Batch, walk: Walk, horizon: int):
    if settings.rate != "auto":
        return settings.rate, None
    if isinstance(parts.rule, Rule) and parts.rule.finds_its_rate:
        return 1.0, None
    # Trials are as long whatever the epochs are, so that a training in two parts has the rate of one in one.
    choice = choose_rate(parts, state, table, walk, horizon if schedule_of(settings).ends else STEPS)
    return (FALLBACK if choice.rate is None else choice.rate), choice


def _blends(settings: Settings, horizon: int) -> Callable[[np.ndarray], np.ndarray]:
    average = average_of(settings)
    if average is None:
        return lambda steps: np.zeros(len(steps))
    name, number = average
    if name == "ema":
        return lambda steps: np.maximum(1 - number, 1 / (steps + 1.0))
    begin = int(horizon * (1 - number))
    return lambda steps: 1 / np.maximum(steps - begin + 1.0, 1.0)


def last_fall(path: np.ndarray) -> float:
    """How far the mean objective fell over the last tenth of the steps, relative to the tenth before it."""
    path = path.astype(np.float64)
    tenth = max(1, len(path) // 10)
    before, last = path[-2 * tenth : -tenth], path[-tenth:]
    if len(before) == 0 or not np.isfinite(path[-2 * tenth :]).all():
        return float("nan")
    return float((before.mean() - last.mean()) / max(abs(before.mean()), 1e-300))
