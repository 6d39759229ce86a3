"""Log loss: minus the logarithm of the probability given to what came true.

The model gives scores, and the sigmoid (two classes) or softmax (more) that makes probabilities of them is part
of the formula here: log(1 + exp(score)) - target * score is the same number as -log of the sigmoid, without its
overflow. A model whose own output function is another one gives the probability itself (`Probability`).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from fallline.losses.base import AbstractRowLoss


@dataclass(frozen=True)
class LogLoss(AbstractRowLoss):
    """Binary cross-entropy of a score: log(1 + e^score) - target * score; target 0 or 1."""

    def rows(self, prediction: Array, target: Array) -> Array:
        return jax.nn.softplus(prediction) - target * prediction

    def response(self, prediction: Array) -> Array:
        return jax.nn.sigmoid(prediction)

    def constant(self, target: np.ndarray, share: np.ndarray) -> np.ndarray:
        one = np.average(target, weights=share)
        with np.errstate(divide="ignore"):  # rows of one class alone: an infinite score is best
            return np.log(one) - np.log1p(-one)


@dataclass(frozen=True)
class SoftmaxLoss(AbstractRowLoss):
    """Cross-entropy of one score a class: log(sum(e^scores)) - score of the true class; target one-hot."""

    def rows(self, prediction: Array, target: Array) -> Array:
        return jax.nn.logsumexp(prediction, axis=-1) - jnp.sum(target * prediction, axis=-1)

    def response(self, prediction: Array) -> Array:
        return jax.nn.softmax(prediction, axis=-1)

    def constant(self, target: np.ndarray, share: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.log(np.average(target, axis=0, weights=share))


@dataclass(frozen=True)
class Probability(AbstractRowLoss):
    """Log loss of a prediction that is taken for a probability as it stands, whatever made it.

    Outside 0 to 1 it is not a number, at 0 or 1 it can be infinite: that is what a wrong output function does.
    """

    def rows(self, prediction: Array, target: Array) -> Array:
        if prediction.ndim == 1:
            return -(target * jnp.log(prediction) + (1 - target) * jnp.log1p(-prediction))
        return -jnp.sum(target * jnp.log(prediction), axis=-1)

    def constant(self, target: np.ndarray, share: np.ndarray) -> np.ndarray:
        return np.average(target, axis=0, weights=share)
