"""Arrays in, a model with a verdict out: what the table, the estimators and `descend` have in common.

The rate is chosen if asked, the loop walks from the random start (or goes on from where it was), every leg is kept
and looked at, and in the end the exact answer, the trivial predictor and the gradient over all rows say how it went.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from fallline.batches import Batches
from fallline.exact import Exact, equivalent_rows, least_squares
from fallline.losses import AbstractRowLoss, Squared
from fallline.many import Choice, choose_rate, objective
from fallline.models import Linear
from fallline.rules import Rule
from fallline.rules import start as start_state
from fallline.settings import Settings, average_of, batch_size, schedule_of, stops_of
from fallline.stopping import Patience, Plateau, first_exploded, good_steps
from fallline.train import Leg, Stop, Walk, leg_capacity, train
from fallline.types import Batch, Parameters, Parts, State
from fallline.verdict import Figures, Verdict, judge

SAFE = {32: 1e-4, 64: 1e-8}  # relative error of the loss up to which condensed rows may stand in for the table


class Rows(NamedTuple):
    """Prepared rows: features [rows, features], target [rows] or [rows, classes], weight [rows] of mean 1."""

    features: Any
    target: Any
    weight: np.ndarray


class Evaluation(NamedTuple):
    """A look at the held-out rows at the end of an epoch."""

    step: int
    epoch: float
    loss: float
    metric: float


@dataclass
class Fitted:
    """A training that has ended, and all that it left."""

    parts: Parts
    settings: Settings
    state: State
    parameters: Parameters  # the ones kept: last, best, averaged or last good
    start: Parameters
    batches: Batches
    rate: float
    choice: Choice | None
    steps: int  # the last recorded step
    kept: int
    evaluations: list[Evaluation]
    exact: Exact | None
    condensed: bool  # full-batch squared loss walked on a few rows with the same loss
    figures: Figures
    verdict: Verdict
    trivial: Float[np.ndarray, "..."] | None  # the best constant prediction


@dataclass
class Watch:
    """Sees every leg: keeps it, evaluates the held-out rows, and says when to stop."""

    keep: Callable[[Leg], None]
    evaluate: Callable[[int, Parameters], Evaluation] | None
    every: int  # steps between evaluations
    unravel: Callable[[Array], Parameters]
    start_objective: float
    plateau: Plateau | None
    patience: Patience | None
    seconds: float | None
    good: tuple[int, Parameters]
    best: Parameters | None = None
    evaluations: list[Evaluation] = field(default_factory=list)

    def __call__(self, leg: Leg) -> Stop | None:
        recorded = leg.recorded
        stop = self._exploded(leg)
        end = leg.end if stop is None else leg.start
        if stop is None and self.plateau:
            flat = self.plateau.look(leg.start, recorded.objective, recorded.norm("gradient"))
            if flat is not None:
                stop, end = Stop("plateau", flat, flat), flat
        turned = self._evaluate(leg, end)
        stop = turned or stop
        if stop is None and self.seconds is not None and leg.seconds[-1] >= self.seconds:
            stop = Stop("seconds", leg.end, leg.end)
        shown = leg if stop is None else _until(leg, stop.step)
        self.keep(shown)
        return stop

    def _exploded(self, leg: Leg) -> Stop | None:
        recorded = leg.recorded
        calm = good_steps(recorded.objective, self.start_objective)
        if calm == len(recorded):
            self.good = (leg.end, leg.parameters)
        bad = first_exploded(recorded.objective, recorded.norm("gradient"), self.start_objective)
        if bad is None:
            return None
        keep = leg.start + calm - 1 if calm > 1 else self.good[0]
        return Stop("diverged", leg.start + bad + 1, keep)

    def _evaluate(self, leg: Leg, end: int) -> Stop | None:
        if self.evaluate is None:
            return None
        first = (leg.start // self.every + 1) * self.every
        for step in range(first, end + 1, self.every):
            parameters = self._at(leg, step)
            if parameters is None:
                continue
            seen = self.evaluate(step, parameters)
            self.evaluations.append(seen)
            if self.patience:
                turned = self.patience.look(step, seen.loss)
                if self.patience.best_step == step:
                    self.best = parameters
                if turned:
                    return Stop("patience", step, step)
        return None

    def _at(self, leg: Leg, step: int) -> Parameters | None:
        if step == leg.end:
            return leg.parameters if leg.averaged is None else leg.averaged
        if leg.averaged is not None or leg.recorded.parameters is None:
            return None
        return self.unravel(jnp.asarray(leg.recorded.parameters[step - leg.start - 1]))


def _until(leg: Leg, step: int) -> Leg:
    count = step - leg.start
    return leg._replace(
        end=step, recorded=leg.recorded.first(count), rate=leg.rate[:count], seconds=leg.seconds[:count]
    )


@partial(jax.jit, static_argnames="parts")
def survey(parts: Parts, parameters: Parameters, batch: Batch) -> tuple[Array, Array, Array]:
    """Objective, loss and gradient norm over all rows of a batch."""
    value, gradient = jax.value_and_grad(lambda p: objective(parts, p, batch))(parameters)
    loss = value - parts.penalty(parameters)
    return value, loss, jnp.linalg.norm(ravel_pytree(gradient)[0])


@partial(jax.jit, static_argnames="parts")
def respond(parts: Parts, parameters: Parameters, batch: Batch) -> tuple[Array, Array]:
    """The loss of a batch, and the response of every row: a number, or probabilities."""
    prediction = parts.model.predict(parameters, batch.features)
    response = parts.loss.response(prediction) if isinstance(parts.loss, AbstractRowLoss) else prediction
    return parts.loss(prediction, batch), response


def as_batch(rows: Rows) -> Batch:
    """All rows as one batch whose shares add up to 1."""
    weight = np.asarray(rows.weight, np.float64)
    arrays = jax.tree.map(_array, (rows.features, rows.target))
    return Batch(*arrays, _array(weight / weight.sum()))


def _array(values: Any) -> Array:
    values = jnp.asarray(values)
    return values.astype(jnp.result_type(float)) if jnp.issubdtype(values.dtype, jnp.floating) else values


def fit(
    parts: Parts,
    settings: Settings,
    rows: Rows,
    *,
    parameters: Parameters | None = None,
    validation: Rows | None = None,
    measure: Callable[[np.ndarray], float] | None = None,
    keep: Callable[[Leg], None] = lambda leg: None,
    planned: Callable[[int], None] = lambda steps: None,
    go_on: tuple[State, int, float] | None = None,
    what: str = "always predicting the mean",
) -> Fitted:
    """Train on arrays. Call it inside `engine.precision(settings.precision)`.

    Args:
        parameters: where to start; random from the seed when None.
        validation: held-out rows, looked at when an epoch ends.
        measure: the final measure of a response to the held-out rows.
        keep: sees every leg, cut at the step where training stopped.
        planned: told once how many steps there will be at most.
        go_on: the state, step and rate of an earlier fit to go on from.
    """
    batches = Batches(len(rows.weight), batch_size(settings, len(rows.weight)), settings.seed)
    whole = as_batch(rows)
    table = whole._replace(share=whole.share * len(rows.weight))
    state, begin, rate = go_on or (None, 0, None)
    begun = begin * 1
    if state is None:
        first = parts.model.init(jax.random.key(settings.seed)) if parameters is None else parameters
        state = start_state(parts.rule, jax.tree.map(_array, first), parts.averaged)
    first = state.parameters
    horizon = settings.steps or settings.epochs * batches.epoch_steps
    steps = begin + horizon
    planned(steps)

    exact = _exact(parts, rows, whole)
    table, condensed = _condense(parts, rows, whole, table, batches, exact, first, settings.precision)
    schedule = schedule_of(settings)
    own = not isinstance(parts.loss, AbstractRowLoss)
    capacity = leg_capacity(batches, first, _row_bytes(table), horizon)
    walk = Walk(
        batches,
        partial(schedule.multiples, horizon=max(horizon, 1), epoch_steps=batches.epoch_steps),
        _blends(settings, horizon),
        capacity,
        ragged=own,
    )
    choice = None
    if rate is None:
        rate, choice = _rate(parts, settings, state, table, walk, horizon)
    multiples = walk.rates
    walk = replace(walk, rates=lambda s: rate * multiples(s))

    start_objective, _, start_gradient = (float(v) for v in survey(parts, first, whole))
    stops = stops_of(settings)
    every = batches.epoch_steps if batches.epoch_steps > 1 else (10 if capacity % 10 == 0 else capacity)
    few_full = batches.full and capacity < 10
    watch = Watch(
        keep=keep,
        evaluate=_evaluator(parts, validation, measure, batches) if validation is not None else None,
        every=1 if few_full else every,
        unravel=ravel_pytree(first)[1],
        start_objective=start_objective,
        plateau=Plateau(10 if batches.full else batches.epoch_steps, batches.full, stops["plateau"])
        if "plateau" in stops
        else None,
        patience=Patience(int(stops["patience"])) if "patience" in stops and validation is not None else None,
        seconds=settings.seconds,
        good=(begin, first),
    )
    objectives: list[np.ndarray] = []
    outer = watch.keep
    watch.keep = lambda leg: (objectives.append(leg.recorded.objective), outer(leg))[1]
    after, ending = train(parts, state, table, walk, watch, start=begun, stop=steps)

    kept_parameters, kept = after.parameters if after.average is None else after.average, ending.keep
    if ending.reason == "diverged" and kept <= watch.good[0]:
        kept, kept_parameters = watch.good
    elif watch.patience and watch.best is not None and ending.reason != "diverged":
        kept, kept_parameters = watch.patience.best_step, watch.best

    trivial = parts.loss.constant(np.asarray(rows.target), np.asarray(rows.weight)) if not own else None
    trivial_loss = _trivial_loss(parts, trivial, whole)
    end_objective, _, end_gradient = (float(v) for v in survey(parts, kept_parameters, whole))
    path = np.concatenate(objectives) if objectives else np.array([start_objective])
    figures = Figures(
        steps=ending.step,
        epochs=float(batches.rows_seen(np.array(ending.step)) / batches.rows),
        ended=ending.reason,
        kept=kept,
        start=start_objective,
        end=end_objective,
        trivial=trivial_loss,
        start_gradient=start_gradient,
        end_gradient=end_gradient,
        last_fall=_last_fall(path),
        rate=float(walk.rates(np.array([max(ending.step - 1, 0)]))[0]),
        full=batches.full,
        optimum=None if exact is None else exact.objective,
        worst=float(path[-1]),
        stable=_stable_rate(parts, kept_parameters, whole) if ending.reason == "diverged" else None,
        patience=watch.patience.evaluations if watch.patience else 0,
        what=what,
    )
    return Fitted(
        parts=parts,
        settings=settings,
        state=after,
        parameters=kept_parameters,
        start=first,
        batches=batches,
        rate=rate,
        choice=choice,
        steps=ending.step,
        kept=kept,
        evaluations=watch.evaluations,
        exact=exact,
        condensed=condensed,
        figures=figures,
        verdict=judge(figures),
        trivial=trivial,
    )


def _rate(parts, settings: Settings, state: State, table: Batch, walk: Walk, horizon: int):
    if settings.rate != "auto":
        return float(settings.rate), None
    if isinstance(parts.rule, Rule) and parts.rule.finds_its_rate:
        return 1.0, None
    choice = choose_rate(parts, state, table, walk, horizon)
    return (0.01 if choice.rate is None else choice.rate), choice


def _exact(parts: Parts, rows: Rows, whole: Batch) -> Exact | None:
    """The closed form, where there is one."""
    model, penalty = parts.model, parts.penalty
    linear = isinstance(model, Linear) and model.output == "identity" and model.outputs == 1
    if not (linear and isinstance(parts.loss, Squared) and penalty.l1 == 0):
        return None
    return least_squares(rows.features, rows.target, np.asarray(whole.share), l2=penalty.l2, bias=model.bias)


def _condense(parts, rows: Rows, whole: Batch, table: Batch, batches: Batches, exact, first, bits: int):
    """The table that the loop walks on: a few rows with the same loss where that is possible and safe.

    Safe means shown: at the start and at the exact answer the few rows give the loss of the table back.
    """
    if exact is None or not batches.full or batches.rows < max(1000, 10 * len(exact.weights)):
        return table, False
    features, target, share = equivalent_rows(rows.features, rows.target, np.asarray(whole.share))
    few = Batch(_array(features), _array(target), _array(share * len(share)))
    best = {"weights": _array(exact.weights)} | ({"bias": _array(exact.bias)} if "bias" in first else {})
    for parameters in (first, best):
        truth = float(survey(parts, parameters, whole)[0])
        found = float(survey(parts, parameters, few._replace(share=few.share / len(share)))[0])
        if not abs(found - truth) <= SAFE[bits] * abs(truth):
            return table, False
    return few, True


def _blends(settings: Settings, horizon: int) -> Callable[[np.ndarray], np.ndarray]:
    average = average_of(settings)
    if average is None:
        return lambda steps: np.zeros(len(steps))
    name, number = average
    if name == "ema":
        return lambda steps: np.maximum(1 - number, 1 / (steps + 1.0))
    begin = int(horizon * (1 - number))
    return lambda steps: 1 / np.maximum(steps - begin + 1.0, 1.0)


def _evaluator(parts: Parts, validation: Rows, measure, batches: Batches):
    held_out = as_batch(validation)

    def evaluate(step: int, parameters: Parameters) -> Evaluation:
        loss, response = respond(parts, parameters, held_out)
        metric = measure(np.asarray(response)) if measure else float("nan")
        return Evaluation(step, float(batches.rows_seen(np.array(step)) / batches.rows), float(loss), metric)

    return evaluate


def _trivial_loss(parts: Parts, trivial, whole: Batch) -> float:
    if trivial is None:
        return float("nan")
    same = jnp.broadcast_to(_array(trivial), whole.target.shape)
    return float(parts.loss(same, whole))


def _last_fall(path: np.ndarray) -> float:
    tenth = max(1, len(path) // 10)
    before, last = path[-2 * tenth : -tenth], path[-tenth:]
    if len(before) == 0 or not np.isfinite(path[-2 * tenth :]).all():
        return float("nan")
    return float((before.mean() - last.mean()) / max(abs(before.mean()), 1e-300))


def _row_bytes(table: Batch) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(table)) // max(len(table.share), 1)


@partial(jax.jit, static_argnames="parts")
def _top_curvature(parts: Parts, parameters: Parameters, batch: Batch) -> Array:
    """The largest eigenvalue of the Hessian, by 50 steps of power iteration on Hessian-vector products."""
    flat, unravel = ravel_pytree(parameters)
    gradient = jax.grad(lambda f: objective(parts, unravel(f), batch))

    def sharpen(_: int, vector: Array) -> Array:
        product = jax.jvp(gradient, (flat,), (vector,))[1]
        return product / jnp.maximum(jnp.linalg.norm(product), 1e-30)

    vector = jax.lax.fori_loop(0, 50, sharpen, jnp.ones_like(flat) / jnp.sqrt(flat.size))
    return vector @ jax.jvp(gradient, (flat,), (vector,))[1]


def _stable_rate(parts: Parts, parameters: Parameters, whole: Batch) -> float | None:
    """2 / lambda_max where the weights are: the plain rule diverges above it on a quadratic."""
    if parts.rule.name != "plain" if isinstance(parts.rule, Rule) else True:
        return None
    top = float(_top_curvature(parts, parameters, whole))
    return 2 / top if np.isfinite(top) and top > 0 else None
