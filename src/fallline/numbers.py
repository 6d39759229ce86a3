"""How numbers are written for people: three or four significant digits, thousands apart, no false precision."""

from __future__ import annotations

import math
from typing import Any

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any, digits: int = 4) -> str:
    """A number in few digits.

    >>> number(206855.81), number(0.389123), number(1.5e-7), number(float("inf")), number(None)
    ('206,856', '0.3891', '1.5 × 10⁻⁷', 'infinite', 'not known')
    """
    if value is None:
        return "not known"
    value = float(value)
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    if value == 0:
        return "0"
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    size = int(power)
    if -5 < size < 9:
        text = f"{value:,.{max(digits - 1 - size, 0)}f}"
        text = _short(text)
    else:
        text = f"{_short(mantissa)} × 10{str(size).translate(_RAISED)}"
    return text.replace("-", "−")


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(value: int) -> str:
    """A whole number, thousands apart.

    >>> count(20640)
    '20,640'
    """
    return f"{value:,}"


def share(value: float) -> str:
    """A part of one as a percentage.

    >>> share(0.9667), share(1.0)
    ('96.7%', '100%')
    """
    return f"{number(100 * value, 3)}%"


def duration(seconds: float) -> str:
    """A time in the unit that suits it.

    >>> duration(1.54e-7), duration(0.0216), duration(75.0)
    ('154 ns', '21.6 ms', '75 s')
    """
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{number(seconds / size, 3)} {unit}"
    return f"{number(seconds * 1e9, 3)} ns"
