"""Step 2 of a project: what prepared rows say of weights, classes and columns that will not do."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from fallline.errors import DataError, SettingsError
from fallline.settings import check
from fallline.table import prepare_table, to_classes


def frame(rows: int = 90) -> pl.DataFrame:
    draw = np.random.default_rng(0)
    town = ["a"] * (rows * 2 // 3) + ["b"] * (rows - rows * 2 // 3)
    return pl.DataFrame({"x": draw.normal(size=rows), "town": town, "w": np.ones(rows), "y": draw.normal(size=rows)})


def prepared(target: str, table: pl.DataFrame | None = None, **given):
    return prepare_table(frame() if table is None else table, target, check(), **given)


def test_balanced_classes_count_alike_over_the_training_rows():
    made = prepared("town", class_weight="balanced")
    train = made.split.train
    totals = np.bincount(made.codes[train].astype(int), weights=made.weight[train])
    assert totals[0] == pytest.approx(totals[1])


def test_a_class_counts_what_is_said_of_it():
    made = prepared("town", class_weight={"b": 3.0})
    assert set(made.weight[made.codes == 1]) == {3.0}
    assert set(made.weight[made.codes == 0]) == {1.0}


@pytest.mark.parametrize(
    ("target", "asked", "said"),
    [("y", "balanced", "needs classes"), ("town", "evenly", "balanced"), ("town", {"c": 2.0}, "Unknown class 'c'")],
)
def test_class_weights_that_will_not_do_are_refused(target, asked, said):
    with pytest.raises(SettingsError, match=said):
        prepared(target, class_weight=asked)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([-1.0] + [1.0] * 89, "Row 1 has -1.0"),
        ([1.0, None] + [1.0] * 88, "Row 2"),
        ([0.0] * 90, "are 0"),
        (["one"] * 90, "Row 1"),
    ],
)
def test_row_weights_that_will_not_do_are_refused(weights, said):
    with pytest.raises(DataError, match=said):
        prepared("y", frame().with_columns(w=pl.Series(weights)), weight_column="w")


@pytest.mark.parametrize("asked", [{"split_column": "part"}, {"weight_column": "weights"}])
def test_a_column_that_is_not_there_is_told_with_those_that_are(asked):
    with pytest.raises(DataError, match="Known: x, town, w, y"):
        prepared("y", **asked)


def test_a_table_with_nothing_to_learn_from_is_refused():
    with pytest.raises(DataError, match="No column is left"):
        prepared("y", frame().select("y", pl.lit(1).alias("same")))


def test_rows_without_a_target_are_left_out_and_counted():
    made = prepared("y", frame().with_columns(y=pl.when(pl.col("x") > 0).then("y")))
    assert made.dropped == int((frame()["x"] <= 0).sum())
    assert (frame()["x"].to_numpy()[made.numbers] > 0).all()


def test_the_target_of_several_classes_has_a_column_each_when_the_model_has_an_output_each():
    made = prepared("town")
    rows = made.rows(made.split.train, 2, np.float32)
    assert rows.target.shape == (len(made.split.train), 2)
    assert (rows.target.sum(axis=1) == 1).all()
    assert rows.weight.mean() == pytest.approx(1)


def test_scores_that_are_no_probabilities_still_give_classes():
    assert to_classes(np.array([-2.0, 0.3]), False)[0].tolist() == [0, 1]
    codes, each = to_classes(np.array([0.2, 0.9]), True)
    assert codes.tolist() == [0, 1]
    np.testing.assert_allclose(each, [[0.8, 0.2], [0.1, 0.9]])
    assert to_classes(np.array([[1.0, 3.0, 2.0]]), False)[1] is None
