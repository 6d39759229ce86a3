"""Nothing is steeper than the gradient, a quadratic's change is predicted exactly, angles are what geometry says."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.errors import RunError
from fallline.instruments import measure
from fallline.instruments.directions import angle

pytestmark = pytest.mark.usefixtures("float64")

BENT = np.array([9.0, 1.0])
FROM = np.array([1.0, 3.0])


def bowl(w):
    """w'Hw / 2 with the eigenvalues BENT and its minimum at 0."""
    return jnp.sum(jnp.asarray(BENT) * w**2) / 2


def descent(rate: float = 0.02, rule: str = "plain", steps: int = 400, loss=bowl, start=FROM):
    done = fl.descend(loss, jnp.asarray(start), rate=rate, rule=rule, steps=steps, stop=None)
    return done.training


def table(rows: int = 200) -> pl.DataFrame:
    draw = np.random.default_rng(5)
    x, z = draw.normal(size=rows), draw.normal(size=rows)
    return pl.DataFrame({"x": x, "z": x + 0.3 * z, "y": 2 * x - z + draw.normal(0, 0.5, rows)})


def test_no_random_slope_exceeds_the_gradients_length_and_each_is_its_cosine():
    found = measure(descent(), "directions", count=500)
    slopes = found.frame.filter(kind="random")["slope"].to_numpy()
    norm = np.linalg.norm(BENT * FROM)
    assert found.figures["gradient_norm"] == pytest.approx(norm)
    assert found.figures["steeper"] == 0
    assert np.abs(slopes).max() <= norm * (1 + 1e-9)
    assert np.abs(slopes).max() > 0.999 * norm  # in two dimensions some of 500 come close
    assert found.figures["steepest"] == pytest.approx(np.abs(slopes).max())


def test_the_changes_are_those_of_the_quadratic_over_the_runs_own_length():
    rate = 0.02
    figures = measure(descent(rate), "directions", count=10).figures
    gradient = BENT * FROM
    assert figures["length"] == pytest.approx(rate * np.linalg.norm(gradient))
    for sign, name in ((-1, "down"), (1, "up")):
        change = float(bowl(FROM + sign * rate * gradient) - bowl(FROM))
        assert figures[name] == pytest.approx(change, rel=1e-6)
    assert figures["down"] < 0 < figures["up"]


def test_a_step_across_the_valley_rises_along_minus_the_gradient_too():
    assert measure(descent(0.3, steps=3), "directions", count=10).figures["down"] > 0


@pytest.mark.parametrize("rule", ["plain", "momentum:0.9", "adam"])
@pytest.mark.parametrize("step", [0, 7])
def test_slope_and_curvature_predict_the_change_of_a_quadratic_exactly(rule, step):
    figures = measure(descent(0.05, rule, steps=20), "directions", step=step, count=10).figures
    assert figures["predicted"] == pytest.approx(figures["came"], rel=1e-6)
    assert figures["predicted_all"] == pytest.approx(figures["came_all"], rel=1e-6)


def test_the_plain_rules_prediction_is_that_of_the_formula():
    """-rate g'g + rate^2 g'Hg / 2"""
    g = BENT * FROM
    expected = -0.05 * g @ g + 0.05**2 * g @ (BENT * g) / 2
    assert measure(descent(0.05), "directions", count=10).figures["predicted"] == pytest.approx(expected, rel=1e-9)


def test_minus_the_gradient_of_a_round_bowl_points_to_the_minimum_and_of_a_long_one_does_not():
    round_bowl = measure(descent(0.1, loss=lambda w: jnp.sum(w**2) / 2), "directions", count=10).figures
    assert round_bowl["angle"] == pytest.approx(0, abs=1e-4)
    bent = measure(descent(), "directions", count=10).figures
    g = BENT * FROM
    truth = np.degrees(np.arccos(g @ FROM / np.linalg.norm(g) / np.linalg.norm(FROM)))
    assert bent["angle"] == pytest.approx(truth, abs=0.2)  # training ended near 0, not on it
    assert bent["angle_exact"] is None


def test_angles_are_those_of_geometry():
    assert angle(np.array([1.0, 0.0]), np.array([0.0, 2.0])) == pytest.approx(90)
    assert angle(np.array([1.0, 1.0]), np.array([-3.0, -3.0])) == pytest.approx(180)
    assert angle(np.zeros(2), np.ones(2)) is None
    assert angle(np.array([np.nan, 1.0]), np.ones(2)) is None


def test_the_exact_answers_angle_on_a_table_is_that_of_numpys_least_squares(tmp_path):
    frame = table()
    run = fl.train(frame, "y", runs=tmp_path, batch=20, rate=0.02, steps=60, stop=None, precision=64)
    training = fl.open_run(run.path, frame).training
    found = measure(training, "directions", count=50)
    whole = training.ready.whole
    X = np.concatenate([np.ones((len(whole.target), 1)), np.asarray(whole.features)], axis=1)
    best = np.linalg.lstsq(X, np.asarray(whole.target), rcond=None)[0]
    start = training.flat(training.start)
    gradient = X.T @ (X @ start - np.asarray(whole.target)) / len(X)
    assert found.figures["angle_exact"] == pytest.approx(angle(-gradient, best - start), abs=1e-6)
    assert found.figures["gradient_norm"] == pytest.approx(np.linalg.norm(gradient))
    path = found.frame.filter(kind="angle")
    assert path["step"][0] == 0
    assert path["angle_exact"][0] == pytest.approx(found.figures["angle_exact"])
    assert path["angle"][-1] is None  # there it has arrived


def test_the_change_that_came_is_the_recorded_one(tmp_path):
    frame = table()
    run = fl.train(frame, "y", runs=tmp_path, batch="full", rate=0.1, steps=30, stop=None, precision=64)
    training = fl.open_run(run.path, frame).training
    trace = training.trace["objective"]
    figures = measure(training, "directions", step=4, count=10).figures
    assert figures["came_all"] == pytest.approx(trace[5] - trace[4], rel=1e-6)
    assert figures["own_length"]
    last = measure(training, "directions", step=30, count=10).figures
    assert last["came"] is None
    assert not last["own_length"]


def test_a_column_that_depends_on_others_does_not_turn_the_angle(tmp_path):
    """Of all exact answers the nearest is meant: the way to it has no part along what is flat."""
    frame = table().with_columns(copy=pl.col("x"))
    run = fl.train(frame, "y", runs=tmp_path, batch="full", rate=0.05, steps=4000, stop=None, precision=64)
    training = fl.open_run(run.path, frame).training
    assert not training.ready.exact.unique
    figures = measure(training, "directions", count=10).figures
    assert figures["angle_exact"] == pytest.approx(figures["angle"], abs=0.5)


def test_the_same_seed_gives_the_same_directions_and_another_others():
    training = descent()
    one, same, other = (measure(training, "directions", count=20, seed=s).frame for s in (0, 0, 1))
    assert one.equals(same)
    assert not one.equals(other)


def test_where_the_gradient_is_zero_there_is_no_direction():
    with pytest.raises(RunError, match="zero") as caught:
        measure(descent(start=np.zeros(2), steps=1), "directions")
    assert len(str(caught.value).splitlines()) == 2
