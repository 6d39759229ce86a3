"""Poisson loss for counts: minus the log likelihood without the part that no weight changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from fallline.losses.base import AbstractRowLoss, over_outputs


@dataclass(frozen=True)
class Poisson(AbstractRowLoss):
    """e^score - target * score: the expected count is e^score (McCullagh and Nelder, 1989, chapter 6)."""

    formula: ClassVar[str] = "prediction − target × log(prediction)"

    def rows(self, prediction: Array, target: Array) -> Array:
        return over_outputs(jnp.exp(prediction) - target * prediction)

    def response(self, prediction: Array) -> Array:
        return jnp.exp(prediction)

    def constant(self, target: np.ndarray, share: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):  # all counts are 0
            return np.log(np.average(target, axis=0, weights=share))


@dataclass(frozen=True)
class PoissonOfCount(AbstractRowLoss):
    """count - target * log(count), for a model whose own output function gives the expected count."""

    formula: ClassVar[str] = "prediction − target × log(prediction)"

    def rows(self, prediction: Array, target: Array) -> Array:
        return over_outputs(prediction - target * jnp.log(prediction))

    def constant(self, target: np.ndarray, share: np.ndarray) -> np.ndarray:
        return np.average(target, axis=0, weights=share)
