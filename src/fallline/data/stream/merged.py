"""Means and scales of chunks, merged as Chan, Golub and LeVeque do (The American Statistician 37(3), 1983)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fallline.data.moments import moments


@dataclass
class Moments:
    """Mean and scale of each column over the rows so far, and the lowest and highest value."""

    weight: float = 0.0
    mean: np.ndarray | float = 0.0
    scale: np.ndarray | float = 0.0
    low: np.ndarray | float = np.inf
    high: np.ndarray | float = -np.inf

    def add(self, values: np.ndarray, weights: np.ndarray | None) -> None:
        """Take in [rows, columns], none missing, with what each row counts."""
        if not len(values):
            return
        mean, scale = moments(values, weights)
        low, high = values.min(axis=0), values.max(axis=0)
        scale = np.where(low == high, 0.0, scale)
        weight = float(len(values) if weights is None else weights.sum())
        if self.weight:
            total = self.weight + weight
            ours, theirs, between = self.weight / total, weight / total, mean - self.mean
            scale = np.sqrt(ours * self.scale**2 + theirs * scale**2 + ours * theirs * between**2)
            mean, weight = self.mean + theirs * between, total
        self.weight, self.mean, self.scale = weight, mean, scale
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)

    def told(self, centre: bool, origin: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Mean and scale since an origin, as a preparation has them: a constant column has scale 1."""
        mean, scale = np.asarray(self.mean) - origin, np.asarray(self.scale)
        if not centre:
            mean, scale = np.zeros_like(mean), np.hypot(mean, scale)
        return mean, np.where(scale > 0, scale, 1.0)
