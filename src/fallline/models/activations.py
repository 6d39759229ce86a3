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

OUTPUTS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "identity": lambda score: score,
    "sigmoid": jax.nn.sigmoid,
    "softmax": jax.nn.softmax,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "exp": jnp.exp,
}
