"""The chain rule against finite differences, for many h: which h is best, and what goes wrong with smaller ones.

    forward:  (f(w + h) - f(w)) / h              off by about h |f''| / 2, and by rounding 2 eps |f| / h
    central:  (f(w + h) - f(w - h)) / (2 h)      off by about h^2 |f'''| / 6, and by rounding eps |f| / h

What is cut off shrinks with h and rounding grows, so that the error is a U, lowest at h = 2 sqrt(eps |f / f''|) and
h = (3 eps |f / f'''|)^(1/3) (Press et al., Numerical Recipes, 3rd edition, section 5.7). Over several parameters the
lengths of the vectors of f'' and f''' stand in, and those of the rounding errors, which are independent.
"""

from __future__ import annotations

import time
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from fallline.engine import precision
from fallline.errors import RunError
from fallline.instruments.spectrum import in_float64
from fallline.measurement import Figures, Measurement
from fallline.step import objective
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts

MOST = 50  # parameters that are nudged
AT_ONCE = 5  # of them
SIZES = np.logspace(-1, -15, 57)  # h, four to a decade
WORK = 10**10  # losses times rows times parameters that are gone through
FEWEST = 64  # rows, unless there are fewer
SMOOTH = 5  # sizes of h, somewhat more than a decade, over which an error is averaged: one alone is low by luck
LOWEST = 1e-17  # an error of 0 is drawn there
NO_THIRD = 1e-8  # of the second derivatives: below it central differences have nothing to cut off
KINK = 10.0  # times what curvature and rounding allow: the slopes on both sides differ by more
AGREE = 1e-4  # relative error up to which a parameter agrees


class Truth(NamedTuple):
    """What the chain rule says."""

    value: Float[Array, ""]
    gradient: Float[Array, "parameters"]
    second: Float[Array, "chosen"]  # second derivative by each of the chosen parameters
    third: Float[Array, "chosen"]


def measure_gradient_check(training: Training, *, step: int | None, seed: int) -> Measurement:
    """The gradient after a step by the chain rule and by finite differences.

    Returns: a frame of kind ("forward" or "central"), bits (64 or 32), h and error, relative to the chain rule's 64-bit
    gradient of the chosen parameters. Figures: step, parameters, checked (how many were nudged), value, gradient_norm
    (of those); forward_h, forward_error, central_h, central_error: the best h of each kind and the error there, and
    the same in 32 bits with single_ ahead; forward_theory, central_theory: the h that theory calls best, None where
    nothing is cut off; largest_h, smallest_h and smallest_error (central, there); chain32_error (of the 32-bit chain
    rule); noise_error (what rounding leaves at best); worst, worst_chain, worst_difference, worst_kink: the parameter
    that disagrees most where h hardly matters; kinks (disagreeing parameters with other slopes to the right than to
    the left); gradient_seconds, loss_seconds, cost_rows, losses (two a parameter), rows, rows_of.

    Raises: RunError when the gradient is zero or not finite there.
    """
    step = step or 0
    parts, parameters = training.parts, training.at(step)
    size = len(training.names)
    chosen = np.sort(np.random.default_rng(seed).choice(size, min(MOST, size), replace=False))
    losses = 6 * len(SIZES) * len(chosen)
    rows = training.judged(int(np.clip(WORK // (losses * size), FEWEST, 2000)))
    like, h = training.start, jnp.asarray
    found = {}
    with precision(64):
        double = in_float64((like, parameters, rows))
        flat = ravel_pytree(double[1])[0]
        truth = jax.tree.map(np.asarray, _truth(parts, double[0], flat, double[2], jnp.asarray(chosen)))
        found[64] = _nudged(parts, double[0], flat, double[2], jnp.asarray(chosen), h(SIZES))
        found[64] = np.asarray(found[64])
    with precision(32):
        single = jax.tree.map(
            lambda a: jnp.asarray(a, jnp.float32) if jnp.issubdtype(jnp.result_type(a), jnp.floating) else a,
            (like, parameters, rows),
        )
        flat32 = ravel_pytree(single[1])[0]
        gradient32 = np.asarray(_gradient(parts, single[0], flat32, single[2]), np.float64)
        found[32] = _nudged(parts, single[0], flat32, single[2], jnp.asarray(chosen), h(SIZES, jnp.float32))
        found[32] = np.asarray(found[32], np.float64)
    gradient = truth.gradient[chosen]
    norm = float(np.linalg.norm(gradient))
    if not (np.isfinite(norm) and norm > 0):
        word = "zero" if norm == 0 else "not finite"
        raise RunError(f"The gradient of {training.name} is {word} after step {step:,}.\nAsk for another step.")
    errors = {bits: _errors(found[bits], gradient) for bits in found}
    names = [training.names[i] for i in chosen]
    figures = {
        "step": step,
        "parameters": size,
        "checked": len(chosen),
        "value": float(truth.value),
        "gradient_norm": norm,
        **_best("", errors[64]),
        **_best("single_", errors[32]),
        **_theory(truth, norm),
        "largest_h": float(SIZES[0]),
        "smallest_h": float(SIZES[-1]),
        "smallest_error": float(errors[64][-1, 1]),
        "chain32_error": float(np.linalg.norm(gradient32[chosen] - gradient) / norm),
        **_worst(found[64], truth, gradient, names),
        **_cost(training, parameters),
        "losses": 2 * size,
        "rows": len(rows.share),
        "rows_of": len(training.ready.whole.share),
    }
    frame = pl.DataFrame(
        [
            {"kind": kind, "bits": bits, "h": float(h), "error": max(float(errors[bits][i, place]), LOWEST)}
            for bits in errors
            for place, kind in enumerate(("forward", "central"))
            for i, h in enumerate(SIZES)
        ],
        schema={"kind": pl.String, "bits": pl.Int64, "h": pl.Float64, "error": pl.Float64},
    )
    return Measurement("gradient-check", frame, figures)


@partial(jax.jit, static_argnames="parts")
def _gradient(parts: Parts, like: Parameters, flat: Array, batch: Batch) -> Array:
    unravel = ravel_pytree(like)[1]
    return jax.grad(lambda point: objective(parts, unravel(point), batch))(flat)


@partial(jax.jit, static_argnames="parts")
def _truth(parts: Parts, like: Parameters, flat: Array, batch: Batch, chosen: Array) -> Truth:
    unravel = ravel_pytree(like)[1]

    def value(point: Array) -> Array:
        return objective(parts, unravel(point), batch)

    def bends(place: Array) -> tuple[Array, Array]:
        way = jnp.zeros_like(flat).at[place].set(1)
        slope = lambda point: jax.jvp(value, (point,), (way,))[1]  # noqa: E731
        bend = lambda point: jax.jvp(slope, (point,), (way,))[1]  # noqa: E731
        return jax.jvp(bend, (flat,), (way,))

    second, third = jax.lax.map(bends, chosen)
    here, gradient = jax.value_and_grad(value)(flat)
    return Truth(here, gradient, second, third)


@partial(jax.jit, static_argnames="parts")
def _nudged(
    parts: Parts, like: Parameters, flat: Array, batch: Batch, chosen: Array, sizes: Array
) -> Float[Array, "sizes 3 chosen"]:
    """For each h: the difference quotients to the right, central, and to the left."""
    unravel = ravel_pytree(like)[1]

    def value(point: Array) -> Array:
        return objective(parts, unravel(point), batch)

    def one(h: Array) -> Array:
        def quotients(place: Array) -> Array:
            # the three side by side: another program for f(w) would round otherwise, and be off by that / h
            nudges = jnp.stack([h, -h, jnp.zeros_like(h)])
            right, left, here = jax.vmap(lambda nudge: value(flat.at[place].add(nudge)))(nudges)
            return jnp.stack([(right - here) / h, (right - left) / (2 * h), (here - left) / h])

        return jax.lax.map(quotients, chosen, batch_size=AT_ONCE).T

    return jax.lax.map(one, sizes)


def _errors(found: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """[sizes, 2]: relative error of forward and of central differences, as vectors."""
    return np.linalg.norm(found[:, :2] - gradient, axis=2) / np.linalg.norm(gradient)


def best_of(errors: np.ndarray) -> int:
    """Where an error is lowest, averaged over its neighbours: a single one may be low by luck."""
    logs = np.log10(np.maximum(np.nan_to_num(errors, nan=1e300, posinf=1e300), LOWEST))
    beside = SMOOTH // 2
    padded = np.concatenate([logs[:1].repeat(beside), logs, logs[-1:].repeat(beside)])
    return int(np.convolve(padded, np.ones(SMOOTH) / SMOOTH, "valid").argmin())


def _best(ahead: str, errors: np.ndarray) -> Figures:
    found = {}
    for place, kind in enumerate(("forward", "central")):
        best = best_of(errors[:, place])
        found |= {f"{ahead}{kind}_h": float(SIZES[best]), f"{ahead}{kind}_error": float(errors[best, place])}
    return found


def _theory(truth: Truth, norm: float) -> Figures:
    """The h that theory calls best, from the function's own size and derivatives; and the error that is left there."""
    eps, value = np.finfo(float).eps, abs(float(truth.value))
    second, third = (float(np.linalg.norm(each)) for each in (truth.second, truth.third))
    rounding = eps * value * np.sqrt(len(truth.second))
    flat = third <= NO_THIRD * second
    forward = 2 * np.sqrt(rounding / second) if second > 0 and value > 0 else None
    central = np.cbrt(3 * rounding / third) if not flat and value > 0 else None
    left = rounding / (central or SIZES[0])
    return {
        "forward_theory": None if forward is None else float(forward),
        "central_theory": None if central is None else float(central),
        "noise_error": float(left / norm),
    }


def _worst(found: np.ndarray, truth: Truth, gradient: np.ndarray, names: list[str]) -> Figures:
    """The parameter that disagrees most, and how many disagree because of a kink.

    At the h where the differences change least from one h to the next: the best by the chain rule's own measure would
    be any, were the chain rule wrong.
    """
    size = best_of(np.linalg.norm(np.diff(found[:, 1], axis=0), axis=1))
    h, (right, central, left) = SIZES[size], found[size]
    off = np.abs(central - gradient)
    worst = int(off.argmax())
    allowed = h * np.abs(truth.second) + 4 * np.finfo(float).eps * abs(float(truth.value)) / h
    kinked = (np.abs(right - left) > KINK * allowed) & (off > AGREE * np.linalg.norm(gradient) / np.sqrt(len(gradient)))
    return {
        "worst": names[worst],
        "worst_chain": float(gradient[worst]),
        "worst_difference": float(central[worst]),
        "kinks": int(kinked.sum()),
        "worst_kink": bool(kinked[worst]),
    }


def _cost(training: Training, parameters: Parameters) -> Figures:
    """Seconds of one loss, and of one loss with its gradient, over the rows judged: the best of three."""
    rows = training.judged()

    def seconds(work) -> float:
        jax.block_until_ready(work(training.parts, parameters, rows))
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            jax.block_until_ready(work(training.parts, parameters, rows))
            taken.append(time.perf_counter() - began)
        return min(taken)

    return {"gradient_seconds": seconds(_with_gradient), "loss_seconds": seconds(_loss), "cost_rows": len(rows.share)}


_loss = jax.jit(objective, static_argnames="parts")
_with_gradient = jax.jit(jax.value_and_grad(objective, argnums=1), static_argnames="parts")
