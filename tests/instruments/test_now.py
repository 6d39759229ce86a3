"""What is happening at a step is read off the record, and its two measured figures are those of theory."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.errors import RunError
from fallline.examples import example
from fallline.instruments import measure
from fallline.instruments.now import look_back
from fallline.measurement import Measurement
from fallline.told import told
from fallline.told.now import state

pytestmark = pytest.mark.usefixtures("float64")


def training(tmp_path, *, noise: float = 0.0, **settings):
    draw = np.random.default_rng(3)
    x = draw.normal(size=200)
    frame = pl.DataFrame({"x": x, "y": 2 * x + noise * draw.normal(size=200)})
    asked = {"bias": False, "batch": "full", "init": "at:-1.0", "steps": 30, "rate": 0.1} | settings
    run = fl.train(frame, "y", runs=tmp_path, precision=64, stop=None, **asked)
    return fl.open_run(run.path, frame).training


@pytest.mark.parametrize("rule", ["plain", "momentum:0.5"])
def test_the_stable_rate_is_that_of_the_second_derivative(tmp_path, rule):
    walked = training(tmp_path, rule=rule)
    figures = measure(walked, "now", step=5).figures
    rows = np.asarray(walked.ready.rows.features)[:, 0]
    bend = float((rows**2).mean())
    assert figures["lambda_max"] == pytest.approx(bend, rel=1e-9)
    assert figures["stable_rate"] == pytest.approx(2 * (1.5 if rule != "plain" else 1) / bend, rel=1e-9)


@pytest.mark.parametrize("rate", [0.3, 0.9, 1.6])
def test_alpha_on_a_parabola_is_rate_times_curvature_less_one(tmp_path, rate):
    figures = measure(training(tmp_path, rate=rate, noise=0.5), "now", step=3).figures
    assert figures["alpha"] == pytest.approx(rate * figures["lambda_max"] - 1, abs=1e-6)


def test_the_window_is_that_of_the_trace(tmp_path):
    walked = training(tmp_path, noise=1.0)
    found = measure(walked, "now", step=20)
    objective = walked.trace["objective"]
    assert found.figures["first"] == objective[10]
    assert found.figures["last"] == objective[20]
    assert found.frame["step"].to_list() == list(range(11, 22))
    assert found.figures["noise"] == 0


STATES = {
    "start": ({}, 0),
    "falling": ({"rate": 0.05}, 4),
    "crossing": ({"rate": 1.5, "noise": 1.0}, 2),
    "arrived": ({"rate": 1.0, "noise": 1.0}, 25),
    "diverging": ({"rate": 2.6}, 4),
    "creeping": ({"rate": 0.001}, 12),
    "hovering": ({"rate": 0.9, "batch": 4, "noise": 1.0, "steps": 400}, 390),
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_found_where_it_is_so(tmp_path, name):
    settings, step = STATES[name]
    found = measure(training(tmp_path, **settings), "now", step=step)
    assert state(found.figures) == name
    assert all(sentence.text for sentence in told(found))


def test_a_rule_without_a_known_limit_has_none(tmp_path):
    figures = measure(training(tmp_path, rule="adam"), "now", step=5).figures
    assert figures["stable_rate"] is None


def test_without_a_step_it_is_the_one_that_was_kept(tmp_path):
    assert measure(training(tmp_path), "now").figures["step"] == 30


def test_a_step_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(RunError, match="no step 31"):
        measure(training(tmp_path), "now", step=31)


def test_what_is_said_of_a_loss_that_hovers_is_steady_and_true(tmp_path):
    run = fl.train(example("diabetes"), "progression", runs=tmp_path, rate=0.05, batch=32, stop=None, until=1300)
    walked, steps = fl.open_run(run.path).training, range(1000, 1290)
    looks = [look_back(walked, step)[1] for step in steps]
    assert {state(look) for look in looks} == {"hovering"}
    assert {state(look_back(walked, step)[1]) for step in range(1, 15)} == {"early"}
    rows = walked.ready.rows
    for step, look in zip(steps, looks, strict=True):
        weights = {name: np.asarray(each, np.float64) for name, each in walked.at(step).items()}
        residual = rows.features @ weights["weights"] + weights["bias"] - rows.target
        assert look["whole"] == pytest.approx(float((residual**2).mean()) / 2, rel=1e-5)
        assert look["whole"] > look["optimum"]
    below = next(look for look in looks if look["last"] < look["optimum"])  # the batches' mean, by chance
    text = " ".join(sentence.text for sentence in told(Measurement("now", pl.DataFrame(), below)))
    assert f"{below['whole']:.4f}"[:5] in text
    assert "reached" not in text


def test_one_update_with_a_batch_is_said_of_all_rows(tmp_path):
    walked = training(tmp_path, noise=1.0, batch=4, rate=0.9)
    found = measure(walked, "now", step=2)
    assert state(found.figures) == "early"
    going = next(sentence for sentence in told(found) if sentence.claim == "last-update")
    assert going.holds == (found.figures["whole"] < found.figures["whole_before"])
