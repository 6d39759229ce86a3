"""Quantile loss: errors below and above count differently (Koenker and Bassett, Econometrica 46, 1978)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from fallline.losses.base import AbstractRowLoss, over_outputs, weighted_quantile


@dataclass(frozen=True)
class Quantile(AbstractRowLoss):
    """q * (target - prediction) when the prediction is too low, (1 - q) * (prediction - target) when too high."""

    formula: ClassVar[str] = "quantile × error below the target, (1 − quantile) × error above it"

    q: float = 0.5

    def rows(self, prediction: Array, target: Array) -> Array:
        short = target - prediction
        return over_outputs(jnp.maximum(self.q * short, (self.q - 1) * short))

    def constant(self, target: np.ndarray, share: np.ndarray) -> np.ndarray:
        return weighted_quantile(target, share, self.q)
