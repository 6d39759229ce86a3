"""The order of the rows: shuffled anew every epoch, from the seed, the same on every machine.

A counter-based stream (Philox; Salmon et al., SC 2011) keyed by seed and epoch gives any epoch's order without
the ones before it, so that a training can go on, or be replayed, from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Int


@lru_cache(maxsize=2)
def shuffled(rows: int, seed: int, epoch: int) -> Int[np.ndarray, "rows"]:
    """The order of all rows in one epoch (counted from 0)."""
    stream = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    order = stream.permutation(rows).astype(np.int32)
    order.setflags(write=False)  # the same array is handed out again
    return order


@dataclass(frozen=True)
class Batches:
    """Which rows each step sees. The last batch of an epoch is short when `size` does not divide `rows`."""

    rows: int
    size: int
    seed: int

    @property
    def full(self) -> bool:
        """Every step sees every row; then there is nothing to shuffle."""
        return self.size >= self.rows

    def of(self, rows: int) -> Batches:
        """Batches as large and as seeded, of another number of rows."""
        return self if rows == self.rows else Batches(rows, min(self.size, rows), self.seed)

    @property
    def epoch_steps(self) -> int:
        return -(-self.rows // self.size)

    @property
    def rows_in_steps(self) -> Int[np.ndarray, "steps"]:
        """How many rows each step of an epoch sees."""
        rows = np.full(self.epoch_steps, self.size)
        rows[-1] = self.rows - (self.epoch_steps - 1) * self.size
        return rows

    def epoch(self, epoch: int) -> Int[np.ndarray, "steps size"]:
        """The rows of each step of one epoch; -1 where the last batch is short."""
        order = shuffled(self.rows, self.seed, epoch)
        missing = self.epoch_steps * self.size - self.rows
        if missing:
            order = np.concatenate([order, np.full(missing, -1, np.int32)])
        return order.reshape(self.epoch_steps, self.size)

    def steps(self, start: int, stop: int) -> Int[np.ndarray, "steps size"]:
        """The rows of steps `start` to `stop` (counted from 0), across epochs."""
        per = self.epoch_steps
        pieces = []
        for epoch in range(start // per, -(-stop // per)):
            first = epoch * per
            pieces.append(self.epoch(epoch)[max(start - first, 0) : stop - first])
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def rows_seen(self, steps: np.ndarray) -> np.ndarray:
        """How many rows have been seen after so many steps."""
        whole, rest = np.divmod(steps, self.epoch_steps)
        return whole * self.rows + rest * self.size
