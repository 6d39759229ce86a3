"""What happens between legs: each is kept, held-out rows are evaluated, and it may be time to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fallline.batches import Batches
from fallline.halfway import Evaluation, Halfway
from fallline.legs import Leg, Stop
from fallline.stopping import Patience, Plateau, first_exploded, good_steps
from fallline.survey import Rows, as_batch, respond
from fallline.types import Parameters, Parts

Look = Callable[[Parameters], tuple[Any, Any]]  # parameters -> the loss of the held-out rows, and each one's response


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

    def halfway(self, leg: Leg) -> Halfway:
        """Where the training is after a leg that has just been seen."""
        best = None if self.patience is None or self.best is None else (self.patience.best_step, self.best)
        return Halfway(leg.end, leg.state, self.good, best, self.evaluations, float(leg.seconds[-1]))

    def catch_up(self, past: Halfway) -> None:
        """Know what there was to see before, but for the objective's path, which `anew` is told."""
        self.good, self.evaluations = past.good, list(past.evaluations)
        if past.best is not None:
            self.best = past.best[1]

    def anew(self, since: int, objective: np.ndarray, gradient_norm: np.ndarray) -> None:
        """Count anew, from a step on, what may stop the training.

        Args:
            objective, gradient_norm: of every step so far.
        """
        if self.patience:
            self.patience = Patience(self.patience.evaluations)
            before = [seen for seen in self.evaluations if seen.step <= since]
            for seen in before:
                self.patience.look(seen.step, seen.loss)
            self.patience.since = 0
            for seen in self.evaluations[len(before) :]:
                self.patience.look(seen.step, seen.loss)
        if self.plateau:
            self.plateau = replace(self.plateau, means=[], steepest=0.0, rest=np.zeros(0))
            first = since if self.plateau.full else since // self.plateau.block * self.plateau.block
            if len(objective) > first:
                self.plateau.look(first, objective[first:], gradient_norm[first:])

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
    return leg._replace(end=step, recorded=leg.recorded.first(count), seconds=leg.seconds[:count])


def evaluator(
    parts: Parts, validation: Rows | Look, measure: Callable[[np.ndarray], float] | None, batches: Batches
) -> Callable[[int, Parameters], Evaluation]:
    """The look at the held-out rows: step and parameters in, their loss and final measure out."""
    look = validation if callable(validation) else partial(respond, parts, batch=as_batch(validation))

    def evaluate(step: int, parameters: Parameters) -> Evaluation:
        loss, response = look(parameters)
        metric = measure(np.asarray(response)) if measure else float("nan")
        return Evaluation(step, float(batches.rows_seen(np.array(step)) / batches.rows), float(loss), metric)

    return evaluate
