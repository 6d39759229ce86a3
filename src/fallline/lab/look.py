"""What a picture is made from, and what it makes: the waist between the live training and the pictures of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fallline.measurement import Measurement
from fallline.training import Training

if TYPE_CHECKING:
    from fallline.lab.messages import Show

ALIKE = 0.99  # of the way that went furthest: rounding must not choose among weights that moved alike


@dataclass(frozen=True)
class Branch:
    """A path that was left when the rate was changed in mid-run."""

    name: str  # such as "rate 0.1"
    since: int  # the step that both paths have in common last
    trace: pl.DataFrame  # step, loss, ...: from `since` on
    path: np.ndarray | None  # flat parameters after each of those steps, where they are few


@dataclass(frozen=True)
class Look:
    """All that a picture may be made from, at one moment. Use it inside `engine.precision` of the training."""

    training: Training  # its trace reaches at least one step beyond `step`
    step: int  # how many updates have been made: where the ball stands
    shown: Show  # what the page asks to see
    evaluations: pl.DataFrame  # step, epoch, validation_loss, validation_metric
    metric: str
    trivial: float | None  # the loss of the best constant prediction
    branches: tuple[Branch, ...]
    stable: float | None  # the largest stable rate at the cursor, where it is known
    measure: Callable[..., Measurement]  # (name, **options) of `training`, kept for the same training and options
    path_losses: dict[int, float]  # of steps of the path, over the rows of the slice: those that were taken before
    once: Callable[[str, Callable[[], Any]], Any]  # what is the same wherever the cursor stands: made once, by a name

    @cached_property
    def walked(self) -> Training:
        """The training less what lies beyond the next update: a path that was left does not decide what is seen.

        Its path ends at the cursor and the next step, also where the weights of few steps are kept.
        """
        training, step = self.training, self.step
        kept = {k: flat for k, flat in training.snapshots.items() if k <= step}
        ends = {k: partial(_flat_at, training, k) for k in (step, step + 1) if 0 < k <= training.steps}
        return replace(training, trace=training.trace.head(step + 1), snapshots=kept | ends)

    @cached_property
    def weight(self) -> str:
        """The one weight that the page speaks of: the one that a person picked, else the one that moved furthest."""
        if self.shown.weight in self.training.names:
            return self.shown.weight
        low, high = self.walked.reach
        moved = high - low
        return self.training.names[int(np.argmax(moved >= ALIKE * moved.max()))]


def _flat_at(training: Training, step: int) -> np.ndarray:
    return training.flat(training.at(step))


@dataclass(frozen=True)
class Drawn:
    """The data of a picture's specification."""

    options: Mapping[str, Any]  # what the specification depends on; another value means another specification
    data: Mapping[str, pl.DataFrame]  # by the names that the specification gives them
    params: Mapping[str, float | bool | str]
    summary: str  # what the picture shows now, in words with figures
    of: Mapping[str, int] = field(default_factory=dict)  # how many rows there are, where the data are some of them
