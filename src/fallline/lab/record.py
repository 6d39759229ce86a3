"""The record of a walk as it grows, and the states that are kept along it.

A step more must cost the same after 100 steps and after 100,000: legs are laid out as a frame when somebody looks, and
frames of like length are laid together now and then (as binary counting carries) while they are short, so that a row
is copied a few times at most, and a look at all of them copies none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import polars as pl

from fallline.legs import Leg
from fallline.trace.trace import IN_MEMORY, leg_frame

if TYPE_CHECKING:
    from fallline.batches import Batches
    from fallline.types import State

STATES = 2**26  # bytes of states that are kept
WAITING = 256  # legs that are not laid out yet, at most: a short one holds the memory of a whole one
LONG = 50_000  # rows: longer frames stay by themselves
NEAR = 100  # steps: states closer to each other than that are not kept both


class Record:
    """A row per update, as `trace.leg_frame` has them."""

    def __init__(self, batches: Batches, frame: pl.DataFrame | None = None) -> None:
        self.batches = batches
        self._frames = [] if frame is None or frame.is_empty() else [frame]
        self._legs: list[Leg] = []  # what came after them
        self._count = 0 if frame is None else frame.height
        self._weights = 0  # bytes
        self._whole: tuple[int, pl.DataFrame] | None = None

    def __len__(self) -> int:
        return self._count

    def keep(self, leg: Leg) -> None:
        """Take the steps of a leg over, which come next."""
        if leg.end == leg.start:
            return
        weights = leg.recorded.parameters
        if weights is not None:
            if self._weights + weights.nbytes > IN_MEMORY:
                self._lay_out()  # those with weights
                leg = leg._replace(recorded=leg.recorded.without_parameters())
            else:
                self._weights += weights.nbytes
        self._legs.append(leg.bare())
        self._count += leg.end - leg.start
        if len(self._legs) >= WAITING:
            self._lay_out()

    def frame(self, steps: int) -> pl.DataFrame:
        """The first so many steps."""
        self._lay_out()
        if self._whole is None or self._whole[0] != len(self):
            self._whole = len(self), pl.concat(self._frames, how="diagonal_relaxed") if self._frames else pl.DataFrame()
        whole = self._whole[1]
        return whole if steps >= whole.height else whole.head(steps)

    def _lay_out(self) -> None:
        if not self._legs:
            return
        self._frames.append(leg_frame(self._legs[0].then(self._legs[1:]), self.batches))
        self._legs = []
        while len(self._frames) > 1 and self._frames[-2].height <= min(2 * self._frames[-1].height, LONG):
            last, before = self._frames.pop(), self._frames.pop()
            self._frames.append(pl.concat([before, last], how="diagonal_relaxed", rechunk=True))

    def forget(self, steps: int) -> None:
        """Drop what comes after so many steps."""
        left = self.frame(steps)
        self._frames, self._whole, self._count = [left] if left.height else [], None, left.height


class States:
    """States by step, thinned by halves when they take too much room; and the ones that were asked for last."""

    def __init__(self, start: State) -> None:
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(start))
        self._most = max(16, STATES // max(size, 1))
        self._at = {0: start}
        self._lately: dict[int, State] = {}
        self._apart = NEAR

    def __iter__(self):
        """The steps whose states stay."""
        return iter(sorted(self._at))

    def offer(self, step: int, state: State) -> None:
        """Keep a state, unless one is near."""
        if step - max((k for k in self._at if k < step), default=0) < self._apart and step not in self._at:
            self.remember(step, state)
            return
        self._at[step] = state
        while len(self._at) > self._most:
            self._apart *= 2
            kept = 0
            for k in sorted(self._at)[1:]:
                if k - kept < self._apart:
                    del self._at[k]
                else:
                    kept = k

    def remember(self, step: int, state: State) -> None:
        """Keep a state for a while."""
        self._lately.pop(step, None)
        self._lately[step] = state
        while len(self._lately) > 16:
            self._lately.pop(next(iter(self._lately)))

    def nearest(self, step: int) -> tuple[int, State]:
        """The last state at or before a step."""
        found = max(k for k in (*self._at, *self._lately) if k <= step)
        return found, self._at[found] if found in self._at else self._lately[found]

    def forget(self, step: int) -> None:
        """Drop those after a step."""
        self._at = {k: state for k, state in self._at.items() if k <= step}
        self._lately = {k: state for k, state in self._lately.items() if k <= step}
