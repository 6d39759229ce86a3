"""Downsampling loses rows, never what matters in them."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from fallline.figures.downsample import finite, keep_extremes, mean_of_blocks

anything = st.floats(allow_nan=True, allow_infinity=True, width=32)
columns = st.lists(anything, min_size=1, max_size=400)
buckets = st.integers(1, 20)


def frame(values: list[float]) -> pl.DataFrame:
    steps = np.arange(1, len(values) + 1)
    return pl.DataFrame({"step": steps, "epoch": steps / 10, "value": pl.Series(values, dtype=pl.Float64)})


@settings(max_examples=100, deadline=None)
@given(columns, buckets)
def test_the_first_and_the_last_row_are_kept(values: list[float], buckets: int) -> None:
    kept = keep_extremes(frame(values), "value", buckets)["step"]
    assert (kept[0], kept[-1]) == (1, len(values))


@settings(max_examples=100, deadline=None)
@given(columns, buckets)
def test_the_lowest_and_the_highest_value_are_kept(values: list[float], buckets: int) -> None:
    known = [v for v in values if not np.isnan(v)]
    kept = set(keep_extremes(frame(values), "value", buckets)["value"].to_list())
    assert not known or {min(known), max(known)} <= kept


@settings(max_examples=100, deadline=None)
@given(columns, buckets)
def test_the_first_value_that_is_not_finite_is_kept(values: list[float], buckets: int) -> None:
    broken = [i for i, v in enumerate(values, 1) if not np.isfinite(v)]
    assert not broken or broken[0] in keep_extremes(frame(values), "value", buckets)["step"]


@settings(max_examples=100, deadline=None)
@given(columns, buckets)
def test_rows_stay_in_order_unchanged_and_are_few(values: list[float], buckets: int) -> None:
    before = frame(values)
    kept = keep_extremes(before, "value", buckets)
    assert kept["step"].is_sorted()
    assert kept.equals(before[kept["step"].to_numpy() - 1])
    assert kept.height <= 2 * buckets + 3


def test_one_spike_among_a_million_steps_is_kept() -> None:
    values = np.ones(1_000_000)
    values[654_321] = 9.0
    steps = np.arange(len(values))
    kept = keep_extremes(pl.DataFrame({"step": steps, "value": values}), "value")
    assert kept.height < 1000
    assert kept.filter(pl.col("value") == 9.0)["step"].to_list() == [654_321]


def test_means_are_those_of_equal_blocks() -> None:
    means, steps = mean_of_blocks(frame([1.0, 3.0, 5.0, 7.0]), blocks=2)
    assert steps == 2
    assert means["value"].to_list() == [2.0, 6.0]
    assert means["step"].to_list() == [1.5, 3.5]


def test_a_block_that_is_not_finite_has_no_mean() -> None:
    means, _ = mean_of_blocks(frame([1.0, float("inf"), 5.0, 7.0]), blocks=2)
    assert means["value"].to_list() == [None, 6.0]


def test_what_is_drawn_holds_no_number_that_is_not_finite() -> None:
    drawn = finite(frame([1.0, float("nan"), float("inf"), -float("inf")]))
    assert drawn["value"].to_list() == [1.0, None, None, None]
