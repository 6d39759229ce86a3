"""What squared loss on a linear model allows besides descent: its exact answer, and a table condensed to a few rows."""

from __future__ import annotations

from fallline.exact import Exact, equivalent_rows, least_squares
from fallline.losses import Squared
from fallline.models import Linear
from fallline.survey import Rows, as_array, survey
from fallline.types import Batch, Parameters, Parts

SAFE = {
    32: 1e-4,
    64: 1e-8,
}  # relative error of the loss up to which condensed rows may stand in for the table
MANY = 1000  # rows from which condensing is worth its while


def exact_answer(parts: Parts, rows: Rows) -> Exact | None:
    """The closed form, or None where there is none: squared loss, linear model, no l1."""
    model, penalty = parts.model, parts.penalty
    linear = isinstance(model, Linear) and model.output == "identity" and model.outputs == 1
    if not (linear and isinstance(parts.loss, Squared) and penalty.l1 == 0):
        return None
    share = rows.weight / rows.weight.sum()
    return least_squares(rows.features, rows.target, share, l2=penalty.l2, bias=model.bias)


def as_parameters(exact: Exact, like: Parameters) -> Parameters:
    """The exact answer as parameters of the linear model."""
    return {"weights": as_array(exact.weights)} | ({"bias": as_array(exact.bias)} if "bias" in like else {})


def condense(parts: Parts, rows: Rows, whole: Batch, exact: Exact, start: Parameters, bits: int) -> Batch | None:
    """A few rows that the full-batch loop may walk on instead of the table; None where that is not safe.

    Safe means shown: at the start and at the exact answer the few rows give the loss of the table back.
    """
    if len(rows.weight) < max(MANY, 10 * len(exact.weights)):
        return None
    features, target, share = equivalent_rows(rows.features, rows.target, rows.weight / rows.weight.sum())
    few = Batch(as_array(features), as_array(target), as_array(share))
    for parameters in (start, as_parameters(exact, start)):
        truth, found = (float(survey(parts, parameters, batch)[0]) for batch in (whole, few))
        if not abs(found - truth) <= SAFE[bits] * abs(truth):
            return None
    return few
