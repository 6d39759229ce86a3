"""What every loss of rows has in common: the weighted mean of its row losses."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.errors import DataError
from fallline.types import Batch


@dataclass(frozen=True)
class AbstractRowLoss:
    """A loss that grades each row by itself: loss = sum(share * rows(prediction, target))."""

    formula: ClassVar[str] = ""  # of a row's loss, in words, where its numbers are not worked out

    def __call__(self, prediction: Array, batch: Batch) -> Float[Array, ""]:
        """The weighted mean over the batch. Raises DataError when the shapes are unequal."""
        same_shape(prediction, batch.target)
        return jnp.sum(batch.share * self.rows(prediction, batch.target))

    @abstractmethod
    def rows(self, prediction: Array, target: Array) -> Float[Array, "rows"]:
        """The loss of each row."""

    def response(self, prediction: Array) -> Array:
        """The prediction as a person means it: itself, or a probability where the model gives a score."""
        return prediction

    @abstractmethod
    def constant(self, target: np.ndarray, share: np.ndarray) -> np.ndarray:
        """The one prediction for all rows that has the smallest loss: the trivial predictor, [] or [classes]."""


def same_shape(prediction: Array, target: Array) -> None:
    """Refuse to broadcast: [rows] against [rows, 1] would grade every row by every target.

    Raises: DataError.
    """
    if jnp.shape(prediction) != jnp.shape(target):
        raise DataError(
            f"Predictions have shape {jnp.shape(prediction)} and targets {jnp.shape(target)}: expected them equal."
            "\nGive one target for each prediction, in the same order."
        )


def over_outputs(losses: jax.Array) -> Float[Array, "rows"]:
    """[rows] as it is; [rows, outputs] summed over the outputs."""
    return losses if losses.ndim == 1 else losses.sum(axis=tuple(range(1, losses.ndim)))


def weighted_quantile(values: np.ndarray, share: np.ndarray, q: float) -> np.ndarray:
    """The smallest value with at least a part `q` of the total share at or below it."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(share[order])
    return values[order][np.searchsorted(reached, q * reached[-1] * (1 - 1e-12))]
