"""Preparing: learned from the rows handed in, kept as plain data, applied alike ever after."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallline.data import Preparation, apply, fit_preparation, infer
from fallline.errors import DataError, RunError

TRAINING = pl.DataFrame(
    {
        "income": [1.0, 2.0, None, 6.0, 3.0, 3.0, 3.0, 3.0],
        "sea": ["near", "near", "far", "far", "far", "near", "isle", None],
        "day": ["2020-01-03", "2020-01-01", "2020-01-01", None, "2020-01-05", "2020-01-01", "2020-01-01", "2020-01-01"],
        "y": range(8),
    }
)


def fitted(table: pl.DataFrame = TRAINING, *, types=None, **options) -> Preparation:
    return fit_preparation(table, infer(table, target="y", types=types), **options)


def column(preparation: Preparation, name: str, table: pl.DataFrame) -> np.ndarray:
    return apply(preparation, table)[:, preparation.feature_names.index(name)]


def test_features_are_named_for_what_they_are():
    assert fitted().feature_names == (
        "income",
        "income is missing",
        "sea=far",
        "sea=near",
        "sea=other",
        "sea is missing",
        "day",
        "day is missing",
    )


def test_features_are_float64_with_rows_contiguous():
    features = apply(fitted(), TRAINING)
    assert features.dtype == np.float64
    assert features.flags.c_contiguous
    assert features.shape == (8, 8)


def test_numbers_are_imputed_by_the_median_and_brought_to_mean_zero_and_scale_one():
    income = column(fitted(), "income", TRAINING)
    raw = np.array([1, 2, 3, 6, 3, 3, 3, 3.0])
    np.testing.assert_allclose(income, (raw - raw.mean()) / raw.std(), rtol=1e-14)
    assert list(column(fitted(), "income is missing", TRAINING)) == [0, 0, 1, 0, 0, 0, 0, 0]


def test_without_standardising_numbers_stay_as_they_are():
    got = column(fitted(standardize=False), "income", TRAINING)
    assert list(got) == [1, 2, 3, 6, 3, 3, 3, 3]


def test_a_large_mean_keeps_its_digits():
    noise = np.random.default_rng(1).normal(size=1_000)
    table = pl.DataFrame({"x": 1e9 + noise, "y": noise})
    got = apply(fitted(table), table)[:, 0]
    assert got.std() == pytest.approx(1, abs=1e-7)
    assert np.corrcoef(got, noise)[0, 1] > 1 - 1e-9


def test_dates_become_days_since_the_first_to_train_on():
    preparation = fitted(standardize=False)
    assert list(column(preparation, "day", TRAINING)) == [2, 0, 0, 0, 4, 0, 0, 0]
    later = TRAINING.with_columns(day=pl.lit("2019-12-31T12:00:00Z"))
    assert list(column(preparation, "day", later)) == [-0.5] * 8
    assert "days since 2020-01-01," in preparation.describe()[2]


def test_dates_as_text_and_as_dates_are_the_same():
    as_dates = TRAINING.with_columns(pl.col("day").str.to_date())
    assert np.array_equal(apply(fitted(), TRAINING), apply(fitted(as_dates), as_dates))
    assert np.array_equal(apply(fitted(), as_dates), apply(fitted(), TRAINING))


def test_a_category_is_one_in_its_own_feature_only():
    one_hot = apply(fitted(), TRAINING)[:, 2:6]
    assert (one_hot.sum(axis=1) == 1).all()
    assert list(column(fitted(), "sea=near", TRAINING)) == [1, 1, 0, 0, 0, 1, 0, 0]
    assert list(column(fitted(), "sea=other", TRAINING)) == [0, 0, 0, 0, 0, 0, 1, 0]
    assert list(column(fitted(), "sea is missing", TRAINING)) == [0, 0, 0, 0, 0, 0, 0, 1]


@given(st.text(max_size=8))
def test_an_unseen_category_goes_to_other(name):
    table = TRAINING.with_columns(sea=pl.lit(name))
    there = name.strip()
    if there in ("near", "far", "", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"):
        return
    assert column(fitted(), "sea=other", table).all()
    assert not column(fitted(), "sea=near", table).any()


def test_without_a_feature_for_others_an_unseen_category_is_zero_everywhere():
    table = pl.DataFrame({"c": ["a", "b"] * 5, "y": range(10)})
    preparation = fitted(table)
    assert preparation.feature_names == ("c=a", "c=b")
    assert not apply(preparation, pl.DataFrame({"c": ["z", None]})).any()
    assert "not seen in training has a 0" in preparation.describe()[0]


def test_rare_means_below_a_share_of_the_rows():
    table = pl.DataFrame({"c": ["a"] * 985 + ["b"] * 10 + ["c"] * 5, "y": range(1000)})
    assert fitted(table).feature_names == ("c=a", "c=b", "c=c")
    assert fitted(table, rare=0.006).feature_names == ("c=a", "c=b", "c=other")


def test_at_most_a_hundred_categories_have_a_feature():
    table = pl.DataFrame({"c": [f"v{i % 150:03}" for i in range(900)], "y": range(900)})
    assert len(fitted(table).feature_names) == 101


def test_a_category_called_other_is_not_confused_with_the_rest():
    table = pl.DataFrame({"c": ["other"] * 5 + ["a"] * 5 + ["rare"], "y": range(11)})
    assert fitted(table).feature_names == ("c=a", "c=other", "c=any other")


def test_whole_numbers_as_categories_read_alike_with_and_without_a_fraction():
    table = pl.DataFrame({"zip": [2134, 2135] * 5, "y": range(10)})
    preparation = fitted(table, types={"zip": "category"})
    assert np.array_equal(
        apply(preparation, table), apply(preparation, table.with_columns(pl.col("zip").cast(pl.Float64)))
    )


def test_true_and_false_are_one_feature():
    table = pl.DataFrame({"b": [True, False, True, True], "y": range(4)})
    assert list(apply(fitted(table, standardize=False), table)[:, 0]) == [1, 0, 1, 1]


def test_statistics_come_from_the_rows_handed_in_only():
    later = TRAINING.with_columns(income=pl.lit(1e6))
    assert fitted().steps[0] == fit_preparation(TRAINING, infer(TRAINING.vstack(later), target="y")).steps[0]


def test_a_column_all_missing_in_training_is_harmless():
    table = pl.DataFrame({"x": [None, None, 1.0, 2.0], "y": range(4)})
    columns = infer(table, target="y")
    preparation = fit_preparation(table.head(2), columns)
    assert np.isfinite(apply(preparation, table)).all()


cells = st.fixed_dictionaries(
    {
        "n": st.none() | st.floats(-1e9, 1e9).map(lambda value: round(value, 6)),
        "c": st.sampled_from(["a", "b", "c", "d", None]),
        "d": st.none() | st.dates().map(str),
    }
)
tables = st.lists(cells, min_size=2, max_size=25)
SCHEMA = {"n": pl.Float64, "c": pl.String, "d": pl.String}
KINDS = {"n": "number", "c": "category", "d": "date"}


def framed(rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA).with_columns(y=pl.int_range(len(rows)))


@given(tables, tables)
@settings(deadline=None)
def test_json_keeps_a_preparation_bit_for_bit(training, later):
    preparation = fitted(framed(training), types=KINDS)
    back = Preparation.from_json(json.loads(json.dumps(preparation.to_json(), allow_nan=False)))
    assert back == preparation
    assert apply(back, framed(later)).tobytes() == apply(preparation, framed(later)).tobytes()


@given(st.lists(st.tuples(cells, st.integers(0, 3)), min_size=2, max_size=15).filter(lambda r: any(w for _, w in r)))
@settings(deadline=None)
def test_a_weight_acts_like_repeated_rows(weighted):
    table, weights = framed([row for row, _ in weighted]), np.array([weight for _, weight in weighted], float)
    repeated = framed([row for row, weight in weighted for _ in range(weight)])
    columns = infer(table, target="y", types=KINDS)
    by_weight = fit_preparation(table, columns, weights=weights, rare=0.2)
    by_rows = fit_preparation(repeated, columns, rare=0.2)
    assert by_weight.feature_names == by_rows.feature_names
    np.testing.assert_allclose(apply(by_weight, table), apply(by_rows, table), rtol=1e-7, atol=1e-7)


def test_columns_that_are_absent_are_named_with_near_matches():
    with pytest.raises(DataError) as raised:
        apply(fitted(), TRAINING.rename({"income": "incomes"}).drop("day"))
    assert str(raised.value).splitlines() == [
        "The table lacks columns to predict from: 'income', 'day'.",
        "Did you mean 'incomes' for 'income'? Rename.",
    ]


def test_text_and_infinity_in_a_number_are_named_by_row_and_column():
    with pytest.raises(DataError, match="Row 3 of column 'income' is 'high', which is not a number"):
        apply(fitted(), TRAINING.with_columns(income=pl.Series(["1", "?", "high"] + ["2"] * 5)))
    with pytest.raises(DataError, match="Row 2 of column 'income' is an infinite number"):
        apply(fitted(), TRAINING.with_columns(income=pl.Series([1.0, np.inf] + [2.0] * 6)))
    with pytest.raises(DataError, match="Row 1 of column 'day' is 'soon', which is not a date"):
        apply(fitted(), TRAINING.with_columns(day=pl.lit("soon")))


def test_further_columns_and_no_rows_are_no_matter():
    preparation = fitted()
    assert apply(preparation, TRAINING.drop("y").with_columns(new=1)).shape == (8, 8)
    assert apply(preparation, TRAINING.head(0)).shape == (0, 8)


def test_what_was_done_is_told_a_line_a_column():
    said = fitted().describe()
    assert said[0] == (
        "income: standardised (mean 3, scale 1.32288); missing values become the median 3, "
        "and a second feature marks them"
    )
    assert said[1] == "sea: one feature for each of 2 values, one for all others, one for missing ones"


@pytest.mark.parametrize(
    "data", [{}, [], {"steps": [{"kind": "magic"}]}, {"steps": [{"kind": "number"}]}, {"steps": 3}]
)
def test_a_damaged_preparation_is_told(data):
    with pytest.raises(RunError):
        Preparation.from_json(data)


def test_no_rows_to_learn_from_are_told():
    with pytest.raises(DataError, match="no rows"):
        fit_preparation(TRAINING, infer(TRAINING, target="y"), weights=np.zeros(8))
