"""Squared loss: half the squared error. Its derivative by the prediction is the error itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jax import Array

from fallline.losses.base import AbstractRowLoss, over_outputs


@dataclass(frozen=True)
class Squared(AbstractRowLoss):
    """(prediction - target)^2 / 2"""

    def rows(self, prediction: Array, target: Array) -> Array:
        return over_outputs((prediction - target) ** 2 / 2)

    def constant(self, target: np.ndarray, share: np.ndarray) -> np.ndarray:
        return np.average(target, axis=0, weights=share)
