"""The best linear model of a task: what no other linear model can get below on the same rows.

By the closed form for squared loss. Any other loss here that reads a score is convex in the weights of a linear model,
so that whatever minimum descent comes to is the lowest there is (Boyd and Vandenberghe, Convex Optimization, 4.2.2);
L-BFGS goes there in 64 bits, over all rows at each step.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize

from fallline.engine import precision
from fallline.losses import Penalty
from fallline.models import Linear
from fallline.settings import Settings, parts_of
from fallline.shortcut import as_parameters, shortcut
from fallline.step import objective
from fallline.survey import Rows, as_batch
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts

STEPS = 2_000  # of L-BFGS, at most
FLAT = 1e-4  # times the loss: a gradient shorter than this is as good as none


class Wall(NamedTuple):
    """The best linear model. certain: no linear model has a lower loss on these rows, but for rounding."""

    parts: Parts
    parameters: Parameters
    loss: float
    how: str  # "closed form" or "descent"
    certain: bool
    gradient: float  # its length at the end; 0 by the closed form


def linear_parts(training: Training) -> Parts:
    """The linear model of a training's task with its loss: the training's own where it is linear; no penalty."""
    if isinstance(training.parts.model, Linear):
        return replace(training.parts, penalty=Penalty(), averaged=False)
    s: Settings = training.ready.settings.model_copy(update={"model": "auto", "l1": 0.0, "l2": 0.0, "average": None})
    target, model = training.table.target, training.parts.model  # pyright: ignore[reportOptionalMemberAccess]
    classes = len(target.classes or ())
    return parts_of(
        s, features=training.ready.rows.features.shape[1], task=target.task, classes=classes or model.outputs
    )


def linear_wall(training: Training, rows: Rows) -> Wall:
    """The best linear model on these rows, its parameters in the training's precision."""
    parts, settings = linear_parts(training), training.ready.settings
    found = shortcut(parts, rows, as_batch(rows), full=False, seed=settings.seed, bits=settings.precision).exact
    like = parts.model.init(jax.random.key(settings.seed))
    if found is not None:
        return Wall(parts, as_parameters(found, like), found.loss, "closed form", True, 0.0)
    with precision(64):
        wide = Rows(*(np.asarray(a, np.float64) for a in rows))
        batch, start = as_batch(wide), jax.tree.map(lambda a: jnp.asarray(np.asarray(a), float), like)
        best = minimize(
            lambda flat: tuple(np.asarray(v, np.float64) for v in _both(parts, start, jnp.asarray(flat), batch)),
            np.zeros(ravel_pytree(start)[0].size),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": STEPS, "maxfun": 2 * STEPS, "ftol": 1e-13, "gtol": 1e-9},
        )
        flat = np.asarray(best.x)
    parameters = jax.tree.map(lambda a, b: jnp.asarray(np.asarray(a), b.dtype), _as(flat, like), like)
    gradient = float(np.linalg.norm(best.jac))
    certain = parts.model.output == "identity" and gradient <= FLAT * max(abs(float(best.fun)), FLAT)
    return Wall(parts, parameters, float(best.fun), "descent", certain, gradient)


@partial(jax.jit, static_argnames="parts")
def _both(parts: Parts, like: Parameters, flat: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
    unravel = ravel_pytree(like)[1]
    return jax.value_and_grad(lambda f: objective(parts, unravel(f), batch))(flat)


def _as(flat: np.ndarray, like: Parameters) -> Parameters:
    """Flat parameters as NumPy's arrays in the shape of `like`."""
    leaves, tree = jax.tree.flatten(like)
    ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
    return jax.tree.unflatten(tree, [a.reshape(b.shape) for a, b in zip(np.split(flat, ends), leaves, strict=True)])
