"""A noisy curve as a few straight stretches, as few as its noise allows.

A curve over many steps is first brought to a few hundred points: means of stretches that are short at the start, where
most happens. The points are then parted so that

    sum over stretches of [ sum of w * (value - its own straight line)^2 ] + PENALTY * stretches

is smallest, w being one over a point's variance. This is the optimal partition of Jackson et al. (IEEE Signal
Processing Letters 12, 2005) with a line for each stretch, and a penalty of 3 log(points) for each, as Schwarz's
criterion (Annals of Statistics 6, 1978) counts a line's two numbers and the place where it begins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

POINTS = 240  # that the curve is brought to, about
COARSE = 0.02  # of the curve's height: what no line need be better than
LEAST = 0.005  # in the curve's own unit (a half per cent of a loss whose logarithm is taken)


class Points(NamedTuple):
    """Means of the stretches of a curve: the first index of each, and one past the last of all."""

    edges: Int[np.ndarray, "points_and_1"]
    middle: Float[np.ndarray, "points"]
    value: Float[np.ndarray, "points"]


def points_of(values: Float[np.ndarray, "steps"], points: int = POINTS) -> Points:
    """The curve as means of stretches, each at least one step long."""
    steps = len(values)
    edges = np.concatenate([np.linspace(0, steps, points // 2 + 1), np.geomspace(1, steps, points // 2)])
    edges = np.unique(np.append(edges.round().astype(int), 0))
    sums = np.add.reduceat(values, edges[:-1])
    counts = np.diff(edges)
    return Points(edges, edges[:-1] + (counts - 1) / 2, sums / counts)


def noise_of(values: Float[np.ndarray, "steps"]) -> float:
    """The standard deviation of a single step about the curve, from the median size of its second differences.

    White noise of deviation s has second differences of deviation sqrt(6) s; the median of their sizes is 0.6745 of
    that. A smooth curve has hardly any, however steep it is.
    """
    if len(values) < 3:
        return 0.0
    return float(np.median(np.abs(np.diff(values, 2))) / (0.6745 * 6**0.5))


def segments(values: Float[np.ndarray, "steps"], most: int) -> list[tuple[int, int]]:
    """The stretches [first, last] (indices, last included) of the best partition into at most `most` lines."""
    if len(values) == 0:
        return []
    points = points_of(values)
    height = float(np.ptp(points.value))
    spread = max(COARSE * height, LEAST)
    weight = 1 / (spread**2 + noise_of(values) ** 2 / np.diff(points.edges))
    penalty = 3 * np.log(max(len(points.value), 3))
    while True:
        starts = _partition(points.middle, points.value, weight, penalty)
        if len(starts) <= most:
            break
        penalty *= 1.5
    first = [int(points.edges[start]) for start in starts]
    return list(zip(first, [*(f - 1 for f in first[1:]), len(values) - 1], strict=True))


def _partition(t: np.ndarray, y: np.ndarray, w: np.ndarray, penalty: float) -> list[int]:
    """The first points of the stretches: dynamic programming over where the last one begins, O(points^2)."""
    t = (t - t[0]) / max(t[-1] - t[0], 1.0)
    y = y - y.mean()
    sums = [np.concatenate([[0.0], np.cumsum(w * part)]) for part in (np.ones_like(t), t, y, t * t, t * y, y * y)]
    best, begin = np.zeros(len(t) + 1), np.zeros(len(t) + 1, int)
    for end in range(1, len(t) + 1):
        n, st, sy, stt, sty, syy = (s[end] - s[:end] for s in sums)
        var, cov, all_ = stt - st**2 / n, sty - st * sy / n, syy - sy**2 / n
        line = np.where(var > 1e-12 * n, cov**2 / np.maximum(var, 1e-300), 0.0)
        cost = best[:end] + np.maximum(all_ - line, 0.0) + penalty
        begin[end] = int(cost.argmin())
        best[end] = cost[begin[end]]
    starts, end = [], len(t)
    while end > 0:
        end = int(begin[end])
        starts.append(end)
    return starts[::-1]
