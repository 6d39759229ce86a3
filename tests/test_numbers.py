"""Numbers are written in few digits and never wrongly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.numbers import count, number, share

WRITTEN = [
    (206855.81, "206,856"),
    (0.389123, "0.3891"),
    (0.9999999, "1"),
    (-12.5, "−12.5"),
    (1.5e-7, "1.5 × 10⁻⁷"),
    (3.4e38, "3.4 × 10³⁸"),
    (0, "0"),
    (float("nan"), "not a number"),
    (float("-inf"), "minus infinite"),
    (None, "not known"),
]


@pytest.mark.parametrize(("value", "text"), WRITTEN)
def test_a_number_is_written_in_four_digits(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-300, max_value=1e300))
def test_what_is_written_is_within_the_digits_of_the_number(value: float) -> None:
    written = number(value).replace(",", "").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    mantissa, _, power = written.partition(" × 10")
    assert float(mantissa) * 10.0 ** int(power or 0) == pytest.approx(value, rel=6e-4)


def test_counts_and_shares_are_written_for_people() -> None:
    assert (count(20640), share(0.9667), share(1.0)) == ("20,640", "96.7%", "100%")
