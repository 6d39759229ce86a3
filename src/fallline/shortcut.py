"""What squared loss on a linear model allows besides descent: its exact answer, and a few rows for the whole table."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import jax
import numpy as np

from fallline.exact import Exact, equivalent_rows, least_squares
from fallline.exact import condensed as condensed_of
from fallline.losses import Penalty, Squared
from fallline.models import Linear
from fallline.survey import Rows, as_array, grade
from fallline.types import Batch, Parameters, Parts

SAFE = {32: 1e-4, 64: 1e-8}  # relative error of the loss up to which few rows may stand in for the table
MANY = 1000  # rows from which a full-batch training is condensed
TALL = 50_000  # rows from which the exact answer is sought on the condensed table


class Shortcut(NamedTuple):
    """The exact answer, and the few rows that have the table's loss; None where there is none, or it is not safe."""

    exact: Exact | None
    few: Batch | None


class AllRows(Protocol):
    """Rows that are not in memory all at once."""

    def gram(self) -> np.ndarray:
        """[features, 1, target]' diag(share) [features, 1, target], shares adding up to 1."""
        ...

    def grade(self, parts: Parts, parameters: Parameters) -> float:
        """The objective over all of them."""
        ...


def streamed_shortcut(parts: Parts, among: AllRows, *, seed: int, bits: int) -> Shortcut:
    """As `shortcut`, for rows that are not in memory: one pass gives their Gram matrix, and that the exact answer.

    The few rows always come along where they are safe, since losses over all rows can be taken on them.
    """
    if (quadratic := _quadratic(parts)) is None:
        return Shortcut(None, None)
    model, l2 = quadratic
    condensed = condensed_of(among.gram(), np.finfo(np.float64).eps)
    exact = least_squares(*condensed, l2=l2, bias=model.bias)
    few = Batch(*map(as_array, condensed))
    start = model.init(jax.random.key(seed))
    for parameters in (start, as_parameters(exact, start)):
        truth, found = among.grade(parts, parameters), float(grade(parts, parameters, few))
        if not abs(found - truth) <= SAFE[bits] * abs(truth):
            return Shortcut(None, None)
    method = f"{exact.method}, of {len(few.share)} rows with the same loss, from one pass over the table"
    return Shortcut(exact._replace(method=method), few)


def _quadratic(parts: Parts) -> tuple[Linear, float] | None:
    """The linear model and the l2 of a squared loss without l1; None for all else."""
    model, penalty = parts.model, parts.penalty
    if not (isinstance(model, Linear) and model.output == "identity" and model.outputs == 1):
        return None
    if not (isinstance(parts.loss, Squared) and isinstance(penalty, Penalty) and penalty.l1 == 0):
        return None
    return model, penalty.l2


def shortcut(parts: Parts, rows: Rows, whole: Batch, *, full: bool, seed: int, bits: int) -> Shortcut:
    """The closed form of squared loss on a linear model without l1, and few rows for a full-batch training.

    Few rows are safe where it shows: at a random start and at the exact answer they give the table's loss back.
    """
    if (quadratic := _quadratic(parts)) is None:
        return Shortcut(None, None)
    model, l2 = quadratic
    share = rows.weight / rows.weight.sum()
    table = (rows.features, rows.target, share)
    count, width = np.shape(rows.features)
    if count <= TALL and not (full and count >= max(MANY, 10 * width)):
        return Shortcut(least_squares(*table, l2=l2, bias=model.bias), None)
    condensed = equivalent_rows(*table)
    exact = least_squares(*(condensed if count > TALL else table), l2=l2, bias=model.bias)
    few = Batch(*map(as_array, condensed))
    start = model.init(jax.random.key(seed))
    for parameters in (start, as_parameters(exact, start)):
        truth, found = (float(grade(parts, parameters, batch)) for batch in (whole, few))
        if not abs(found - truth) <= SAFE[bits] * abs(truth):
            return Shortcut(least_squares(*table, l2=l2, bias=model.bias), None)
    method = f"{exact.method}, of {len(few.share)} rows with the same loss" if count > TALL else exact.method
    return Shortcut(exact._replace(method=method), few if full else None)


def as_parameters(exact: Exact, like: Parameters) -> Parameters:
    """The exact answer as parameters of the linear model."""
    return {"weights": as_array(exact.weights)} | ({"bias": as_array(exact.bias)} if "bias" in like else {})
