"""Hinge loss: nothing once a row is on its right side by a margin of 1 (Cortes and Vapnik, 1995)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from fallline.losses.base import AbstractRowLoss, over_outputs


@dataclass(frozen=True)
class Hinge(AbstractRowLoss):
    """max(0, 1 - side * score), side = 2 * target - 1; one column a class is each class against the rest."""

    formula: ClassVar[str] = "1 − score of the right sign, at least 0"

    def rows(self, prediction: Array, target: Array) -> Array:
        return over_outputs(jnp.maximum(0, 1 - (2 * target - 1) * prediction))

    def constant(self, target: np.ndarray, share: np.ndarray) -> np.ndarray:
        return np.where(np.average(target, axis=0, weights=share) > 0.5, 1.0, -1.0)
