"""The penalty on large weights: l1 * sum|w| + l2 / 2 * sum w^2, over weights and never over a bias."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.types import Parameters, penalised


@dataclass(frozen=True)
class Penalty:
    """objective = loss + penalty(parameters). With l1 = l2 = 0 it is 0 and costs nothing."""

    l1: float = 0.0
    l2: float = 0.0

    def __call__(self, parameters: Parameters) -> Float[Array, ""]:
        total = jnp.zeros((), jax.tree.leaves(parameters)[0].dtype)
        for weights in penalised(parameters):
            if self.l1:
                total = total + self.l1 * jnp.sum(jnp.abs(weights))
            if self.l2:
                total = total + self.l2 / 2 * jnp.sum(weights**2)
        return total
