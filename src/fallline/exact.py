"""The exact answer, for squared loss on a linear model: no steps, one system of equations.

    minimise  sum(share * (features @ w + b - target)^2) / 2 + l2 / 2 * sum(w^2)

Columns are centred and scaled first (which a bias allows, and which costs no digits), then solved by the singular
value decomposition in float64: with Q, S, V of the scaled columns, w = V S / (S^2 + l2) Q' target (Golub and
Van Loan, Matrix Computations, 4th edition, section 5.5 and 6.1). A table with many rows can first be replaced by
a few rows that have the same loss for every w (`equivalent_rows`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float

CHUNK = 32_768  # rows condensed at a time


class Exact(NamedTuple):
    """The minimum of the objective."""

    weights: Float[np.ndarray, "features"]
    bias: float
    loss: float
    objective: float
    unique: bool  # False when columns depend on each other: other weights have the same objective
    method: str


def least_squares(
    features: Float[np.ndarray, "rows features"],
    target: Float[np.ndarray, "rows"],
    share: Float[np.ndarray, "rows"],
    *,
    l2: float = 0.0,
    bias: bool = True,
) -> Exact:
    """The weights and bias with the smallest objective; of several such, the shortest weights.

    Args:
        share: what each row counts, adding up to 1.
        l2: the penalty's factor; never counted on the bias.
    """
    X, y = np.asarray(features, np.float64), np.asarray(target, np.float64)
    share = np.asarray(share, np.float64)
    centre, middle = (share @ X, share @ y) if bias else (np.zeros(X.shape[1]), 0.0)
    X, y = X - centre, y - middle
    root = np.sqrt(share)[:, None]
    weights, rank = _ridge(root * X, root[:, 0] * y, l2)
    unique = l2 > 0 or rank == len(weights)
    loss = float(share @ (X @ weights - y) ** 2 / 2)
    objective = loss + l2 / 2 * float(weights @ weights)
    return Exact(
        weights, float(middle - centre @ weights), loss, objective, unique, "singular value decomposition, float64"
    )


def _ridge(A: np.ndarray, b: np.ndarray, l2: float) -> tuple[np.ndarray, int]:
    """The shortest minimiser of |A w - b|^2 / 2 + l2 / 2 |w|^2, and how many directions the rows tell apart."""
    scale = np.sqrt((A**2).sum(axis=0)) if l2 == 0 else np.ones(A.shape[1])
    scale[scale == 0] = 1.0
    Q, S, Vt = scipy.linalg.svd(A / scale, full_matrices=False, lapack_driver="gesdd")
    there = S.max(initial=0.0) * max(A.shape) * np.finfo(np.float64).eps < S
    inverse = np.divide(S, S**2 + l2, out=np.zeros_like(S), where=there)
    w = Vt.T @ (inverse * (Q.T @ b))
    if l2 == 0:  # one step of iterative refinement wins back the digits that the decomposition rounded off
        w = w + Vt.T @ (inverse * (Q.T @ (b - (A / scale) @ w)))
    return w / scale, int(there.sum())


def equivalent_rows(
    features: Float[np.ndarray, "rows features"],
    target: Float[np.ndarray, "rows"],
    share: Float[np.ndarray, "rows"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A table of features + 2 rows on which every linear prediction has the same squared loss and gradient.

    The squared loss of a linear prediction sees the rows only through the Gram matrix of [features, 1, target].
    Any R with R'R equal to it will do in their place, and so does Q R for any rotation Q. The one is taken that
    turns the column of ones into equal entries, so that each new row has a plain 1 for its bias and they share
    equally. After that a step costs nothing that grows with the rows, and its loss is still a sum of squares,
    which loses no digits near the minimum.

    Returns: features [features + 2, features], target and share [features + 2], float64.
    """
    return condensed(gram_of(features, target, share), np.finfo(np.result_type(features, np.float32)).eps)


def condensed(gram: np.ndarray, precision: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The few rows with that Gram matrix of [features, 1, target]; see `equivalent_rows`.

    Args:
        precision: relative, to which the products in it were taken.
    """
    values, vectors = scipy.linalg.eigh(gram)
    rounded_off = values.max() * len(values) * precision
    R = np.sqrt(np.where(values > rounded_off, values, 0.0))[:, None] * vectors.T
    ones = R[:, -2]
    rows = len(ones)
    equal = np.full(rows, np.linalg.norm(ones) / np.sqrt(rows))
    mirror = ones - equal
    length = mirror @ mirror
    if length > 0:  # Householder's reflection that takes `ones` to `equal`
        R = R - np.outer(mirror, 2 / length * (mirror @ R))
    R = R * np.sqrt(rows)
    return R[:, :-2], R[:, -1], np.full(rows, gram[-2, -2] / rows)


def gram_of(features: np.ndarray, target: np.ndarray, share: np.ndarray) -> np.ndarray:
    """[features, 1, target]' diag(share) [features, 1, target].

    Products are taken in the precision of the features, a chunk of rows at a time, and summed up in float64.
    """
    width = features.shape[1] + 2
    gram = np.zeros((width, width))
    equal = float(share[0]) if (share == share[0]).all() else None
    for first in range(0, len(target), CHUNK):
        rows = slice(first, first + CHUNK)
        X, y = features[rows], target[rows].astype(features.dtype)
        weight = np.ones(len(X), X.dtype) if equal is not None else share[rows].astype(X.dtype)
        gram[:-2, :-2] += (X if equal is not None else X * weight[:, None]).T @ X
        gram[-2, :-2] += weight @ X
        gram[-1, :-2] += (weight * y) @ X
        gram[-2, -2] += weight.sum(dtype=np.float64)
        gram[-1, -2] += (weight * y).sum(dtype=np.float64)
        gram[-1, -1] += (weight * y).astype(np.float64) @ y
    gram[:-2, -2:] = gram[-2:, :-2].T
    gram[-2, -1] = gram[-1, -2]
    return gram if equal is None else gram * equal
