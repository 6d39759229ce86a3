"""What a fitted model says of rows, in float64 whatever it was trained in.

Rows go through in pieces of a few sizes only, padded with zeros, so that a new number of rows compiles nothing and
a row's prediction does not depend on the rows beside it.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fallline.engine import precision
from fallline.types import AbstractModel, Parameters, Parts

PIECE = 8192  # rows at a time
SMALLEST = 16


@partial(jax.jit, static_argnames="model")
def _scores(model: AbstractModel, parameters: Parameters, features: jax.Array) -> jax.Array:
    return model.predict(parameters, features)


@partial(jax.jit, static_argnames="parts")
def _responses(parts: Parts, parameters: Parameters, features: jax.Array) -> jax.Array:
    return parts.loss.response(parts.model.predict(parameters, features))


def scores(
    model: AbstractModel, parameters: Parameters, features: Float[np.ndarray, "rows features"]
) -> Float[np.ndarray, "rows *outputs"]:
    """The model's prediction for each row."""
    return _in_pieces(partial(_scores, model, parameters), features)


def responses(
    parts: Parts, parameters: Parameters, features: Float[np.ndarray, "rows features"]
) -> Float[np.ndarray, "rows *outputs"]:
    """The prediction as a person means it: a number, or probabilities where the model gives scores."""
    return _in_pieces(partial(_responses, parts, parameters), features)


def _in_pieces(function, features: np.ndarray) -> np.ndarray:
    found = []
    with precision(64):
        for first in range(0, len(features), PIECE):
            piece = features[first : first + PIECE]
            padded = np.zeros((_size(len(piece)), features.shape[1]))
            padded[: len(piece)] = piece
            found.append(np.asarray(function(jnp.asarray(padded)))[: len(piece)])
    return np.concatenate(found)


def _size(rows: int) -> int:
    """The next power of two."""
    return max(SMALLEST, 1 << (rows - 1).bit_length())
