"""Trials with one thing varied are the run but for that, and end where the theory of noisy descent says."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.errors import SettingsError
from fallline.instruments import measure
from fallline.instruments.compared import Curves, clearly_lower, state_of
from fallline.instruments.varied import parse


def table(rows: int = 200) -> pl.DataFrame:
    """Two numbers and a target that they decide, with noise."""
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=rows), draw.normal(size=rows)
    return pl.DataFrame({"x": x, "z": z, "y": 2 * x - z + draw.normal(0, 0.3, rows)})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A linear run of 60 steps with batches of 20 rows."""
    frame = table()
    settings = {"model": "linear", "batch": 20, "rate": 0.05, "steps": 60, "stop": None, "precision": 64}
    done = fl.train(frame, "y", runs=tmp_path_factory.mktemp("runs"), **settings)
    return fl.open_run(done.path, frame)


def test_the_trial_with_the_run_s_own_value_ends_where_the_run_ended(run):
    found = run.measure("compare", vary="rate=0.05,0.2")
    assert found.figures["end"][0] == pytest.approx(run.metrics["train"]["loss"], rel=1e-9)
    assert found.figures["held"][0] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-9)
    assert found.figures["steps"] == [60, 60]
    assert found.figures["floor"] == pytest.approx(run.exact["loss"])
    assert found.figures["floor_is"] == "exact"


def test_trials_with_different_batches_see_the_same_number_of_rows(run):
    found = run.measure("compare", vary="batch=full,20,1")
    rows = found.frame.group_by("trial", maintain_order=True).agg(pl.col("rows").max())["rows"].to_numpy()
    assert np.ptp(rows) <= 140
    assert found.figures["steps"][2] == pytest.approx(20 * found.figures["steps"][1], rel=0.01)
    assert found.figures["batches"] == [140, 20, 1]
    assert found.figures["rates"] == [0.05] * 3
    assert all(us > 0 for us in found.figures["us_per_step"])


def test_steps_that_are_asked_for_are_made_by_every_trial(run):
    found = run.measure("compare", vary="batch=full,1", steps=30, seeds=2)
    assert found.figures["steps"] == [30, 30]
    assert found.figures["seeds"] == 2
    seconds = found.frame.filter(pl.col("step") == 30)
    assert seconds["seconds"].to_list() == pytest.approx(
        [30e-6 * us for us in found.figures["us_per_step"] for _ in range(2)]
    )


def test_each_rule_has_a_rate_of_its_own(run):
    found = run.measure("compare", vary="rule=plain;momentum:0.9", steps=30)
    assert found.figures["rates_found"]
    plain, momentum = found.figures["rates"]
    assert momentum < plain


def test_seeds_are_varied_as_trials_of_their_own(run):
    found = run.measure("compare", vary="seed=0,3", steps=60)
    assert found.figures["values"] == ["0", "3"]
    assert found.figures["end"][0] == pytest.approx(run.metrics["train"]["loss"], rel=1e-9)
    assert found.figures["end"][1] != found.figures["end"][0]


def test_hovering_is_as_high_as_the_stationary_variance_of_the_theory():
    """w_new = w - rate (w - x) of rows x with variance 1 / batch: an autoregression whose variance is known."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(4000, 1))
    rate = 0.2
    done = fl.descend(
        lambda w, rows: jnp.mean((w - rows[:, 0]) ** 2) / 2, jnp.ones(()), x, batch=1, rate=rate, steps=10, stop=None
    )
    found = measure(done.training, "compare", vary="batch=1,4", steps=4000, seeds=24)
    floor = float(np.var(x) / 2)
    for batch, late, state in zip((1, 4), found.figures["late"], found.figures["states"], strict=True):
        theory = np.var(x) / batch * rate / (2 - rate) / 2
        assert late - floor == pytest.approx(theory, rel=0.3)
        assert state == "hovers"


def test_a_grid_has_a_trial_for_each_pair_and_twins_for_those_with_memory(run):
    found = run.measure("compare", vary="rate=0.001,0.002 x rule=plain;momentum:0.9", steps=40)
    frame, figures = found.frame, found.figures
    assert frame.filter(pl.col("twin").is_null()).select("a", "b").unique().height == 4
    assert figures["a_values"] == ["0.001", "0.002"]
    assert figures["memory_longer"] == pytest.approx([10, 10])
    assert figures["memory_base"] == ["plain", "plain"]
    assert [round(rate, 3) for rate in figures["memory_rate"]] == [0.001, 0.002]
    same = [late for late, rule in zip(figures["late"], figures["rules"], strict=True) if rule == "plain"]
    assert figures["same_late"] == pytest.approx(same)
    # while gradients agree, momentum moves as the plain rule does at rate / (1 - beta)
    for late, twin, plain in zip(figures["memory_late"], figures["effective_late"], figures["same_late"], strict=True):
        assert abs(late - twin) < abs(late - plain)


def test_a_loss_of_one_s_own_is_compared_without_held_out_rows_and_with_short_batches():
    x = np.random.default_rng(2).normal(size=(10, 1))
    done = fl.descend(lambda w, rows: jnp.mean((w - rows) ** 2), jnp.zeros(1), x, batch=4, rate=0.1, steps=9, stop=None)
    found = measure(done.training, "compare", vary="rule=plain;adam")
    assert found.figures["held_rows"] == 0
    assert found.figures["steps"] == [9, 9]
    again = measure(done.training, "compare", vary="rate=0.1,0.2")
    ended = float(np.mean((np.asarray(done.parameters) - x) ** 2))
    assert again.figures["end"][0] == pytest.approx(ended, rel=1e-9)


def test_a_rate_that_is_far_too_large_diverges_and_has_no_figures(run):
    figures = run.measure("compare", vary="rate=0.05,50").figures
    assert figures["states"][1] == "diverged"
    assert figures["late"][1] is None
    assert figures["best"] == "0.05"


WRONG = {
    "": ["what to vary", "Example"],
    "rate": ["nothing to compare", "Example"],
    "rate=0.1": ["nothing to compare", "Example"],
    "rates=0.1,0.2": ["Unknown setting to vary 'rates'", "rate"],
    "loss=squared,absolute": ["does not vary loss", "can't be compared"],
    "epochs=1,2": ["does not vary epochs", "steps"],
    "rate=0.1,0.2 x rate=1,2": ["varies rate twice"],
    "rate=0.1,0.2 x seed=1,2 x batch=1,2": ["varies 3 settings"],
    "rate=1,2,3,4,5,6,7,8,9": ["9 values", "at most 8"],
    "rule=plain;adm": ["Unknown rule 'adm'", "adam"],
    "rate=0.1,fast": ["rate is 'fast'"],
    "batch=1,9999": ["only 140 training rows"],
    "activation=relu,tanh": ["no layers"],
}


@pytest.mark.parametrize("vary", WRONG)
def test_what_can_t_be_varied_is_told_in_two_lines(run, vary):
    with pytest.raises(SettingsError) as raised:
        run.measure("compare", vary=vary or None)
    said = str(raised.value)
    assert said.count("\n") <= 1
    assert all(word in said for word in WRONG[vary]), said


def test_a_comma_before_a_letter_separates_values_that_hold_commas():
    assert parse("rule=plain,adam:0.9,0.999")[0].values == ("plain", "adam:0.9,0.999")
    assert parse("model=linear,mlp:64,64")[0].values == ("linear", "mlp:64,64")
    assert parse("batch=full,32,1,32")[0].values == ("full", "32", "1")


def curve(*last: float) -> Curves:
    """A loss that falls from 1 to near 0 and then takes these values, of which the last fifth is looked at."""
    loss = np.concatenate([np.linspace(1, last[0], 33), last])
    return Curves("", np.arange(len(loss)), np.arange(len(loss)), loss[None], None)


STATES = {
    "settled": [0.1, 0.1001, 0.1, 0.1, 0.1001, 0.1, 0.1, 0.1],
    "hovers": [0.1, 0.12, 0.09, 0.11, 0.1, 0.12, 0.09, 0.11],
    "falling": [0.2, 0.19, 0.185, 0.17, 0.172, 0.16, 0.15, 0.14],
    "rising": [0.1, 0.12, 0.15, 0.17, 0.2, 0.23, 0.25, 0.3],
    "diverged": [0.1, 1, 5, 30, 100, 300, 1e3, np.inf],
}


@pytest.mark.parametrize("state", STATES)
def test_the_last_fifth_says_whether_a_trial_settled(state):
    assert state_of(curve(*STATES[state])) == state


def test_too_few_looks_tell_nothing():
    few = Curves("", np.arange(5), np.arange(5), np.linspace(1, 0.5, 5)[None], None)
    assert state_of(few) == "short"


def test_lower_by_more_than_seeds_differ():
    assert clearly_lower(np.array([1.0, 1.1, 0.9]), np.array([1.5, 1.7, 1.3]))
    assert not clearly_lower(np.array([1.0, 1.1, 0.9]), np.array([1.05, 1.0, 0.95]))
    assert not clearly_lower(np.array([1.0, np.inf]), np.array([2.0, 2.0]))
    assert clearly_lower(np.array([1.0, 3.0]), np.array([np.inf, np.inf]))
    assert not clearly_lower(np.array([1.0]), np.array([2.0]))
