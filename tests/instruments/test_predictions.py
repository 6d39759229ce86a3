"""What the model answers over the data is what it predicts, in the table's own units."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.errors import SettingsError
from fallline.figures.predictions import draw_predictions

DRAW = np.random.default_rng(0)
X = DRAW.normal(5, 2, 300)
LINE = pl.DataFrame({"x": X, "y": 100 * X + DRAW.normal(0, 30, 300)})
PLACES = pl.DataFrame({"a": DRAW.normal(size=300), "b": DRAW.normal(10, 3, size=300)}).with_columns(
    kind=pl.when(pl.col("a") + (pl.col("b") - 10) / 3 > 0).then(pl.lit("up")).otherwise(pl.lit("down"))
)
MANY = PLACES.with_columns(c=pl.Series(DRAW.normal(size=300)))


def predictions(frame: pl.DataFrame, target: str, folder, **settings):
    run = fl.train(frame, target, runs=folder, epochs=20, **settings)
    return fl.open_run(run.path, frame), fl.open_run(run.path, frame).measure("predictions")


def test_one_feature_has_its_function_drawn_and_it_is_what_the_run_predicts(tmp_path):
    run, found = predictions(LINE, "y", tmp_path, rate=0.3)
    line = found.frame.filter(kind="line")
    told = run.predict(pl.DataFrame({"x": line["x"]}))["prediction"].to_numpy()
    np.testing.assert_allclose(line["y"].to_numpy(), told, rtol=1e-5)
    rows = found.frame.filter(kind="row")
    assert LINE["y"].gather(rows["row"] - 1).to_list() == pytest.approx(rows["y"].to_list(), rel=1e-9)
    assert LINE["x"].gather(rows["row"] - 1).to_list() == pytest.approx(rows["x"].to_list(), rel=1e-9)
    assert found.figures["rmse"] == pytest.approx(30, rel=0.2)


def test_two_features_and_classes_have_regions(tmp_path):
    run, found = predictions(PLACES, "kind", tmp_path, rate=1.0)
    cells = found.frame.filter(kind="cell")
    told = run.predict(pl.DataFrame({"a": cells["x"], "b": cells["y"]}))["prediction"]
    assert cells["class"].to_list() == told.to_list()
    assert found.figures["recognised"] > 0.9
    assert found.figures["commonest"] < 0.7


def test_more_features_and_classes_have_the_share_that_is_recognised(tmp_path):
    _, found = predictions(MANY, "kind", tmp_path, rate=1.0)
    share = found.frame["recognised"].to_numpy() @ found.frame["rows"].to_numpy() / found.frame["rows"].sum()
    assert share == pytest.approx(found.figures["recognised"])


def test_more_features_and_a_number_are_predicted_against_true(tmp_path):
    run, found = predictions(MANY.drop("kind"), "c", tmp_path, rate=0.1)
    rows = found.frame
    told = run.predict(MANY[rows["row"].to_numpy() - 1])["prediction"].to_list()
    assert rows["y"].to_list() == pytest.approx(told, abs=1e-5)


def test_a_loss_of_ones_own_has_no_predictions():
    done = fl.descend(lambda w: jnp.sum(w**2), np.ones(2), steps=5)
    with pytest.raises(SettingsError, match="no predictions"):
        fl.measure(done, "predictions")


@pytest.mark.parametrize(("frame", "target"), [(LINE, "y"), (PLACES, "kind"), (MANY, "kind"), (MANY.drop("kind"), "c")])
def test_every_shape_is_drawn_as_valid_vega_lite(tmp_path, frame, target):
    _, found = predictions(frame, target, tmp_path, rate=0.1)
    assert draw_predictions(found).to_dict(validate=True)
