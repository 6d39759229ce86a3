"""Columns and targets on a common scale, and back; and equal rows merged into one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt64

from fallline.data.moments import moments


@dataclass(frozen=True)
class Units:
    """What was taken off the columns and the target, and what they were divided by."""

    mean: Float[np.ndarray, "features"]
    scale: Float[np.ndarray, "features"]
    target_mean: float = 0.0
    target_scale: float = 1.0

    @classmethod
    def of(
        cls,
        features: Float[np.ndarray, "rows features"],
        target: Float[np.ndarray, "rows"] | None,
        weight: Float[np.ndarray, "rows"],
        *,
        centre: bool,
    ) -> Units:
        """The units in which columns, and the target unless it is None, have mean 0 and standard deviation 1.

        A model without bias passes through the origin, and must go on doing so: with `centre` false nothing is
        taken off, and the root of the mean square is made 1.
        """
        mean, scale = _moments(features, weight, centre)
        if target is None:
            return cls(mean, scale)
        middle, spread = _moments(target[:, None], weight, centre)
        return cls(mean, scale, float(middle[0]), float(spread[0]))

    @classmethod
    def own(cls, features: int) -> Units:
        """The units that the numbers have."""
        return cls(np.zeros(features), np.ones(features))

    def columns(self, features: Float[np.ndarray, "rows features"]) -> Float[np.ndarray, "rows features"]:
        return (features - self.mean) / self.scale

    def target(self, target: Float[np.ndarray, "rows"]) -> Float[np.ndarray, "rows"]:
        return (target - self.target_mean) / self.target_scale

    def response(self, response: Float[np.ndarray, "rows"]) -> Float[np.ndarray, "rows"]:
        """The model's response in the target's own units."""
        return response * self.target_scale + self.target_mean


def _moments(values: np.ndarray, weight: np.ndarray, centre: bool) -> tuple[np.ndarray, np.ndarray]:
    mean, scale = moments(values, weight)
    if centre:
        return mean, scale
    largest = np.abs(values).max(axis=0)  # a constant column's scale is called 1; about 0 it has another
    about_zero = np.hypot(mean, np.where(np.ptp(values, axis=0) > 0, scale, 0.0))
    return np.zeros_like(mean), np.where(largest > 0, about_zero, 1.0)


def merged(
    features: Float[np.ndarray, "rows features"],
    target: Float[np.ndarray, "rows"],
    weight: Float[np.ndarray, "rows"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equal rows as one of their summed weight, in an order that does not depend on the one given.

    Where every step sees every row this changes nothing but the rounding; and so a row of weight 3 gives the same
    bits as three rows.
    """
    table = np.column_stack([features, target]) + 0.0  # -0.0 becomes 0.0
    order = np.lexsort((weight, _fingerprint(table)))
    table, weight = table[order], weight[order]
    first = np.ones(len(table), bool)
    first[1:] = (table[1:] != table[:-1]).any(axis=1)
    kept = table[first]
    return kept[:, :-1], kept[:, -1], np.add.reduceat(weight, np.flatnonzero(first))


def _fingerprint(table: Float[np.ndarray, "rows columns"]) -> UInt64[np.ndarray, "rows"]:
    """A number for each row, equal for equal rows and all but surely different for others.

    Multiply, shift and exclusive-or, column by column (the finaliser of Steele, Lea and Flood's SplitMix,
    OOPSLA 2014): many times faster than sorting by all columns.
    """
    mixed = np.zeros(len(table), np.uint64)
    for column in np.ascontiguousarray(table.T).view(np.uint64):
        mixed = (mixed ^ column) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed


def few_distinct(features: np.ndarray, target: np.ndarray, weight: np.ndarray, most: int) -> bool:
    """Whether no more than `most` rows are distinct; most tables say no within their first rows."""
    seen = 4 * most
    while seen < len(target):
        if len(merged(features[:seen], target[:seen], weight[:seen])[1]) > most:
            return False
        seen *= 8
    return len(merged(features, target, weight)[1]) <= most
