"""Splitting: every row in one part, by seed, by class or by a column."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.data import split
from fallline.errors import DataError, SettingsError


def parts(got):
    return got.train, got.validation, got.test


@given(
    rows=st.integers(4, 300),
    seed=st.integers(0, 2**64 - 1),
    validation=st.sampled_from([0, 0.01, 0.15, 0.3, 0.6]),
    test=st.sampled_from([0, 0.01, 0.15, 0.35]),
)
def test_every_row_is_in_exactly_one_part_in_ascending_order(rows, seed, validation, test):
    got = split(rows, seed=seed, validation=validation, test=test)
    assert sorted(np.concatenate(parts(got))) == list(range(rows))
    for part, share in zip(parts(got), (1, validation, test), strict=True):
        assert (np.diff(part) > 0).all()
        assert (len(part) > 0) == (share > 0)
    assert len(got.train) >= 2
    if rows >= 20:
        assert abs(len(got.test) - test * rows) <= 1
        assert abs(len(got.validation) - validation * rows) <= 1


@given(
    counts=st.lists(st.integers(1, 80), min_size=2, max_size=6),
    seed=st.integers(0, 1000),
)
def test_each_part_keeps_each_classs_share(counts, seed):
    classes = np.repeat(np.arange(len(counts)), counts)
    rows = len(classes)
    if rows < 4 * len(counts):
        return
    got = split(rows, seed=seed, classes=classes)
    assert sorted(np.concatenate(parts(got))) == list(range(rows))
    for part in parts(got):
        expected = np.array(counts) * len(part) / rows
        assert (np.abs(np.bincount(classes[part], minlength=len(counts)) - expected) < 3).all()
    assert set(classes[got.train]) == set(classes)


def test_a_class_of_one_row_is_trained_on():
    classes = np.array([0] * 50 + [1] * 50 + [2])
    for seed in range(20):
        assert 100 in split(101, seed=seed, classes=classes).train


def test_the_same_seed_gives_the_same_parts_and_another_seed_others():
    first, again, other = split(100, seed=7), split(100, seed=7), split(100, seed=8)
    assert all(np.array_equal(a, b) for a, b in zip(parts(first), parts(again), strict=True))
    assert not np.array_equal(first.test, other.test)


def test_parts_depend_on_no_order_within_the_classes_names():
    codes = np.array([0, 1] * 50)
    by_code, by_name = (split(100, seed=3, classes=c) for c in (codes, np.array(["a", "b"])[codes]))
    assert np.array_equal(by_code.train, by_name.train)


def test_shares_of_zero_leave_parts_empty():
    got = split(10, seed=0, validation=0, test=0)
    assert len(got.train) == 10
    assert got.validation.dtype == got.test.dtype == np.int64
    assert len(got.validation) == len(got.test) == 0


def test_a_column_says_which_part_a_row_is_in():
    column = pl.Series("part", ["train", "Valid", " test ", "training", "dev", "val", "validation"])
    got = split(7, seed=0, column=column)
    assert [list(part) for part in parts(got)] == [[0, 3], [1, 4, 5, 6], [2]]
    assert "as column 'part' says" in got.how


@pytest.mark.parametrize(("value", "found"), [("holdout", "'holdout'"), (None, "empty"), ("?", "empty")])
def test_another_word_in_the_column_is_told(value, found):
    with pytest.raises(DataError, match=f"Row 3 of the split column 'part' is {found}"):
        split(3, seed=0, column=pl.Series("part", ["train", "train", value]))


def test_a_column_without_rows_to_train_on_is_told():
    with pytest.raises(DataError, match="1 row to train on, but 2 are needed"):
        split(2, seed=0, column=pl.Series("part", ["train", "test"]))


def test_too_few_rows_are_told_with_how_many_are_needed():
    with pytest.raises(DataError, match="has 3 rows, but 4 are needed"):
        split(3, seed=0)
    assert len(split(3, seed=0, test=0).train) == 2
    with pytest.raises(DataError, match="10 classes, but only 6 rows"):
        split(10, seed=0, classes=np.arange(10))


@pytest.mark.parametrize(
    "options", [{"validation": 1.5}, {"test": -0.1}, {"validation": 0.6, "test": 0.4}, {"seed": -1}, {"test": np.nan}]
)
def test_shares_that_are_none_are_told(options):
    with pytest.raises(SettingsError):
        split(100, **{"seed": 0} | options)


def test_how_is_told_in_a_sentence():
    said = split(20_640, seed=4, classes=np.zeros(20_640)).how
    assert said == (
        "14,448 rows to train, 3,096 to validate, 3,096 to test, drawn with seed 4, each class keeping its share"
    )
