"""Eigenvalues of the Hessian: how strongly the objective bends, along its steepest and its flattest direction.

The Hessian is never written down where parameters are many. What is needed is its product with a vector, and that is
the derivative of the gradient along the vector (Pearlmutter, Fast exact multiplication by the Hessian, Neural
Computation 6, 1994). Lanczos's method gets both ends of the spectrum out of few such products, each new direction
being made orthogonal to all before it (Golub and Van Loan, Matrix Computations, 4th edition, section 10.1 and 10.3).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from fallline.step import objective
from fallline.types import Batch, Parameters, Parts

AT_ONCE = 16  # products side by side
FIRST = 0  # the seed of the first direction


class Ends(NamedTuple):
    """Both ends of a spectrum."""

    smallest: Float[Array, ""]
    largest: Float[Array, ""]
    error: Float[Array, ""]  # bound: an eigenvalue lies no further than this from each that was asked for
    products: Array  # Hessian-vector products that it took


def in_float64(tree: Any) -> Any:
    """Every floating number with 64 bits. Call it, and what uses it, inside `engine.precision(64)`."""
    return jax.tree.map(
        lambda a: jnp.asarray(a, jnp.float64) if jnp.issubdtype(jnp.result_type(a), jnp.floating) else a, tree
    )


def gradient_and_product(
    parts: Parts, parameters: Parameters, batch: Batch
) -> tuple[Float[Array, "parameters"], Callable[[Float[Array, "parameters"]], Float[Array, "parameters"]]]:
    """The flat gradient of the objective, and flat vector -> Hessian times the vector.

    What does not depend on the vector is done once.
    """
    flat, unravel = ravel_pytree(parameters)
    return jax.linearize(jax.grad(lambda f: objective(parts, unravel(f), batch)), flat)


@partial(jax.jit, static_argnames="parts")
def whole_hessian(parts: Parts, parameters: Parameters, batch: Batch) -> Float[Array, "parameters parameters"]:
    """The Hessian of the objective, a column a product; all at once would need memory of rows x parameters."""
    size = ravel_pytree(parameters)[0]
    times = gradient_and_product(parts, parameters, batch)[1]
    columns = lax.map(times, jnp.eye(size.size, dtype=size.dtype), batch_size=AT_ONCE)
    return (columns + columns.T) / 2


@partial(jax.jit, static_argnames=("parts", "most", "both"))
def ends(
    parts: Parts, parameters: Parameters, batch: Batch, tolerance: float = 1e-3, *, most: int = 80, both: bool = True
) -> Ends:
    """The largest eigenvalue of the Hessian, and the smallest when `both`.

    Stops when no error exceeds `tolerance` times the largest size of an eigenvalue, or after `most` products. An
    eigenvalue lies within r = |A x - value x| of `value` for x of length 1, and within r^2 / gap where the next value
    is further off than the gap (Parlett, The Symmetric Eigenvalue Problem, 1998, theorems 4.5.1 and 11.7.1); the
    second is used for the largest alone.
    """
    gradient, times = gradient_and_product(parts, parameters, batch)
    flat = ravel_pytree(parameters)[0]
    most = min(most, flat.size)
    kind, tiny = flat.dtype, jnp.finfo(flat.dtype).eps

    def go_on(carry) -> Array:
        k, _, _, _, found = carry
        return (k < most) & (found.error > tolerance * jnp.maximum(jnp.abs(found.smallest), jnp.abs(found.largest)))

    def one(carry):
        k, basis, middle, beside, _ = carry
        vector = times(basis[k])
        middle = middle.at[k].set(basis[k] @ vector)
        for _ in range(2):  # once is not enough (Kahan and Parlett: twice is)
            vector = vector - basis.T @ (basis @ vector)
        length = jnp.linalg.norm(vector)
        basis = basis.at[k + 1].set(vector / jnp.maximum(length, jnp.finfo(kind).tiny))
        beside = beside.at[k].set(length)
        return k + 1, basis, middle, beside, _ritz(k, middle, beside, both)

    # the gradient leans towards what bends most; the random part misses no direction
    start = jax.random.normal(jax.random.key(FIRST), flat.shape, kind)
    start = start / jnp.linalg.norm(start) + gradient / jnp.maximum(jnp.linalg.norm(gradient), jnp.finfo(kind).tiny)
    basis = jnp.zeros((most + 1, flat.size), kind).at[0].set(start / jnp.linalg.norm(start))
    nothing = jnp.zeros((), kind)
    unknown = Ends(nothing, nothing, nothing + jnp.inf, jnp.zeros((), int))
    *_, found = lax.while_loop(go_on, one, (0, basis, jnp.zeros(most, kind), jnp.zeros(most, kind), unknown))
    rounding = tiny * jnp.sqrt(flat.size) * jnp.maximum(jnp.abs(found.smallest), jnp.abs(found.largest))
    return found._replace(error=jnp.maximum(found.error, rounding))


def _ritz(k: Array, middle: Array, beside: Array, both: bool) -> Ends:
    """The ends of the tridiagonal matrix so far, with the bounds of their errors."""
    inside = jnp.arange(len(middle)) <= k
    joined = jnp.where(inside[1:], beside[:-1], 0)
    # rows that are not there yet get a value from within the range, so that they are at neither end
    matrix = jnp.diag(jnp.where(inside, middle, middle[0])) + jnp.diag(joined, 1) + jnp.diag(joined, -1)
    values, vectors = jnp.linalg.eigh(matrix)
    residuals = beside[k] * jnp.where(k == 0, 1, jnp.abs(vectors[k]))  # at first those values tie with it

    if both:  # the smallest ones lie close together, where the bound by the gap would trust too early
        return Ends(values[0], values[-1], jnp.maximum(residuals[0], residuals[-1]), k + 1)
    gap = values[-1] - values[-2] if len(values) > 1 else jnp.zeros_like(values[-1])
    error = residuals[-1] * jnp.minimum(1, residuals[-1] / jnp.maximum(gap, jnp.finfo(gap.dtype).tiny))
    return Ends(values[0], values[-1], error, k + 1)


@partial(jax.jit, static_argnames=("parts", "probes"))
def trace(parts: Parts, parameters: Parameters, batch: Batch, *, probes: int = 32) -> tuple[Array, Array]:
    """The Hessian's trace and its standard error: the mean of v'Hv over random signs v (Hutchinson, 1990)."""
    flat = ravel_pytree(parameters)[0]
    signs = jax.random.rademacher(jax.random.key(FIRST), (probes, flat.size), flat.dtype)
    times = gradient_and_product(parts, parameters, batch)[1]
    each = lax.map(lambda v: v @ times(v), signs, batch_size=4)
    return each.mean(), each.std(ddof=1) / jnp.sqrt(probes)
