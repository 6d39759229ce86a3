"""Several layers: each is a linear layer followed by an activation, the last one by the output function."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.models.activations import ACTIVATIONS, OUTPUTS
from fallline.models.init import start_weights
from fallline.types import Parameters


@dataclass(frozen=True)
class Network:
    """features -> hidden[0] -> ... -> outputs. Without a bias no layer has one."""

    features: int
    hidden: tuple[int, ...]
    outputs: int = 1  # 1 predicts [rows], more predict [rows, outputs]
    activation: str = "relu"
    bias: bool = True
    output: str = "identity"
    start: tuple[str, float] = ("auto", 0.0)

    @property
    def _sizes(self) -> list[tuple[str, int, int]]:
        sizes = (self.features, *self.hidden, self.outputs)
        return [(f"layer{i + 1}", a, b) for i, (a, b) in enumerate(pairwise(sizes))]

    def init(self, key: jax.Array) -> Parameters:
        """{"layer1": {"weights": [inputs, units], "bias": [units]}, ...}, weights random, biases 0."""
        layers = self._sizes
        keys = jax.random.split(key, len(layers))
        parameters = {}
        for (name, inputs, units), layer_key in zip(layers, keys, strict=True):
            last = name == layers[-1][0]
            activation = "identity" if last else self.activation
            weights = start_weights(layer_key, inputs, units, self.start, activation)
            parameters[name] = {"weights": weights}
            if self.bias:
                parameters[name]["bias"] = jnp.zeros(units, weights.dtype)
        return parameters

    def predict(self, parameters: Parameters, features: Float[Array, "rows features"]) -> Array:
        """[rows], or [rows, outputs] when there are several outputs."""
        signal = self.signals(parameters, features)[-1]
        score = self._layer(parameters[self._sizes[-1][0]], signal)
        return OUTPUTS[self.output](score[..., 0] if self.outputs == 1 else score)

    def signals(self, parameters: Parameters, features: Float[Array, "rows features"]) -> list[Array]:
        """[rows, units] that come out of each hidden layer."""
        found, signal = [], features
        for name, _, _ in self._sizes[:-1]:
            signal = ACTIVATIONS[self.activation](self._layer(parameters[name], signal))
            found.append(signal)
        return found

    def _layer(self, layer: Parameters, signal: Array) -> Array:
        score = signal @ layer["weights"]
        return score + layer["bias"] if self.bias else score
