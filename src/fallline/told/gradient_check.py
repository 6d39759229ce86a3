"""The chain rule against finite differences, said in words."""

from __future__ import annotations

import math

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number
from fallline.told.curvature import begin

AGREE = 1e-4  # relative error up to which both say the same: differences lose half of their digits or more
NEAR = 10.0  # a best h within this factor of the theory's bears it out
LOST = 1e-2  # of the gradient: where rounding alone takes as much, differences can't tell


def _digits(error: float) -> int:
    return max(0, math.floor(-math.log10(max(error, 1e-16))))


def _of(f: Figures) -> str:
    if f["checked"] < f["parameters"]:
        return f"{count(f['checked'])} of the {count(f['parameters'])} parameters"
    return f"all {count(f['checked'])} parameters" if f["checked"] > 1 else "the one parameter"


def _compared(f: Figures) -> str:
    return (
        f"{begin(f)} the gradient by {_of(f)} was also taken by nudging: with h = "
        f"{number(f['central_h'], 3)} to both sides it is off the chain rule's by "
        f"{number(f['central_error'], 2)} of its length"
    )


def _agree(f: Figures) -> str:
    return f"{_compared(f)}. Both ways find the same gradient, to {_digits(f['central_error'])} digits."


def _disagree(f: Figures) -> str:
    pair = f"{number(f['worst_chain'])} by the chain rule, {number(f['worst_difference'])} by nudging"
    said = f"{_compared(f)}. Furthest apart is {f['worst']}: {pair}."
    if f["kinks"]:
        many = "1 parameter has" if f["kinks"] == 1 else f"{count(f['kinks'])} parameters have"
        return (
            f"{said} {many} another slope to the right than to the left: the loss has a kink there (a ReLU that is "
            "just switching, an absolute value at 0), and neither way is wrong."
        )
    if f["noise_error"] > AGREE:
        return f"{said} The gradient is so small here that rounding in the two losses drowns it."
    return f"{said} One of the two is wrong: the loss is not smooth here, or its gradient is not its derivative."


def _near(best: float, theory: float) -> bool:
    return 1 / NEAR <= best / theory <= NEAR


def _kinds(f: Figures) -> list[str]:
    return [kind for kind in ("forward", "central") if f[f"{kind}_theory"] is not None]


def _bears_out(f: Figures) -> bool | None:
    """By the h that could be tried: a theory's h beyond the largest one is taken as that."""
    if f["noise_error"] > LOST or not _kinds(f):
        return None
    return all(_near(f[f"{kind}_h"], min(f[f"{kind}_theory"], f["largest_h"])) for kind in _kinds(f))


def _best(f: Figures) -> str:
    def one(kind: str, which: str) -> str:
        found = f"h = {number(f[f'{kind}_h'], 3)} was best (off by {number(f[f'{kind}_error'], 2)} of the gradient)"
        theory = f[f"{kind}_theory"]
        if theory is None:
            return f"{which} {found}; theory sees nothing cut off, so that h may be as large as no kink is met"
        return f"{which} {found}, and theory says {number(theory, 3)}"

    return (
        f"Among h from {number(f['largest_h'])} down to {number(f['smallest_h'])}, "
        f"{one('forward', 'nudging to one side')}; {one('central', 'to both sides')}"
    )


def _as_theory(f: Figures) -> str:
    return f"{_best(f)}. A larger h cuts off how the slope changes, a smaller one drowns in rounding."


def _not_theory(f: Figures) -> str:
    return (
        f"{_best(f)}: more than a factor of 10 apart. Theory takes the loss as smooth over h and its rounding as that "
        "of one number."
    )


def _smaller(f: Figures) -> str:
    return (
        f"h = {number(f['smallest_h'])} is off by {number(f['smallest_error'], 2)} of the gradient, where the best h = "
        f"{number(f['central_h'], 3)} is off by {number(f['central_error'], 2)}"
    )


def _worse(f: Figures) -> str:
    return (
        f"A smaller h is not a better one: {_smaller(f)}. Two losses so close together have most digits in common, and "
        "what is left of their difference is rounding."
    )


def _no_worse(f: Figures) -> str:
    return f"Here the smallest h was no worse than the best: {_smaller(f)}."


def _costs(f: Figures) -> str:
    nudging = f["losses"] * f["loss_seconds"]
    return (
        f"A gradient by nudging needs two losses for each of {count(f['parameters'])} parameters, {count(f['losses'])} "
        f"in all: {_seconds(nudging)}, at {_seconds(f['loss_seconds'])} a loss. The chain rule needs one way forward "
        f"and one back, {_seconds(f['gradient_seconds'])}"
    )


def _seconds(value: float) -> str:
    """A time in a unit that suits it.

    >>> _seconds(0.00123), _seconds(2e-05), _seconds(75.0)
    ('1.23 ms', '20 µs', '75 s')
    """
    unit, times = ("s", 1) if value >= 1 else ("ms", 1e3) if value >= 1e-3 else ("µs", 1e6)
    return f"{number(value * times, 3)} {unit}"


def _cheaper(f: Figures) -> str:
    times = f["losses"] * f["loss_seconds"] / f["gradient_seconds"]
    return f"{_costs(f)}: {number(times, 3)} times as fast."


def _dearer(f: Figures) -> str:
    return f"{_costs(f)}, which is no less: with so few parameters, nudging is as cheap."


def _one_point(f: Figures) -> str:
    return (
        f"No second point is needed to get a slope: the chain rule takes it at the point itself, without an h, and "
        f"agrees with the best of the differences to {_digits(f['central_error'])} digits. In 32 bits the chain rule "
        f"is off by {number(f['chain32_error'], 2)} of the gradient, the best of the differences by "
        f"{number(f['single_central_error'], 2)}."
    )


def _two_points(f: Figures) -> str:
    return (
        "The chain rule takes the slope at the point itself, without a second point and without an h, but here that "
        f"could not be confirmed: the best of the differences is {number(f['central_error'], 2)} of the gradient off."
    )


CLAIMS = (
    Claim("agree", lambda f: f["central_error"] <= AGREE, _agree, _disagree),
    Claim("best-h", _bears_out, _as_theory, _not_theory),
    Claim("smaller-h-worse", lambda f: f["smallest_error"] > f["central_error"], _worse, _no_worse),
    Claim("cost", lambda f: f["gradient_seconds"] < f["losses"] * f["loss_seconds"], _cheaper, _dearer),
    Claim("no-second-point", lambda f: f["central_error"] <= AGREE, _one_point, _two_points),
)
