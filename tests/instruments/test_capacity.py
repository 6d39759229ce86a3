"""Is the model able to hold the answer: references by NumPy, SciPy and scikit-learn, and data whose answer is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import f_oneway
from sklearn.linear_model import LogisticRegression

import fallline as fl
from fallline.engine import precision
from fallline.errors import SettingsError
from fallline.figures.measured import draw_measurement
from fallline.instruments import measure
from fallline.instruments.residuals import bins_of, find_pattern
from fallline.instruments.wall import linear_wall
from fallline.measurement import Measurement
from fallline.told import told


def table(kind: str, rows: int = 600) -> pl.DataFrame:
    """x decides y along a bend, or along a line; z does not matter; two and three classes by x."""
    draw = np.random.default_rng(3)
    x, z = draw.normal(size=rows), draw.normal(size=rows)
    y = {"bent": x**2, "straight": 2 * x}[kind] + draw.normal(0, 0.3, rows)
    two, three = np.where(x + draw.normal(0, 1, rows) > 0, "b", "a"), np.array(list("abc"))[np.digitize(x, [-0.5, 0.5])]
    return pl.DataFrame({"x": x, "z": z, "y": y, "two": two, "three": three})


def train(tmp_path, frame, target="y", **settings):
    dropped = [name for name in ("y", "two", "three") if name != target]
    frame = frame.drop(dropped)
    run = fl.train(frame, target, runs=tmp_path, **({"steps": 200, "batch": 32} | settings))
    return fl.open_run(run.path, frame).training


@pytest.fixture(scope="module")
def bent(tmp_path_factory):
    """A linear model of a bend, and what the instrument finds."""
    training = train(tmp_path_factory.mktemp("runs"), table("bent"))
    return training, measure(training, "capacity", steps=300)


def test_the_wall_of_squared_loss_is_the_least_squares_of_numpy(tmp_path):
    training = train(tmp_path, table("bent"), precision=64)
    with precision(64):
        wall = linear_wall(training, training.ready.rows)
    X = np.column_stack([training.ready.rows.features, np.ones(len(training.ready.rows.weight))])
    y = np.asarray(training.ready.rows.target)
    rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    assert wall.how == "closed form"
    assert wall.certain
    assert wall.loss == pytest.approx(np.mean(rest**2) / 2, rel=1e-12)


def test_the_wall_of_log_loss_is_that_of_scikit_learn_without_a_penalty(tmp_path):
    training = train(tmp_path, table("bent"), target="two", precision=64)
    with precision(64):
        wall = linear_wall(training, training.ready.rows)
    X, y = np.asarray(training.ready.rows.features), np.asarray(training.ready.rows.target)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, y)
    score = theirs.decision_function(X)
    assert wall.how == "descent"
    assert wall.certain
    assert wall.loss == pytest.approx(np.mean(np.logaddexp(0, score) - y * score), abs=1e-9)


def test_the_share_that_bins_explain_is_that_of_an_analysis_of_variance():
    draw = np.random.default_rng(0)
    column, errors = draw.integers(0, 4, 200).astype(float), draw.normal(size=200)
    errors += 0.3 * column
    found = find_pattern(column[:, None], errors[:, None], np.full(200, 1 / 200), 0)
    f = f_oneway(*(errors[column == value] for value in range(4))).statistic
    assert found.share == pytest.approx(f * 3 / (f * 3 + 196), rel=1e-6)


def test_errors_without_a_pattern_seldom_explain_more_than_chance():
    draw = np.random.default_rng(1)
    share = np.full(150, 1 / 150)
    found = [find_pattern(draw.normal(size=(150, 3)), draw.normal(size=(150, 1)), share, 0) for _ in range(60)]
    assert np.mean([one.share > one.chance for one in found]) <= 0.12  # 0.05 is expected of 60


def test_bins_hold_about_as_many_rows_each_and_few_values_their_own():
    bins = bins_of(np.random.default_rng(0).normal(size=1000))
    assert np.bincount(bins).tolist() == [100] * 10
    assert bins_of(np.array([3.0, 3.0, 7.0])).tolist() == [0, 0, 1]


def test_too_few_rows_or_equal_errors_have_no_pattern():
    assert find_pattern(np.zeros((5, 1)), np.arange(5.0)[:, None], np.full(5, 0.2), 0) is None
    assert find_pattern(np.arange(50.0)[:, None], np.ones((50, 1)), np.full(50, 0.02), 0) is None


def test_a_bend_is_beyond_a_linear_model_whose_errors_show_it(bent):
    _, found = bent
    said = {sentence.claim: sentence for sentence in told(found)}
    assert said["wall"].holds
    assert not said["own-model"].holds
    assert not said["residual-pattern"].holds
    assert found.figures["residual_feature"] == "x"
    assert found.figures["residual_share"] > 0.5
    assert found.figures["network_validation"] < found.figures["wall_validation"] / 2
    assert found.figures["own"] == found.figures["wall_model"] == "linear"
    walls = found.frame.filter(kind="model")
    assert (walls["train_loss"].min() < walls["wall"]).all()
    assert walls.filter("own")["train_loss"].item() == found.figures["wall"]


def test_beyond_its_range_a_network_errs_more_than_one_that_saw_the_whole(bent):
    _, found = bent
    f, bins = found.figures, found.frame.filter(kind="range")
    assert f["range_feature"] == "x"
    assert f["outside_error"] > 2 * f["inside_error"]
    assert f["outside_error"] > f["whole_outside_error"]
    assert bins["rows"].sum() == f["inside_rows"] + f["outside_rows"]
    inside = bins.filter("inside")["x"]
    assert inside.min() >= f["range_low"]
    assert inside.max() <= f["range_high"]


def test_on_a_straight_line_the_linear_model_is_enough(tmp_path):
    training = train(tmp_path, table("straight"), rate=0.1)
    found = measure(training, "capacity", steps=300)
    said = {sentence.claim: sentence for sentence in told(found)}
    assert not said["wall"].holds
    assert said["own-model"].holds
    assert said["residual-pattern"].holds


def test_the_same_seed_gives_the_same_and_the_training_is_left_as_it_was(bent):
    training, found = bent
    kept = training.flat(training.kept).copy()
    again = measure(training, "capacity", steps=300)
    assert again.frame.equals(found.frame)
    assert again.figures == found.figures
    np.testing.assert_array_equal(training.flat(training.kept), kept)


@pytest.mark.parametrize(
    ("target", "settings"),
    [
        ("three", {"model": "mlp:4", "rule": "adam"}),
        ("two", {"loss": "hinge"}),
        ("y", {"model": "mlp:4", "loss": "absolute", "validation": 0.0, "average": "ema"}),
    ],
    ids=["three classes", "hinge", "absolute, nothing held out, averaged"],
)
def test_other_losses_classes_and_splits_are_measured_drawn_and_told(tmp_path, target, settings):
    training = train(tmp_path, table("bent", 300), target=target, steps=60, **settings)
    found = measure(training, "capacity", steps=40)
    assert found.figures["held_out"] == (settings.get("validation") != 0.0)
    assert all("nan" not in sentence.text for sentence in told(found))
    assert len(told(found)) >= 3
    assert all(chart.to_dict()["layer"] for chart in draw_measurement(found))


def test_a_loss_of_ones_own_has_no_other_model():
    done = fl.descend(lambda w: (w**2).sum(), np.ones(2), rate=0.1, steps=3)
    with pytest.raises(SettingsError, match="needs a training on a table"):
        measure(done.training, "capacity")


def test_a_frame_without_a_finite_number_is_drawn_as_nothing(bent):
    _, found = bent
    charts = draw_measurement(Measurement("capacity", found.frame.clear(), found.figures))
    assert ["no " in chart.to_dict()["description"].lower() for chart in charts] == [True] * 2  # no range, no figure
    broken = found.frame.with_columns(pl.lit(float("nan")).alias(c) for c in ("train_loss", "mean", "error"))
    drawn = draw_measurement(Measurement("capacity", broken, found.figures))
    assert ["layer" in chart.to_dict() for chart in drawn] == [True] * 3
