"""A loss of one's own: any JAX function of parameters and rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from jax import Array

from fallline.types import Batch, Parameters


@dataclass(frozen=True)
class AsTheyAre:
    """The model of a loss that predicts for itself: it hands the parameters on."""

    def init(self, key: jax.Array) -> Parameters:
        raise TypeError("A loss of one's own starts from the parameters that it is given.")

    def predict(self, parameters: Parameters, features: Any) -> Parameters:
        return parameters


@dataclass(frozen=True)
class OwnLoss:
    """function(parameters, rows) -> a scalar, or function(parameters) of a loss that is `alone`, without rows.

    Equal functions share what was compiled for them.
    """

    function: Callable[..., Array]
    alone: bool = False

    def __call__(self, prediction: Parameters, batch: Batch) -> Array:
        return self.function(prediction) if self.alone else self.function(prediction, batch.features)
