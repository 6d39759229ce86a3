"""Absolute loss: the size of the error. Its derivative is -1 or 1 however large the error is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from fallline.losses.base import AbstractRowLoss, over_outputs, weighted_quantile


@dataclass(frozen=True)
class Absolute(AbstractRowLoss):
    """|prediction - target|"""

    formula: ClassVar[str] = "|error|"

    def rows(self, prediction: Array, target: Array) -> Array:
        return over_outputs(jnp.abs(prediction - target))

    def constant(self, target: np.ndarray, share: np.ndarray) -> np.ndarray:
        return weighted_quantile(target, share, 0.5)
