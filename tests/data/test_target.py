"""The target: brought to the scale of training and back, or refused with a reason."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.data import Target, decode, encode, fit_target, present
from fallline.errors import DataError, RunError, SettingsError


def fitted(values, task: str = "regression", **options) -> Target:
    return fit_target(pl.Series("price", values, strict=False), task=task, **options)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20).filter(lambda v: max(v) - min(v) > 1e-3))
def test_numbers_come_back_in_their_own_units(values):
    series = pl.Series("price", values)
    target = fitted(values)
    coded = encode(target, series)
    assert coded.mean() == pytest.approx(0, abs=1e-6)
    assert coded.std() == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(decode(target, coded), values, rtol=1e-9, atol=1e-6)


def test_without_standardising_numbers_stay_as_they_are():
    assert list(encode(fitted([1, 2, 6], standardize=False), pl.Series("price", [1, 2, 6]))) == [1, 2, 6]


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["b", "a", None, "b", " a "], ("a", "b")),
        ([10, 9, 2, 9], (2, 9, 10)),
        ([1.0, 0.0], (0, 1)),
        ([True, False], (False, True)),
        ([0.5, 1.5], (0.5, 1.5)),
    ],
)
def test_classes_are_sorted_values_and_come_back(values, classes):
    series = pl.Series("kind", values)
    target = fit_target(series, task="classes")
    assert target.classes == classes
    assert [type(c) for c in target.classes] == [type(c) for c in classes]
    known = series.filter(present(series))
    codes = encode(target, known)
    assert codes.dtype == np.int64
    meant = [v.strip() if isinstance(v, str) else v for v in known]
    assert list(decode(target, codes)) == meant


@pytest.mark.parametrize("task", ["regression", "classes"])
def test_json_keeps_a_target(task):
    target = fitted([0.1, 0.7, 0.1], task)
    assert Target.from_json(json.loads(json.dumps(target.to_json()))) == target
    with pytest.raises(RunError, match="damaged"):
        Target.from_json({"name": "x"})


def test_a_weight_counts_like_repeated_rows_and_zero_as_absent():
    by_weight = fitted([1.0, 2.0, 5.0, 1e9], weights=np.array([3.0, 1.0, 2.0, 0.0]))
    by_rows = fitted([1.0, 1.0, 1.0, 2.0, 5.0, 5.0])
    assert by_weight.mean == pytest.approx(by_rows.mean)
    assert by_weight.scale == pytest.approx(by_rows.scale)
    assert fitted(["a", "b", "c"], "classes", weights=np.array([1, 1, 0])).classes == ("a", "b")


def test_rows_without_a_target_are_marked():
    assert list(present(pl.Series([1.0, None, float("nan")]))) == [True, False, False]
    assert list(present(pl.Series(["a", None, " NA "]))) == [True, False, False]
    assert list(present(pl.Series([1, None]))) == [True, False]


@pytest.mark.parametrize(
    ("values", "task", "what"),
    [
        ([2, 2, 2], "regression", "constant: it is 2 in every row"),
        ([2, None, 2], "regression", "constant"),
        ([None, None], "regression", "Every value of the target 'price' is missing"),
        ([None, "?"], "classes", "Every value of the target 'price' is missing"),
        (["1", "2", "high"], "regression", "row 3 of the target 'price' is 'high'"),
        ([dt.date(2020, 1, 1), dt.date(2020, 1, 2)], "regression", "needs numbers"),
        ([1.0, float("inf")], "regression", "Row 2 of column 'price' is an infinite"),
        (["a", "a", None], "classes", "one class only: 'a'"),
        ([f"name {i}" for i in range(30)], "classes", "30 classes in 30 rows"),
        ([dt.date(2020, 1, 1), dt.date(2020, 1, 2)], "classes", "date values"),
    ],
)
def test_a_target_that_can_not_be_learned_is_refused_with_a_reason(values, task, what):
    with pytest.raises(DataError) as raised:
        fitted(values, task)
    assert what in str(raised.value)
    assert len(str(raised.value).splitlines()) == 2


def test_a_task_that_does_not_exist_is_told():
    with pytest.raises(SettingsError, match="regression, classes"):
        fitted([1, 2], "clustering")


def test_a_class_that_training_did_not_see_is_named_with_a_near_match():
    target = fitted(["<=50K", ">50K"], "classes")
    with pytest.raises(DataError, match=r"Row 2 has the class '>50K\.'.*Did you mean '>50K'"):
        encode(target, pl.Series("price", ["<=50K", ">50K."]))


def test_a_missing_target_is_not_encoded():
    with pytest.raises(DataError, match="Row 2 has no value"):
        encode(fitted([1, 2]), pl.Series("price", [1, None]))


def test_a_long_value_is_quoted_on_one_line_and_cut():
    with pytest.raises(DataError) as raised:
        fitted(["1", "a\nb" * 100, "2"])
    assert len(str(raised.value).splitlines()) == 2
    assert len(str(raised.value)) < 200
