"""Where the weights start: random, from a seed, spread so that the signal neither dies nor explodes.

    auto         he for relu and gelu, glorot for everything else
    he           normal with variance 2 / inputs                 (He et al., arXiv:1502.01852, eq. 10)
    glorot       uniform within sqrt(6 / (inputs + outputs))     (Glorot and Bengio, AISTATS 2010, eq. 16)
    normal:SD    normal with standard deviation SD
    uniform:L    uniform between -L and L
    constant:C   all equal to C, so that all units of a layer learn the same: to be learned from

Biases start at 0.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

INITS = ("auto", "he", "glorot", "normal", "uniform", "constant")


def start_weights(
    key: jax.Array, inputs: int, outputs: int, init: tuple[str, float], activation: str
) -> Float[Array, "inputs outputs"]:
    """The start weights of one layer. `init` is a name of INITS and its number (0 where it has none)."""
    name, number = init
    shape = (inputs, outputs)
    if name == "auto":
        name = "he" if activation in ("relu", "gelu") else "glorot"
    if name == "he":
        return jax.random.normal(key, shape) * jnp.sqrt(2 / inputs)
    if name == "glorot":
        limit = jnp.sqrt(6 / (inputs + outputs))
        return jax.random.uniform(key, shape, minval=-limit, maxval=limit)
    if name == "normal":
        return jax.random.normal(key, shape) * number
    if name == "uniform":
        return jax.random.uniform(key, shape, minval=-number, maxval=number)
    return jnp.full(shape, number, dtype=float)
