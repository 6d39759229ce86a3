"""Do a model's errors still have a pattern? What bins of a feature, or of the prediction, explain of them.

A row's error is taken as the loss sees it: minus the derivative of the row's loss by its prediction (Friedman, 2001,
the pseudo-residual). For squared loss that is actual - predicted, for log loss of a score actual - probability. A
model that cannot be made better along a feature has a mean error near 0 in each bin of it. How far from 0 chance
alone takes them is found by giving the rows each other's errors (a permutation test over all features at once).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fallline.types import Batch, Parameters, Parts

BINS = 10  # of a feature, of about as many rows each
SHUFFLES = 200
RARE = 0.05  # of the shuffles come to a larger share than what is called chance
FEWEST = 30  # rows
WORK = 2**27  # bytes of shuffled errors at a time


class Pattern(NamedTuple):
    """The most telling feature, by its place (one past the last: the prediction)."""

    place: int
    share: float  # of the errors' variance that its bins explain
    chance: float  # share that the best of all features reaches in one of twenty shuffles
    bins: Int[np.ndarray, "rows"]  # of that feature
    shares: Float[np.ndarray, "features"]


@partial(jax.jit, static_argnames="parts")
def errors_of(parts: Parts, parameters: Parameters, batch: Batch) -> tuple[Array, Array]:
    """The prediction and the error of each row: [rows], or [rows, classes]."""
    prediction = parts.model.predict(parameters, batch.features)
    return prediction, -jax.grad(lambda p: jnp.sum(parts.loss.rows(p, batch.target)))(prediction)  # pyright: ignore


def bins_of(values: Float[np.ndarray, "rows"], bins: int = BINS) -> Int[np.ndarray, "rows"]:
    """Which of up to so many bins each value lies in: its own where there are few distinct ones, else by rank.

    >>> bins_of(np.array([0.0, 1.0, 1.0, 0.0])).tolist()
    [0, 1, 1, 0]
    """
    distinct, place = np.unique(values, return_inverse=True)
    if len(distinct) <= bins:
        return place
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    _, place = np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)
    return place


def find_pattern(
    columns: Float[np.ndarray, "rows columns"],
    errors: Float[np.ndarray, "rows outputs"],
    share: Float[np.ndarray, "rows"],
    seed: int,
) -> Pattern | None:
    """What the bins of each column explain of the errors. None for too few rows, or errors that don't vary."""
    if len(errors) < FEWEST or not np.isfinite(errors).all():
        return None
    errors = errors - np.average(errors, axis=0, weights=share)
    total = float(share @ (errors**2).sum(axis=1))
    placed = [bins_of(column) for column in columns.T]
    sizes = [int(place.max()) + 1 for place in placed]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    member = np.zeros((starts[-1], len(errors)), np.float32)
    for start, place in zip(starts, placed, strict=False):
        member[start + place, np.arange(len(errors))] = share
    counted = np.maximum(member.sum(axis=1, dtype=np.float64), 1e-300)
    varied = np.array([size > 1 for size in sizes])
    if total <= 0 or not varied.any():
        return None

    def explained(errors: np.ndarray) -> np.ndarray:
        """[columns, shuffles] of errors [rows, shuffles, outputs]."""
        sums = (member @ errors.reshape(len(errors), -1).astype(np.float32)).astype(np.float64)
        between = (sums**2 / counted[:, None]).reshape(len(sums), *errors.shape[1:]).sum(axis=-1)
        return np.add.reduceat(between, starts[:-1], axis=0) / total

    shares = np.where(varied, explained(errors[:, None])[:, 0], 0.0)
    draw, at_once = np.random.default_rng(seed), max(1, WORK // errors.nbytes)
    by_chance = []
    for first in range(0, SHUFFLES, at_once):
        orders = [draw.permutation(len(errors)) for _ in range(min(at_once, SHUFFLES - first))]
        by_chance.append(explained(errors[np.array(orders).T])[varied].max(axis=0))
    best = int(np.argmax(shares))
    chance = float(np.quantile(np.concatenate(by_chance), 1 - RARE))
    return Pattern(best, float(shares[best]), chance, placed[best], shares)
