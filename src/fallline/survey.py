"""What is measured over all rows at once, without an update: losses, gradients, responses, curvature."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from fallline.engine import on_device
from fallline.losses import AbstractRowLoss
from fallline.rules import Rule
from fallline.step import objective
from fallline.types import Batch, Parameters, Parts


class Rows(NamedTuple):
    """Prepared rows: features [rows, features], target [rows] or [rows, classes], weight [rows] of mean 1."""

    features: Any
    target: Any
    weight: np.ndarray


grade = jax.jit(objective, static_argnames="parts")  # the objective over all rows of a batch, and no more


@partial(jax.jit, static_argnames="parts")
def survey(parts: Parts, parameters: Parameters, batch: Batch) -> tuple[Array, Array, Array]:
    """Objective, loss and gradient norm over all rows of a batch."""
    value, gradient = jax.value_and_grad(lambda p: objective(parts, p, batch))(parameters)
    loss = value - parts.penalty(parameters)
    return value, loss, jnp.linalg.norm(ravel_pytree(gradient)[0])


@partial(jax.jit, static_argnames="parts")
def respond(parts: Parts, parameters: Parameters, batch: Batch) -> tuple[Array, Array]:
    """The loss of a batch, and the response of every row: a number, or probabilities."""
    prediction = parts.model.predict(parameters, batch.features)
    response = parts.loss.response(prediction) if isinstance(parts.loss, AbstractRowLoss) else prediction
    return parts.loss(prediction, batch), response


def as_batch(rows: Rows) -> Batch:
    """All rows as one batch whose shares add up to 1."""
    weight = np.asarray(rows.weight, np.float64)
    features, target = jax.tree.map(as_array, (rows.features, rows.target))
    return Batch(features, target, as_array(weight / weight.sum()))


def as_array(values: Any) -> Array:
    """A JAX array; floating numbers in the precision that is set."""
    values = values if isinstance(values, jax.Array) else np.asarray(values)
    return on_device(values, jnp.result_type(float) if jnp.issubdtype(values.dtype, jnp.floating) else None)


@partial(jax.jit, static_argnames="parts")
def top_curvature(parts: Parts, parameters: Parameters, batch: Batch) -> Array:
    """The largest eigenvalue of the Hessian, by 50 steps of power iteration on Hessian-vector products."""
    flat, unravel = ravel_pytree(parameters)
    gradient = jax.grad(lambda f: objective(parts, unravel(f), batch))

    def sharpen(_: int, vector: Array) -> Array:
        product = jax.jvp(gradient, (flat,), (vector,))[1]
        return product / jnp.maximum(jnp.linalg.norm(product), 1e-30)

    vector = jax.lax.fori_loop(0, 50, sharpen, jnp.ones_like(flat) / jnp.sqrt(flat.size))
    return vector @ jax.jvp(gradient, (flat,), (vector,))[1]


def stable_rate(parts: Parts, parameters: Parameters, whole: Batch) -> float | None:
    """2 / lambda_max where the weights are: the plain rule diverges above it on a quadratic."""
    if parts.rule.name != "plain" if isinstance(parts.rule, Rule) else True:
        return None
    top = float(top_curvature(parts, parameters, whole))
    return 2 / top if np.isfinite(top) and top > 0 else None
