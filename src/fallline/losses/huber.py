"""Huber's loss: squared near the target, absolute far from it (Huber, Ann. Math. Statist. 35, 1964)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.optimize import minimize_scalar

from fallline.losses.base import AbstractRowLoss, over_outputs


@dataclass(frozen=True)
class Huber(AbstractRowLoss):
    """error^2 / 2 up to |error| = delta, delta * (|error| - delta / 2) beyond."""

    formula: ClassVar[str] = "error² / 2 up to delta, beyond it delta × (|error| − delta / 2)"

    delta: float = 1.0

    def rows(self, prediction: Array, target: Array) -> Array:
        size = jnp.abs(prediction - target)
        near = jnp.minimum(size, self.delta)
        return over_outputs(near * (size - near / 2))

    def constant(self, target: np.ndarray, share: np.ndarray) -> np.ndarray:
        def loss(value: float) -> float:
            size = np.abs(value - target)
            near = np.minimum(size, self.delta)
            return float(share @ (near * (size - near / 2)))

        found: Any = minimize_scalar(loss, bounds=(target.min(), target.max()), method="bounded")
        return np.asarray(found.x)
