"""Mean and scale of chunks, merged as Chan, Golub and LeVeque do (The American Statistician 37(3), 1983)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass
class Moments:
    """Mean and scale of a column over the rows so far, and its lowest and highest value."""

    weight: float = 0.0
    mean: float = 0.0
    scale: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, values: np.ndarray, weights: np.ndarray | None) -> None:
        """Take in [rows], none missing, with what each row counts."""
        if not len(values):
            return
        low, high = float(values.min()), float(values.max())
        mean, scale, weight = _of_chunk(values, weights, low, high)
        if self.weight:
            total = self.weight + weight
            ours, theirs, between = self.weight / total, weight / total, mean - self.mean
            spread = math.sqrt(ours * theirs) * between
            scale = math.hypot(math.sqrt(ours) * self.scale, math.sqrt(theirs) * scale, spread)
            mean, weight = self.mean + theirs * between, total
        self.weight, self.mean, self.scale = weight, mean, scale
        self.low, self.high = min(self.low, low), max(self.high, high)

    def told(self, centre: bool, origin: float = 0.0) -> tuple[float, float]:
        """Mean and scale since an origin, as a preparation has them: a constant column has scale 1."""
        mean, scale = self.mean - origin, self.scale
        if not centre:
            mean, scale = 0.0, math.hypot(mean, scale)
        return mean, scale if scale > 0 else 1.0


def _of_chunk(values: np.ndarray, weights: np.ndarray | None, low: float, high: float) -> tuple[float, float, float]:
    """Mean, scale and weight of some rows, in two passes. Without BLAS, whose threads wait for busy cores."""
    weight = float(len(values) if weights is None else weights.sum())
    if low == high:
        return low, 0.0, weight
    width = high / 2 - low / 2
    away = (values - low) / width  # squares neither overflow nor vanish
    middle = float((away if weights is None else weights * away).sum()) / weight
    away -= middle
    away *= away
    spread = float((away if weights is None else weights * away).sum()) / weight
    return low + width * middle, width * math.sqrt(spread), weight
