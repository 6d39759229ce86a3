"""A plane through the weights: which two directions it holds, and where on it other weights lie.

The plane of the path and filter-normalised random directions are those of Li et al., Visualizing the Loss Landscape
of Neural Nets, NeurIPS 2018, sections 4 and 7: the plane goes through the weights where training ended.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from fallline.errors import SettingsError
from fallline.training import Training
from fallline.types import is_bias

BESIDE = 0.25  # how far the grid goes on beyond the path on either side, as a part of its width
LEAST = 1e-3  # of the weights' size: a way that is shorter than that is none, and may be rounding


class Plane(NamedTuple):
    """origin + (x - at) @ ways for a place x on it."""

    origin: np.ndarray  # [parameters]
    ways: np.ndarray  # [2, parameters]
    at: np.ndarray  # [2] the origin's own place
    names: tuple[str, str]
    least: float  # from the origin to each side, at least

    def places(self, flats: np.ndarray) -> np.ndarray:
        """Where on it parameters [points, parameters] are nearest to it: [points, 2]."""
        return np.linalg.lstsq(self.ways.T, (flats - self.origin).T, rcond=None)[0].T + self.at

    def points(self, places: np.ndarray) -> np.ndarray:
        """The parameters at places."""
        return self.origin + (places - self.at) @ self.ways


def plane_over(
    training: Training, over: str, weights: str | None, path: np.ndarray, origin: np.ndarray, seed: int
) -> Plane:
    if over == "weights":
        chosen = _two(training, weights, path)
        names = (training.names[chosen[0]], training.names[chosen[1]])
        return Plane(origin, np.eye(len(origin))[chosen], origin[chosen], names, 0.0)
    draw = np.random.default_rng(seed)
    if over == "random":
        ways = np.stack([_normalised(training, origin, draw) for _ in range(2)])
        cosine = ways[0] @ ways[1] / max(np.linalg.norm(ways[0]) * np.linalg.norm(ways[1]), 1e-300)
        if abs(cosine) > 1 - 1e-9 or not np.any(ways, axis=1).all():
            raise SettingsError(
                "Two random directions are the same line here: apart from biases the model has one weight.\n"
                "Ask for over weights, or over path."
            )
        return Plane(origin, ways, np.zeros(2), ("first random direction", "second random direction"), 1.0)
    names = ("first direction of the path", "second direction of the path")
    ways = _principal(path - origin, draw)
    return Plane(origin, ways, np.zeros(2), names, 0.0)


def _two(training: Training, weights: str | None, path: np.ndarray) -> list[int]:
    """The two named parameters, or the two that moved furthest."""
    if weights is None:
        return np.argsort(-np.ptp(path, axis=0), kind="stable")[:2].tolist()
    named = [name.strip() for name in weights.split(";")]
    if len(named) != 2 or named[0] == named[1]:
        raise SettingsError(
            f"weights is '{weights}'.\nGive two parameters with a semicolon between: 'bias;weights[x]'."
        )
    return [training.weight(name) for name in named]


def _principal(moves: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """The two orthogonal directions [2, parameters] with most of the squared moves; each points to where it began.

    Where the path is one line, or nothing moved, what is missing is drawn at random.
    """
    _, sizes, found = np.linalg.svd(moves, full_matrices=False)
    ways = []
    for size, way in zip(sizes[:2], found[:2], strict=True):
        if size > 1e-12 * sizes[0] and size > 0:
            ways.append(way * (1.0 if moves[0] @ way >= 0 else -1.0))
    while len(ways) < 2:
        way = draw.normal(size=moves.shape[1])
        for other in ways:
            way -= (way @ other) * other
        ways.append(way / np.linalg.norm(way))
    return np.stack(ways)


def _normalised(training: Training, origin: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A random direction in which each unit's weights are as long as its own; biases stay, as in Li et al."""

    def like(path: tuple, leaf: Any) -> np.ndarray:
        leaf = np.asarray(leaf, np.float64)
        way = draw.normal(size=leaf.shape)
        if is_bias(path):
            return np.zeros(leaf.shape)
        axis = tuple(range(leaf.ndim - 1)) if leaf.ndim > 1 else None  # [inputs, units]: a unit is a column
        own, drawn = (np.sqrt(np.sum(a**2, axis=axis, keepdims=True)) for a in (leaf, way))
        return way / drawn * np.where(own > 0, own, 1.0)

    dtype = training.flat(training.start).dtype
    tree = training.unravel(origin.astype(dtype))
    return training.flat(jax.tree_util.tree_map_with_path(like, tree)).astype(np.float64)


def grid_on(plane: Plane, places: Float[np.ndarray, "path 2"], points: int) -> Float[np.ndarray, "points 2"]:
    """The places of a grid of points * points, row by row: all of the path and something beside it.

    A direction in which nothing moved but by rounding is drawn as broad as the other: it looks as still as it is.
    """
    sides = []
    for k in range(2):
        low, high = min(places[:, k].min(), plane.at[k]), max(places[:, k].max(), plane.at[k])
        beside = BESIDE * (high - low)
        low, high = min(low - beside, plane.at[k] - plane.least), max(high + beside, plane.at[k] + plane.least)
        sides.append((low, high))
    widest = max(high - low for low, high in sides)
    size = max(widest, float(np.abs(plane.origin).max())) or 1.0
    lines = []
    for low, high in sides:
        more = 0.0 if high - low > LEAST * size else (widest if widest > LEAST * size else size) / 2
        lines.append(np.linspace(low - more, high + more, points))
    x, y = np.meshgrid(*lines)
    return np.column_stack([x.ravel(), y.ravel()])
