"""Did it memorise or learn: figures that NumPy gives too, and data on which the answer is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.engine import precision
from fallline.errors import RunError, SettingsError
from fallline.figures.measured import draw_measurement
from fallline.instruments import measure
from fallline.measurement import Measurement
from fallline.told import told


def table(rows: int = 300, noise: float = 0.3, features: int = 2) -> pl.DataFrame:
    """Numbers of which the first two decide y, with noise."""
    draw = np.random.default_rng(2)
    X = draw.normal(size=(rows, features))
    y = 2 * X[:, 0] - X[:, 1] + draw.normal(0, noise, rows)
    return pl.DataFrame({f"x{i}": X[:, i] for i in range(features)} | {"y": y})


def train(tmp_path, frame, **settings):
    run = fl.train(frame, "y", runs=tmp_path, **settings)
    return run, fl.open_run(run.path, frame).training


def rows_of(training, part):
    """Features and target of a part, as NumPy's arrays of 64 bits."""
    with precision(64):
        batch = training.part(part)
        return np.asarray(batch.features), np.asarray(batch.target)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A linear model of a line."""
    frame = table()
    run, training = train(tmp_path_factory.mktemp("runs"), frame, rate=0.05, batch=16, precision=64)
    return run, training, measure(training, "fit")


@pytest.fixture(scope="module")
def memorised(tmp_path_factory):
    """A large network of noise."""
    frame = table(240, noise=3.0, features=8)
    settings = {"model": "mlp:64", "rule": "adam", "rate": 0.02, "epochs": 80, "stop": None, "validation": 0.3}
    run, training = train(tmp_path_factory.mktemp("runs"), frame, **settings)
    return run, training, measure(training, "fit")


def test_losses_and_measures_at_the_end_are_those_of_the_run(learned):
    run, _, found = learned
    for part in ("train", "validation", "test"):
        assert found.figures[part] == pytest.approx(run.metrics[part]["loss"], rel=1e-9)
        assert found.figures[f"{part}_measure"] == pytest.approx(run.metrics[part]["rmse"], rel=1e-9)


def test_the_standard_error_of_the_gap_is_that_of_two_means(learned):
    _, training, found = learned
    with precision(64):
        spreads, weights = [], training.flat(training.kept)
    for part in ("train", "validation"):
        features, target = rows_of(training, part)
        rows = (features @ weights[1:] + weights[0] - target) ** 2 / 2
        spreads.append(rows.std() / np.sqrt(len(rows)))
    assert found.figures["gap_error"] == pytest.approx(np.hypot(*spreads), rel=1e-9)
    assert found.figures["gap"] == found.figures["validation"] - found.figures["train"]


def test_the_training_loss_along_the_path_is_the_loss_over_all_training_rows(learned):
    run, training, found = learned
    steps = found.frame.filter(kind="steps")
    features, target = rows_of(training, "train")
    for row in (steps.row(0, named=True), steps.drop_nulls("train").row(-1, named=True)):
        with precision(64):
            weights = training.flat(training.at(row["step"]))
        predicted = features @ weights[1:] + weights[0]
        assert row["train"] == pytest.approx(np.mean((predicted - target) ** 2) / 2, rel=1e-9)
    held = steps.drop_nulls("validation")
    assert held["validation"].to_list() == run.evaluations["validation_loss"].to_list()


def test_a_line_is_learned_and_noise_is_memorised(learned, memorised):
    said = {sentence.claim: sentence.holds for sentence in told(learned[2])}
    assert said["memorised"]
    said = {sentence.claim: sentence.holds for sentence in told(memorised[2])}
    assert not said["memorised"]
    assert not said["turned"]
    assert not said["right-moment"]


def test_the_turn_is_where_the_validation_loss_was_lowest(memorised):
    run, _, found = memorised
    looks = run.evaluations
    assert found.figures["lowest"] == looks["validation_loss"].min()
    assert found.figures["lowest_step"] == looks["step"][looks["validation_loss"].arg_min()]
    assert found.figures["last"] == looks["validation_loss"][-1]


def test_with_more_rows_the_training_loss_rises_and_the_validation_loss_falls(memorised):
    sizes = memorised[2].frame.filter(kind="sizes")
    assert sizes["rows"].to_list() == sorted(sizes["rows"].unique().to_list())
    assert sizes["rows"][-1] == len(memorised[1].ready.rows.weight)
    assert sizes["train_loss"][0] < 0.01 * sizes["validation_loss"][0]
    assert sizes["validation_loss"][-1] < sizes["validation_loss"][0]


def test_the_gain_of_a_doubling_is_the_slope_against_the_logarithm_of_the_rows(memorised):
    f = memorised[2].figures
    slope = np.polyfit(np.log2(f["curve_rows"][-3:]), f["curve_validation"][-3:], 1)[0]
    assert f["doubling"] == pytest.approx(-slope)
    assert f["curve_gain"] == pytest.approx(f["curve_validation"][-3] - f["curve_validation"][-1], rel=1e-5)


def test_the_size_that_is_all_rows_with_the_runs_own_seed_is_the_run(tmp_path, monkeypatch):
    from fallline.instruments import learning_curve

    monkeypatch.setattr(learning_curve, "SEEDS", 1)
    run, training = train(tmp_path, table(), rate=0.05, batch=16, steps=50, stop=None, precision=64)
    last = measure(training, "fit").frame.filter(kind="sizes").row(-1, named=True)
    assert last["train_loss"] == pytest.approx(run.metrics["train"]["loss"], rel=1e-9)
    assert last["validation_loss"] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-9)


def test_the_same_seed_gives_the_same(memorised):
    again = measure(memorised[1], "fit")
    assert again.frame.equals(memorised[2].frame)
    assert again.figures == memorised[2].figures


@pytest.mark.parametrize(
    "settings",
    [{"average": "ema", "batch": 32}, {"batch": "full", "test": 0.0}, {"model": "mlp:4", "batch": "full"}],
    ids=["averaged", "all rows at once, no test rows", "a network on all rows"],
)
def test_other_ways_to_train_are_measured_drawn_and_told(tmp_path, settings):
    _, training = train(tmp_path, table(), rate=0.05, epochs=30, **settings)
    found = measure(training, "fit")
    assert len(told(found)) == 5
    assert (found.figures["test"] is None) == (settings.get("test") == 0.0)
    assert all(chart.to_dict()["layer"] for chart in draw_measurement(found))


def test_classes_are_measured_by_their_accuracy(tmp_path):
    frame = table().with_columns((pl.col("y") > 0).cast(pl.String).alias("y"))
    run, training = train(tmp_path, frame, rate=0.5, batch=32, epochs=10)
    found = measure(training, "fit")
    assert found.figures["test_measure"] == pytest.approx(run.metrics["test"]["accuracy"])
    assert {s.claim: s.holds for s in told(found)}["measure-apart"]


def test_without_rows_held_out_nobody_can_tell(tmp_path):
    _, training = train(tmp_path, table(), rate=0.05, epochs=3, validation=0.0)
    with pytest.raises(RunError, match="no validation rows"):
        measure(training, "fit")
    done = fl.descend(lambda w: (w**2).sum(), np.ones(2), rate=0.1, steps=3)
    with pytest.raises(SettingsError, match="needs a training on a table"):
        measure(done.training, "fit")


def test_a_frame_without_a_finite_number_is_drawn_as_nothing(learned):
    found = learned[2]
    charts = draw_measurement(Measurement("fit", found.frame.clear(), found.figures))
    assert ["no finite loss" in chart.to_dict()["description"] for chart in charts] == [True] * 2
    broken = found.frame.with_columns(pl.lit(float("inf")).alias("train"))
    drawn = draw_measurement(Measurement("fit", broken, found.figures))
    assert all("no finite loss" not in chart.to_dict()["description"] for chart in drawn)
