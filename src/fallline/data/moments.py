"""Mean, scale and median, where a row's weight acts exactly like repeating the row.

The scale is the root of the mean squared distance from the mean (divided by n, not n - 1: only then do weights
and repetitions agree). Two passes over shifted values, so that a mean of 1e9 with a deviation of 1 comes out
right (Chan, Golub and LeVeque, The American Statistician 37(3), 1983). Sums go by rows in one order, without BLAS,
whose last bits depend on how many threads it has: a run must go on to the same bits on another machine's cores.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from fallline.errors import DataError

FURTHEST = 1e18  # scales from the mean


def moments(
    values: Float[np.ndarray, "rows columns"],
    weights: Float[np.ndarray, "rows"] | None = None,
    *,
    centre: bool = True,
) -> tuple[Float[np.ndarray, "columns"], Float[np.ndarray, "columns"]]:
    """The mean and the scale of each column. A constant column has scale 1, so that dividing by it is harmless.

    A model without bias passes through the origin, and must go on doing so: with `centre` false the mean is called
    0 and the scale is the root of the mean square.

    Args:
        values: [rows, columns], finite.
        weights: [rows], none negative; a row of weight 0 counts as absent.

    Returns: mean [columns], scale [columns], both float64.

    >>> moments(np.array([[1.0], [3.0]]))
    (array([2.]), array([1.]))
    """
    values = np.asarray(values, np.float64)
    if weights is None:
        share = np.full(len(values), 1 / max(len(values), 1))
    else:
        values, weights = values[weights > 0], np.asarray(weights, np.float64)[weights > 0]
        share = weights / weights.sum()
    if len(values) == 0:
        raise DataError("No row is left to take a mean of.\nGive at least one row a weight above 0.")
    first = values[0]  # any value of the column will do as the shift; a constant column then becomes exactly 0
    with np.errstate(over="ignore", invalid="ignore"):
        away = values - first
        mean = np.einsum("i,ij->j", share, away)
        away -= mean
        largest = np.maximum(np.abs(away).max(axis=0), np.finfo(np.float64).tiny)
        away /= largest  # squares neither overflow nor vanish
        correction = np.einsum("i,ij->j", share, away)
        away *= away
        scale = largest * np.sqrt(np.maximum(np.einsum("i,ij->j", share, away) - correction**2, 0))
        mean = first + (mean + largest * correction)
    if not (np.isfinite(mean).all() and np.isfinite(scale).all()):
        raise DataError("The numbers are too large to take a mean of.\nMeasure them in a larger unit.")
    scale[values.min(axis=0) == values.max(axis=0)] = 0
    if not centre:
        mean, scale = np.zeros_like(mean), np.hypot(mean, scale)
    return mean, np.where(scale > 0, scale, 1.0)


def standard(
    values: Float[np.ndarray, "rows"],
    mean: float,
    scale: float,
    name: str,
    numbers: Int[np.ndarray, "rows"] | None = None,
) -> Float[np.ndarray, "rows"]:
    """(values - mean) / scale.

    Args:
        name: what the values are called, for errors.
        numbers: each row's number in its table, from 0, for errors; else as they come.

    Raises: DataError with the row of the first value so far away that 32 bits can't hold its square.
    """
    with np.errstate(over="ignore"):
        out = (values - mean) / scale
    far = ~(np.abs(out) <= FURTHEST)
    if far.any():
        at = int(np.argmax(far))
        row = at if numbers is None else int(numbers[at])
        raise DataError(
            f"Row {row + 1} of {name} is {values[at]:g}, too far from the rows trained on (mean {mean:.4g}, scale "
            f"{scale:.4g}) to compute with.\nCorrect it, or leave the cell empty if the value is not known."
        )
    return out


def median(values: Float[np.ndarray, "rows"], weights: Float[np.ndarray, "rows"] | None = None) -> float:
    """The middle value, or the mean of the two middle ones.

    Args:
        values: [rows], finite, at least one.
        weights: [rows]; the middle is then where half of the weight lies to either side.
    """
    if weights is not None:
        values, weights = values[weights > 0], weights[weights > 0]
    if weights is None or weights.min() == weights.max():
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(weights[order])
    half = upto[-1] / 2
    low = values[order[np.searchsorted(upto, half, side="left")]]
    high = values[order[np.searchsorted(upto, half, side="right")]]
    return float(low + (high - low) / 2) if low != high else float(low)
