"""Columns and targets on a common scale, and back; and weights that act like repeated rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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
        mean, scale = moments(features, weight, centre=centre)
        if target is None:
            return cls(mean, scale)
        middle, spread = moments(target[:, None], weight, centre=centre)
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


REPEATED = 10  # times as many rows as there are, at most, when whole-number weights are spelled out


class Table(NamedTuple):
    """Rows as scikit-learn checked them; those of weight 0 are absent."""

    features: Float[np.ndarray, "rows features"]
    target: Float[np.ndarray, "rows"]  # numbers, or class codes
    weight: Float[np.ndarray, "rows"]

    def take(self, rows: np.ndarray) -> Table:
        """Some of the rows: their numbers, or a true for each that is taken."""
        return Table(self.features[rows], self.target[rows], self.weight[rows])


def spelled_out(table: Table) -> Table:
    """A row of weight 3 as three rows, and all rows in an order that does not depend on the one given.

    So weights and repeated rows meet in one table, and give the same bits. Weights that are not whole numbers, or
    add up to more than 10 times the rows, stay as they are: they have the same objective, in other batches.
    """
    whole = (table.weight == np.floor(table.weight)).all()
    if whole and table.weight.sum() <= REPEATED * len(table.weight):
        each = table.weight.astype(int)
        table = table.take(np.repeat(np.arange(len(each)), each))._replace(weight=np.ones(each.sum()))
    together = np.column_stack([table.features, table.target]) + 0.0  # -0.0 becomes 0.0
    return table.take(np.lexsort((table.weight, _fingerprint(together))))


def merged(table: Table) -> Table:
    """Equal rows that follow each other as one of their summed weight.

    Where every step sees every row this changes nothing but the rounding.
    """
    features, target, weight = table
    first = np.ones(len(target), bool)
    first[1:] = (target[1:] != target[:-1]) | (features[1:] != features[:-1]).any(axis=1)
    return table.take(first)._replace(weight=np.add.reduceat(weight, np.flatnonzero(first)))


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
