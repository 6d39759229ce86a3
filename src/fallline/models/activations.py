"""Functions between layers, and after the last one."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "gelu": jax.nn.gelu,
    "sigmoid": jax.nn.sigmoid,
}


def _softmax(score: jax.Array) -> jax.Array:
    """Parts of 1 over the outputs of each row; that of a single output is 1 whatever its score."""
    return jax.nn.softmax(score, axis=-1) if score.ndim > 1 else jnp.ones_like(score)


OUTPUTS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "identity": lambda score: score,
    "sigmoid": jax.nn.sigmoid,
    "softmax": _softmax,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "exp": jnp.exp,
}
