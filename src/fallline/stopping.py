"""When to stop: the loss has exploded, it no longer falls, or validation has turned.

Everything here looks at whole epochs (blocks of ten steps when every step sees every row) and at nothing that
depends on how steps are grouped into legs or on a clock, so that the same training stops at the same step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

EXPLODED = 1e6  # times the first objective, or as far beyond any finite scale
WORSE = 10.0  # times the first objective: weights from before this are the last good ones


def first_exploded(objective: np.ndarray, gradient_norm: np.ndarray, start: float) -> int | None:
    """The first step (an index) whose loss or gradient is not a finite number, or has exploded; None if none."""
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(objective) | ~np.isfinite(gradient_norm) | (objective > EXPLODED * (abs(start) + 1))
    return int(np.argmax(bad)) if bad.any() else None


def good_steps(objective: np.ndarray, start: float) -> int:
    """How many steps there are before the first whose objective is not near, or below, where it started."""
    with np.errstate(invalid="ignore"):
        bad = ~(objective <= WORSE * (abs(start) + 1e-12))
    return int(np.argmax(bad)) if bad.any() else len(objective)


@dataclass
class Plateau:
    """Nothing is left to gain: the mean objective of a block no longer falls, or the gradient is nearly zero.

    Stops when the best of the last `patience` blocks is not lower than the best before by `fall` (relative), or,
    when every step sees every row, when the gradient norm is `flat` times the largest one seen.
    """

    block: int  # steps
    full: bool
    fall: float = 1e-4
    patience: int = 5
    flat: float = 1e-5
    share: np.ndarray | None = None  # [block]: what each step of a block counts, adding up to 1; None: all alike
    means: list[float] = field(default_factory=list)
    steepest: float = 0.0
    rest: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def look(self, start: int, objective: np.ndarray, gradient_norm: np.ndarray) -> int | None:
        """The step at which to stop, counted from 1, or None. `start` steps went before these."""
        flat = self._first_flat(gradient_norm) if self.full else None
        values = np.concatenate([self.rest, objective])
        first = start - len(self.rest)
        whole = len(values) // self.block
        self.rest = values[whole * self.block :]
        blocks = values[: whole * self.block].reshape(whole, self.block)
        # a product with the shares would round otherwise with more blocks in one look
        means = blocks.mean(axis=1) if self.share is None else (blocks * self.share).sum(axis=1)
        for i, mean in enumerate(means):
            end = first + (i + 1) * self.block
            if flat is not None and start + flat < end:
                break
            self.means.append(float(mean))
            if self._flat_out():
                return end
        return None if flat is None else start + flat + 1

    def _first_flat(self, norms: np.ndarray) -> int | None:
        steepest = np.maximum.accumulate(np.maximum(norms, self.steepest))
        self.steepest = float(steepest[-1])
        flat = norms <= self.flat * steepest
        return int(np.argmax(flat)) if flat.any() else None

    def _flat_out(self) -> bool:
        if len(self.means) <= 2 * self.patience:
            return False
        before, recent = min(self.means[: -self.patience]), min(self.means[-self.patience :])
        return before - recent < self.fall * abs(before) * (0.01 if self.full else 1.0)


@dataclass
class Patience:
    """Validation has turned: its loss has not been lower for so many evaluations in a row."""

    evaluations: int
    best: float = np.inf
    best_step: int = 0
    since: int = 0

    def look(self, step: int, loss: float) -> bool:
        """True when it is time to stop. `best_step` then holds the step to go back to."""
        if loss < self.best:
            self.best, self.best_step, self.since = loss, step, 0
        else:
            self.since += 1
        return self.since >= self.evaluations
