"""3 GRADIENT: the chain rule of the penalised loss.

    d objective     d loss     d prediction     d penalty
    ----------- = ---------- * ------------- + ----------
      d w         d prediction      d w            d w

Nothing is nudged by an h and no second point is needed: each of the two steps forward has left behind the
function that carries derivatives back through it (reverse-mode differentiation; Griewank and Walther,
Evaluating Derivatives, 2nd edition, 2008, chapter 3).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.types import AbstractPenalty, Gradient, Parameters, Prediction

forward = jax.vjp  # forward(f, x) -> f(x), and the function that takes a derivative by f(x) back to one by x


def chain_rule(
    loss: Float[Array, ""],
    back_through_loss: Callable[[Array], tuple[Prediction]],
    back_through_model: Callable[[Prediction], tuple[Gradient]],
) -> Gradient:
    """The gradient of the loss by every parameter, from the loss back to the weights."""
    (by_prediction,) = back_through_loss(jnp.ones_like(loss))
    (by_parameters,) = back_through_model(by_prediction)
    return by_parameters


def add_penalty(penalty: AbstractPenalty, parameters: Parameters, gradient: Gradient) -> Gradient:
    """The gradient of the objective: that of the loss plus that of the penalty."""
    return jax.tree.map(jnp.add, gradient, jax.grad(penalty)(parameters))
