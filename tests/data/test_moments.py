"""Moments: right where naive sums fail, and a weight is a repetition."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from fallline.data import median, moments
from fallline.errors import DataError

numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
weighted = st.lists(st.tuples(numbers, st.integers(0, 4)), min_size=1, max_size=20).filter(
    lambda rows: any(weight for _, weight in rows)
)


def as_arrays(rows):
    values, weights = np.array(rows, float).T
    return values, weights, np.repeat(values, weights.astype(int))


@given(weighted)
def test_a_weight_counts_like_repeated_rows(rows):
    values, weights, repeated = as_arrays(rows)
    for got, meant in zip(moments(values[:, None], weights), moments(repeated[:, None]), strict=True):
        np.testing.assert_allclose(got, meant, rtol=1e-9, atol=1e-9)


@given(weighted)
def test_the_median_counts_a_weight_like_repeated_rows(rows):
    values, weights, repeated = as_arrays(rows)
    assert median(values, weights) == pytest.approx(np.median(repeated), rel=1e-15)


@given(st.lists(numbers, min_size=1, max_size=15))
def test_moments_agree_with_exact_fractions(values):
    exact = [Fraction(v) for v in values]
    mean = sum(exact) / len(exact)
    variance = float(sum((v - mean) ** 2 for v in exact) / len(exact))
    (got,), (scale,) = moments(np.array(values)[:, None])
    assert got == pytest.approx(float(mean), rel=1e-12, abs=1e-9)
    if variance:
        assert scale == pytest.approx(np.sqrt(variance), rel=1e-9)
    else:
        assert scale == 1


def test_a_mean_of_a_billion_does_not_drown_a_deviation_of_one():
    noise = np.random.default_rng(0).normal(size=10_000)
    noise = (noise - noise.mean()) / noise.std()
    (mean,), (scale,) = moments(1e9 + noise[:, None])
    assert mean == pytest.approx(1e9, rel=1e-15)
    assert scale == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("value", [0.1, 1e9 + 0.1, -3.3e-12])
def test_a_constant_column_has_scale_one_exactly(value):
    (mean,), (scale,) = moments(np.full((1_000, 1), value), np.random.default_rng(0).random(1_000))
    assert mean == value
    assert scale == 1


def test_squares_neither_overflow_nor_vanish():
    mean, scale = moments(np.array([[1e200, 1e-200], [-1e200, 3e-200]]))
    np.testing.assert_allclose(mean, [0, 2e-200], atol=1e-210)
    np.testing.assert_allclose(scale, [1e200, 1e-200])


def test_a_row_of_weight_zero_is_absent_even_when_it_is_infinite():
    mean, scale = moments(np.array([[np.inf], [1.0], [3.0]]), np.array([0.0, 1, 1]))
    assert (mean[0], scale[0]) == (2, 1)


def test_no_rows_and_numbers_too_large_are_told():
    with pytest.raises(DataError, match="No row is left"):
        moments(np.ones((2, 1)), np.zeros(2))
    with pytest.raises(DataError, match="too large"):
        moments(np.array([[1.7e308], [-1.7e308]]))


def test_moments_have_the_same_bits_whatever_the_number_of_threads():
    values = np.random.default_rng(0).normal(3, 2, (40_000, 1))
    weights = np.random.default_rng(1).uniform(0, 2, len(values))
    for weighed in (None, weights):
        with threadpool_limits(1):
            alone = moments(values, weighed)
        with threadpool_limits(2):
            together = moments(values, weighed)
        assert all((a == b).all() for a, b in zip(alone, together, strict=True))
