"""One layer: prediction = output(features @ weights + bias).

Linear regression with the identity as output; logistic regression and softmax regression are the same layer
with one score, or one score a class, and a loss that reads scores (see `losses/log.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.models.activations import OUTPUTS
from fallline.models.init import start_weights
from fallline.types import Parameters


@dataclass(frozen=True)
class Linear:
    """features -> outputs. With one feature and no bias this is a model with a single parameter."""

    features: int
    outputs: int = 1  # 1 predicts [rows], more predict [rows, outputs]
    bias: bool = True
    output: str = "identity"
    start: tuple[str, float] = ("auto", 0.0)

    def init(self, key: jax.Array) -> Parameters:
        """{"weights": [features] or [features, outputs], "bias": [] or [outputs]}, weights random."""
        weights = start_weights(key, self.features, self.outputs, self.start, "identity")
        bias = jnp.zeros(self.outputs, weights.dtype)
        if self.outputs == 1:
            weights, bias = weights[:, 0], bias[0]
        return {"weights": weights, "bias": bias} if self.bias else {"weights": weights}

    def predict(self, parameters: Parameters, features: Float[Array, "rows features"]) -> Array:
        """[rows], or [rows, outputs] when there are several outputs."""
        score = features @ parameters["weights"]
        if self.bias:
            score = score + parameters["bias"]
        return OUTPUTS[self.output](score)
