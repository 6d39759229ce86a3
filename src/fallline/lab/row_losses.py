"""The loss of one row in its formula, and its error, in numbers that work out as printed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fallline.lab.arithmetic import Line, held, plain, written
from fallline.measurement import Figures
from fallline.numbers import count
from fallline.told.re_add import addends, works_out


def error_of(loss: str, prediction: Any, target: Any) -> tuple[str, str, str]:
    """Prediction, target and error as they are printed; of several classes those of the true one."""
    if isinstance(prediction, list):
        true = max(range(len(target)), key=target.__getitem__)
        prediction, target = prediction[true], target[true]
    (said, wanted), error = addends([prediction, -target], prediction - target)
    return plain(said), plain(wanted[1:] if wanted.startswith("-") else f"-{wanted}"), plain(error)


def row_loss(loss: Any, row: Figures) -> Line | None:
    """A row's loss, from its prediction."""
    name, own = type(loss).__name__, f"loss of row {count(row['row'])}"
    prediction: Any = row["prediction"]
    target: Any = row["target"]
    several = isinstance(prediction, list)
    if name == "Squared" and not several:
        return _line(f"{own} = error² / 2", "{} = {}² / 2", lambda e: e * e / 2, prediction - target, row)
    if several and name in ("SoftmaxLoss", "Probability"):
        true = max(range(len(target)), key=target.__getitem__)
        return _line(f"{own} = −ln(prediction of {row['own']})", "{} = −ln({})", _minus_log, prediction[true], row)
    if name in ("LogLoss", "Probability") and target in (0.0, 1.0):
        given = prediction if target else 1 - prediction
        formula = f"{own} = −ln(prediction)" if target else f"{own} = −ln(1 − prediction)"
        return _line(formula, "{} = −ln({})", _minus_log, given, row)
    return {"formula": f"{own} = {loss.formula}", "numbers": written(row["loss"])} if loss.formula else None


def _minus_log(value: float) -> float:
    return -math.log(value) if value > 0 else math.inf


def _line(formula: str, numbers: str, made: Callable[[float], float], operand: float, row: Figures) -> Line:
    (given,), found = works_out(made, (operand,), row["loss"])
    given = plain(given) if "(" in numbers else held(given)
    return {"formula": formula, "numbers": numbers.format(plain(found), given)}
