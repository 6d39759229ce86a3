"""Numbers printed so that a reader can add them up again and gets what is printed, to the last digit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from typing import NamedTuple

from fallline.numbers import number

DIGITS = 4  # of an update, where the precision allows
MOST = 20  # decimals
SEEN = {32: 7, 64: 15}  # significant digits that a number of so many bits has


class Printed(NamedTuple):
    """w_new = w_old - rate * direction, and update = rate * direction, rounded to new's last digit."""

    new: str
    old: str
    rate: str
    direction: str
    update: str


def re_add(old: float, rate: float, direction: float, new: float, bits: int = 64) -> Printed:
    """The numbers of one update in as few digits as re-add: old - update is new, and rate * direction is update.

    Each is rounded as it should be, or in the one case in some thousand where no number of digits does, new is what
    the printed others make.

    >>> re_add(0.5, 0.1, 0.3337, 0.46663)
    Printed(new='0.46663', old='0.50000', rate='0.1', direction='0.3337', update='0.03337')
    """
    if not all(map(math.isfinite, (old, rate, direction, new))):
        return Printed(*(f"{value:.6g}" for value in (new, old, rate, direction, rate * direction)))
    with localcontext(prec=400):  # any float has its digits in that
        return _re_add(old, rate, direction, new, SEEN.get(bits, 15))


def addends(parts: Sequence[float], total: float) -> tuple[list[str], str]:
    """Numbers and their sum, all with as many decimals as give the largest of them five digits.

    They add up as they are printed: what rounding leaves over goes to the largest part.

    >>> addends([0.333333, 0.333333, 1.0], 1.666666)
    (['0.3333', '0.3333', '1.0001'], '1.6667')
    """
    if not all(map(math.isfinite, [*parts, total])):
        return [f"{part:.5g}" for part in parts], f"{total:.5g}"
    with localcontext(prec=400):
        most = max(range(len(parts)), key=lambda i: abs(parts[i]))
        decimals = min(max(DIGITS - _power(parts[most]), 0), MOST)
        rounded, whole = [round(Decimal(part), decimals) for part in parts], round(Decimal(total), decimals)
        rounded[most] += whole - sum(rounded)
        return [f"{part:f}" for part in rounded], f"{whole:f}"


def apart_of(value: float, other: float) -> tuple[str, str, str]:
    """Two numbers and their difference, all with the decimals that show it; they re-add as they are printed.

    >>> apart_of(0.2235, 0.22265)
    ('0.2235', '0.22265', '0.00085')
    """
    size = max(abs(value), abs(other)) or 1.0
    most = SEEN[32] - 1 - math.floor(math.log10(size))
    apart = abs(value - other)
    wanted = 1 - math.floor(math.log10(apart)) if apart else 0
    decimals = min(max(wanted, 3 - math.floor(math.log10(size))), most)
    one, two = round(Decimal(value), decimals), round(Decimal(other), decimals)
    return number(one, SEEN[32] + 1), number(two, SEEN[32] + 1), number(one - two, SEEN[32] + 1)


def works_out(
    made: Callable[..., float], operands: Sequence[float], result: float, digits: int = 5
) -> tuple[list[str], str]:
    """Operands and what is made of them, printed so that who works it out from the printed operands gets the result.

    The result has as many digits as its precision bears, at most `digits`; operands have as many as that takes.

    >>> works_out(lambda a, b: a * b, (1 / 3, 0.3), 0.1)
    (['0.33333', '0.3'], '0.1')
    """
    if all(map(math.isfinite, [*operands, result])):
        for kept in range(digits, 1, -1):
            wanted = f"{result:.{kept}g}"
            for each in range(digits, 18):
                written = [f"{operand:.{each}g}" for operand in operands]
                if f"{made(*map(float, written)):.{kept}g}" == wanted:
                    return written, wanted
    return [repr(float(operand)) for operand in operands], f"{made(*operands):.{digits}g}"


def _re_add(old: float, rate: float, direction: float, new: float, seen: int) -> Printed:
    update = rate * direction
    sharp = min(max(seen - 1 - _power(max(abs(old), abs(new))), 0), MOST)
    wanted = min(max(DIGITS - 1 - _power(update) if update else DIGITS, 0), sharp)
    tries = sorted(range(max(wanted - DIGITS + 1, 0), sharp + 1), key=lambda d: (abs(d - wanted), -d))
    for decimals in tries:
        found = _factors(_round(old, decimals), rate, direction, decimals)
        if found is not None and Decimal(found.new) == _round(new, decimals):
            return found
    found = _factors(_round(old, wanted), rate, direction, wanted)
    return found or Printed(*(repr(value) for value in (new, old, rate, direction, update)))


def _factors(old: Decimal, rate: float, direction: float, decimals: int) -> Printed | None:
    """With rate and direction in as many digits as make the rounded update; None where 17 do not."""
    update = _round(rate * direction, decimals)
    for digits in range(DIGITS, 18):
        short = f"{rate:.{digits}g}", f"{direction:.{digits}g}"
        if round(Decimal(short[0]) * Decimal(short[1]), decimals) == update:
            return Printed(f"{old - update:f}", f"{old:f}", *short, f"{update:f}")
    return None


def _power(value: float) -> int:
    """Of ten: 0 for 1 to 9.99."""
    return math.floor(math.log10(abs(value))) if value else 0


def _round(value: float, decimals: int) -> Decimal:
    return round(Decimal(value), decimals)
