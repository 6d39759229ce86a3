"""The recorded steps of one fit, and of those that went on from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from fallline.batches import Batches
from fallline.legs import Leg
from fallline.record import Row
from fallline.trace.trace import IN_MEMORY, leg_frame


@dataclass
class Part:
    """The legs of one call of fit or partial_fit.

    Steps are counted there in whole epochs of that call's rows; `before` is what has to be added to them, to the
    rows seen and to the seconds so that they follow those of the calls before.
    """

    batches: Batches
    room: int  # bytes left for weights of every step
    before: tuple[int, int, float] = (0, 0, 0.0)
    legs: list[Leg] = field(default_factory=list)

    def keep(self, leg: Leg) -> None:
        """Take one leg over, in no more memory than its numbers need."""
        recorded, count = leg.recorded, leg.end - leg.start
        if recorded.parameters is not None:
            if recorded.parameters.nbytes > self.room:
                recorded = recorded.without_parameters()
            else:
                self.room -= recorded.parameters.nbytes
        rate = recorded.rate.copy() if np.ptp(recorded.rate) else np.broadcast_to(recorded.rate[:1], count)
        recorded = replace(recorded, rows=Row(*map(_alone, recorded.rows)), rate=rate)
        ends = leg.seconds[[0, -1]]  # those between are evenly spread
        self.legs.append(leg.bare()._replace(recorded=recorded, seconds=ends))

    def frame(self) -> pl.DataFrame:
        steps, rows, seconds = self.before
        frame = pl.concat([leg_frame(_spread(leg), self.batches) for leg in self.legs], how="diagonal")
        return frame.with_columns(pl.col("step") + steps, pl.col("rows") + rows, pl.col("seconds") + seconds)

    def after(self) -> tuple[int, int, float]:
        """Steps, rows seen and seconds when this part ended, all calls counted."""
        end = self.legs[-1].end
        steps, rows, seconds = self.before
        return steps + end, rows + int(self.batches.rows_seen(np.array(end))), seconds + self.legs[-1].seconds[-1]


def _alone(array: np.ndarray) -> np.ndarray:
    """The array without the larger one that it is a part of."""
    return array.copy() if array.base is not None and np.size(array.base) > array.size else array


def _spread(leg: Leg) -> Leg:
    """The leg with the seconds of each step again."""
    first, last = leg.seconds
    return leg._replace(seconds=np.linspace(first, last, leg.end - leg.start))


@dataclass(frozen=True)
class History:
    """The parts of a history, one a call."""

    parts: tuple[Part, ...] = ()

    def next_part(self, batches: Batches, begin: int) -> Part:
        """An empty part to follow, whose first step has `begin` steps before it by its own count."""
        if not self.parts:
            return Part(batches, IN_MEMORY)
        last = self.parts[-1]
        steps, rows, seconds = last.after()
        before = (steps - begin, rows - int(batches.rows_seen(np.array(begin))), seconds)
        return Part(batches, last.room, before)

    def plus(self, part: Part) -> History:
        return History((*self.parts, part)) if part.legs else self

    @property
    def objective(self) -> np.ndarray:
        """The objective of the batch of every step, before its update."""
        return np.concatenate([leg.recorded.objective for part in self.parts for leg in part.legs])

    def frame(self) -> pl.DataFrame:
        """A row per update; `trace.leg_frame` tells the columns."""
        return pl.concat([part.frame() for part in self.parts], how="diagonal")
