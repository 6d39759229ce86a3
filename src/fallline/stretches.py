"""A training that was extended has stretches: what its settings ask for, and one more each time that it goes on.

Each has its own end and horizon, so that rates, averages and stops of the steps already made stay what they were.
What stops a training early (plateau, patience, seconds) counts anew from the start of a stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fallline.errors import RunError
from fallline.halfway import Halfway
from fallline.legs import Feed, Leg, Stop, Walk, train
from fallline.types import Batch, Parts, State
from fallline.watch import Watch

OfSteps = Callable[[np.ndarray], Float[np.ndarray, "steps"]]  # steps, counted from 0, in; a number for each out


class Stretch(NamedTuple):
    """The steps after `start`, up to `end` at the latest; its schedule spans `horizon` steps of the whole training."""

    start: int
    end: int
    horizon: int


class Past(NamedTuple):
    """What is recorded of the steps that were made before: where they led, and a number for each of them."""

    halfway: Halfway
    objective: Float[np.ndarray, "steps"]
    gradient_norm: Float[np.ndarray, "steps"]
    seconds: Float[np.ndarray, "steps"]


def stretches(horizon: int, extended: Iterable[tuple[int, int]] = ()) -> tuple[Stretch, ...]:
    """The stretches of a training that was extended from some steps to others.

    >>> stretches(100, [(60, 160)])
    (Stretch(start=0, end=60, horizon=100), Stretch(start=60, end=160, horizon=160))
    """
    found = [Stretch(0, horizon, horizon)]
    for since, to in extended:
        found[-1] = found[-1]._replace(end=since)
        found.append(Stretch(since, to, max(found[-1].horizon, to)))
    return tuple(found)


def piecewise(each: Sequence[Stretch], of: Callable[[int], OfSteps]) -> OfSteps:
    """What depends on the horizon, given for one: each step's by the horizon of the stretch that it is in."""
    if len(each) == 1:
        return of(each[0].horizon)
    starts, parts = np.array([stretch.start for stretch in each]), [of(stretch.horizon) for stretch in each]

    def at(steps: np.ndarray) -> Float[np.ndarray, "steps"]:
        which = np.searchsorted(starts, steps, side="right") - 1
        out = np.empty(len(steps))
        for i in np.unique(which):
            out[which == i] = parts[i](steps[which == i])
        return out

    return at


def leg_ends(walk: Walk, each: Sequence[Stretch], step: int) -> list[int]:
    """The last step of each leg of a training up to a step between two of them."""
    return [end for stretch in each for _, end in walk.legs(stretch.start, min(stretch.end, step))]


def walk_on(
    parts: Parts,
    state: State,
    table: Batch,
    walk: Walk,
    watch: Watch,
    ahead: Sequence[Stretch],
    path: list[np.ndarray],
    *,
    start: int,
    past: Past | None = None,
    mark: Callable[[Halfway], None] = lambda at: None,
    feed: Feed | None = None,
) -> tuple[State, Stop]:
    """Train through stretches, the last of which may end early; arguments and what is returned as those of `train`.

    Args:
        ahead: those that are left, the first perhaps only in part.
        path: the objective of the steps so far; `watch` adds that of every leg it keeps.
        past: what is recorded of the steps up to `start`.
        mark: told after each leg from where the training could be gone on with.
    """
    norms, seconds = (np.zeros(0), np.zeros(0)) if past is None else (past.gradient_norm, past.seconds)
    limit, took = watch.seconds, seconds[-1] if len(seconds) else 0.0
    if past is not None:
        watch.catch_up(past.halfway)

    def look(leg: Leg) -> Stop | None:
        nonlocal took
        ending = watch(leg)
        took = float(leg.seconds[-1])
        if ending is None:
            mark(watch.halfway(leg))
        return ending

    ending = Stop("epochs", start, start)
    for stretch in ahead:
        if stretch.start or past is not None:
            watch.anew(stretch.start, np.concatenate(path), norms)
            here = seconds[stretch.start - 1] if 0 < stretch.start <= len(seconds) else took if stretch.start else 0.0
            watch.seconds = None if limit is None or stretch is not ahead[-1] else limit + here
        begin = max(start, stretch.start)
        state, ending = train(parts, state, table, walk, look, start=begin, stop=stretch.end, before=took, feed=feed)
        if ending.reason == "interrupted":
            break
        if stretch is not ahead[-1] and ending.step != stretch.end:
            raise RunError(
                f"Walked again, the training ended at step {ending.step:,}, not at step {stretch.end:,} as it had.\n"
                "It was trained with other versions or on another machine: go on there, or train again."
            )
    return state, ending
