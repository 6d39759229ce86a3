"""Numbers of the lab as they are printed: whoever works a line out from what stands there gets what stands there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal, localcontext

from fallline.told.re_add import works_out

DIGITS = 5  # of a number in a line
MOST = 20  # decimals
FEWEST = 3  # of what a sum comes to, where its parts cancel
TRIES = 6  # decimals that are added before a sum is rounded to fit
Line = dict[str, str]  # formula, numbers


def plain(text: str) -> str:
    """With the signs that a person reads: − for minus, and no number that is minus nothing."""
    return "0" if text in ("-0", "-0.0") else text.replace("-", "−").replace("e−0", "e−").replace("e+0", "e+")


def held(text: str) -> str:
    """A factor, in brackets where it begins with a minus."""
    return f"({plain(text)})" if text.startswith("-") else plain(text)


def bare(text: str) -> str:
    """Without the brackets, where a number stands by itself."""
    return text.removeprefix("(").removesuffix(")")


def written(value: float, digits: int = DIGITS) -> str:
    """A number by itself."""
    return plain(f"{value:.{digits}g}")


def times(*factors: float, result: float | None = None) -> tuple[list[str], str]:
    """Factors and their product; what is returned is ready to be read."""
    made = math.prod(factors)
    found, product = works_out(lambda *each: math.prod(each), factors, made if result is None else result)
    return [held(text) for text in found], plain(product)


class Sum:
    """A sum of products, all with the decimals at which the rounded ones add up to the rounded total.

    products: the factors of each. rest: addends without factors. others: whether the first of these is what many others
    add, which are not shown: it takes what rounding leaves. Without it, where no number of decimals will do, the total
    is what the printed ones make.
    """

    def __init__(
        self, products: Sequence[Sequence[float]], rest: Sequence[float], total: float, *, others: bool = False
    ) -> None:
        values = [math.prod(each) for each in products]
        self.factors: list[list[str]] = []
        self.products: list[str] = []
        if not all(map(math.isfinite, [*values, *rest, total])):
            self.factors = [[held(f"{f:.{DIGITS}g}") for f in each] for each in products]
            self.products = [held(f"{value:.{DIGITS}g}") for value in values]
            self.rest, self.total = [held(f"{value:.{DIGITS}g}") for value in rest], plain(f"{total:.{DIGITS}g}")
            return
        with localcontext(prec=400):
            decimals, rounded = _decimals([*values, *rest], total, 1 if others else TRIES)
            whole = round(Decimal(total), decimals)
            if others:
                rounded[len(products)] += whole - sum(rounded)
            whole = sum(rounded, Decimal(0))
            for each, value in zip(products, rounded, strict=False):
                self.factors.append([held(text) for text in _factors(each, value, decimals)])
                self.products.append(held(f"{value:f}"))
            self.rest = [held(f"{value:f}") for value in rounded[len(products) :]]
            self.total = plain(f"{whole:f}")


def _decimals(values: Sequence[float], total: float, tries: int) -> tuple[int, list[Decimal]]:
    """The fewest decimals, from five digits of the largest and three of the sum on, at which they add up; and those."""
    largest = max((abs(v) for v in values), default=0.0)
    first = min(max(_after_point(largest, DIGITS), _after_point(total, FEWEST), 0), MOST)
    for decimals in range(first, first + tries):
        rounded = [round(Decimal(v), decimals) for v in values]
        if sum(rounded) == round(Decimal(total), decimals):
            return decimals, rounded
    return first, [round(Decimal(v), first) for v in values]


def _after_point(value: float, digits: int) -> int:
    """Decimals that give a number so many digits."""
    return digits - 1 - math.floor(math.log10(abs(value))) if value else 0


def _factors(factors: Sequence[float], value: Decimal, decimals: int) -> list[str]:
    """With as many digits as make the rounded product."""
    for digits in range(DIGITS, 18):
        written = [f"{factor:.{digits}g}" for factor in factors]
        if round(math.prod(map(Decimal, written)), decimals) == value:
            return written
    return [repr(float(factor)) for factor in factors]
