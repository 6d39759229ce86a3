"""Inferring: what each column is taken for, why, and how to say otherwise."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from fallline.data import infer, task_of
from fallline.errors import DataError, SettingsError

ROWS = 30


def one(values, name: str = "x", **options):
    """What a column of these values is taken for."""
    table = pl.DataFrame({name: pl.Series(values, strict=False), "y": range(len(values))})
    return infer(table, target="y", **options)[0]


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        ([i / 2 for i in range(ROWS)], "number", "numbers, 30 distinct"),
        (list(range(ROWS)), "number", "whole numbers"),
        ([str(i / 2) for i in range(ROWS)], "number", "numbers written as text"),
        (["a", "b", "c"] * 10, "category", "text with 3 distinct values"),
        ([f"name {i}" for i in range(ROWS)], "ignore", "like names or ids ('name 0')"),
        ([True, False] * 15, "number", "as 1 and 0"),
        (["2020-01-01", "2021-05-06"] * 15, "date", "reads as dates"),
        (["2020-01-01T10:00:00Z", "2021-05-06 08:30"] * 15, "date", "reads as dates"),
        ([dt.date(2020, 1, 1), dt.date(2021, 1, 1)] * 15, "date", "dates"),
        ([dt.timedelta(1), dt.timedelta(2)] * 15, "number", "seconds"),
        ([7] * ROWS, "ignore", "constant: every value is '7'"),
        ([7] * 29 + [None], "category", "or missing"),
        ([None] * ROWS, "ignore", "every value is missing"),
        ([[1], [2]] * 15, "ignore", "neither numbers nor text"),
        ([str(i % 9) for i in range(29)] + ["odd"], "category", "29 are numbers, but 'odd' is not"),
    ],
)
def test_a_column_is_taken_for_what_its_values_are(values, kind, why):
    column = one(values)
    assert column.kind == kind
    assert why in column.why


def test_numbers_spoilt_by_a_few_texts_are_refused_unless_somebody_says_what_they_are():
    spoilt = [str(i) for i in range(29)] + ["oops"]
    with pytest.raises(
        DataError, match=r"^Row 30 of column 'x' is 'oops', but 29 of 30 rows hold numbers\.\n.*ignore\.$"
    ):
        one(spoilt)
    assert one(spoilt, types={"x": "ignore"}).kind == "ignore"
    assert one(spoilt, types={"x": "category"}).kind == "category"
    assert one([*spoilt, "a", "b", "c"]).kind == "ignore"  # more than a tenth: names that may look like numbers


@pytest.mark.parametrize("name", ["id", "PassengerId", "customer_id", "unnamed_1", "Unnamed: 0", "index"])
def test_a_whole_number_for_each_row_under_the_name_of_an_id_is_ignored(name):
    assert one(range(ROWS), name).kind == "ignore"
    assert one([1, 2] * 15, name).kind == "number"


@pytest.mark.parametrize("name", ["paid", "grid", "humid", "x", "year"])
def test_a_whole_number_for_each_row_under_another_name_is_kept(name):
    assert one(range(ROWS), name).kind == "number"


def test_missing_and_distinct_values_are_counted():
    column = one([1.0, float("nan"), None, 2.0, 2.0])
    assert (column.distinct, column.missing) == (2, 2)
    column = one(["a", " ? ", "a ", "b", None])
    assert (column.distinct, column.missing) == (2, 2)


def test_the_target_is_no_feature():
    table = pl.DataFrame({"a": [1, 2], "y": [1, 2], "b": [3, 4]})
    assert [column.name for column in infer(table, target="y")] == ["a", "b"]


def test_an_absent_target_is_told_with_near_matches():
    with pytest.raises(DataError, match="Did you mean price"):
        infer(pl.DataFrame({"price": [1], "size": [2]}), target="prise")


def test_types_override_and_the_reason_is_told():
    column = one([2134, 2135] * 15, "zip", types={"zip": "category"})
    assert column.kind == "category"
    assert column.why == "as you said; it would be number: whole numbers, 2 distinct"
    assert one(["a", "b"] * 15, types={"x": "ignore"}).kind == "ignore"
    assert one(["a", "b"] * 15, types={"x": "category", "y": "number"}).why == "as you said"


def test_an_override_that_does_not_exist_is_told_with_near_matches():
    with pytest.raises(SettingsError, match="Did you mean xyz"):
        one([1, 2], "xyz", types={"xys": "number"})
    with pytest.raises(SettingsError, match="Did you mean category"):
        one([1, 2], types={"x": "categori"})


@pytest.mark.parametrize(("kind", "what"), [("number", "not a number"), ("date", "not a date")])
def test_an_override_that_the_values_refute_names_row_and_column(kind, what):
    values = ["1", "2", "x"] if kind == "number" else ["2020-01-01", "2020-01-02", "x"]
    with pytest.raises(DataError, match=f"Row 3 of column 'x' is 'x', which is {what}"):
        one(values, types={"x": kind})


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"], "classes"),
        ([True, False], "classes"),
        ([0, 1, 0], "classes"),
        ([0.0, 1.0], "classes"),
        (["0", "1"], "classes"),
        ([1, 2, None], "classes"),
        ([1, 2, 3], "regression"),
        ([1.5, 2.5], "regression"),
        (["1.5", "2"], "regression"),
    ],
)
def test_the_task_follows_from_the_target(values, task):
    assert task_of(pl.Series("y", values)) == task


def test_the_task_can_be_told_as_the_targets_kind():
    assert task_of(pl.Series("y", [1, 2, 3]), {"y": "category"}) == "classes"
    assert task_of(pl.Series("y", [0, 1]), {"y": "number"}) == "regression"
