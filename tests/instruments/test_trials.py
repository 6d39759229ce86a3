"""Trials beside a training are the same training but for what was changed."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.engine import precision
from fallline.errors import SettingsError
from fallline.instruments.lanes import looks_at
from fallline.instruments.trials import Trial, seconds_a_step, try_out


def table(rows: int = 200) -> pl.DataFrame:
    """Two numbers and a target that they decide, with noise."""
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=rows), draw.normal(size=rows)
    return pl.DataFrame({"x": x, "z": z, "y": 2 * x - z + draw.normal(0, 0.3, rows)})


SETTINGS = {
    "batches": {"batch": 16, "rate": 0.05},
    "all rows": {"batch": "full", "rate": 0.3},
    "a network": {"model": "mlp:8", "batch": 32, "rate": 0.05, "rule": "adam"},
    "averaged": {"batch": 16, "rate": 0.1, "average": "ema:0.9"},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_trial_with_nothing_changed_gives_the_weights_of_the_run(tmp_path, settings):
    frame = table()
    run = fl.train(frame, "y", runs=tmp_path, steps=60, stop=None, precision=64, **settings)
    training = fl.open_run(run.path, frame).training
    with precision(64):
        mine = training.ready.settings
        other = mine.model_copy(update={"schedule": "cosine"})
        seen, ends = try_out(training, [Trial("same", mine), Trial("other", other)], seeds=[0, 1], steps=60)
        kept, (same, *_) = jax.tree.leaves(training.kept), ends
        for ours, theirs in zip(jax.tree.leaves(same.parameters), kept, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    last = seen.filter(step=60)
    assert last["trial"].to_list() == ["same", "same", "other", "other"]
    assert last["loss"].n_unique() == 4
    assert last["loss"][0] == pytest.approx(run.metrics["train"]["loss"], rel=1e-9)
    assert last["validation_loss"][0] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-9)


def test_a_trial_walks_the_path_that_was_recorded(tmp_path):
    frame = table()
    run = fl.train(frame, "y", runs=tmp_path, steps=50, stop=None, batch="full", rate=0.2, precision=64)
    training = fl.open_run(run.path, frame).training
    with precision(64):
        seen, _ = try_out(training, [Trial("same", training.ready.settings)], seeds=[0], steps=50, points=20)
    before = seen.filter(pl.col("step") < 50)  # the loss of a step is the one before its update
    recorded = training.trace["loss"].to_numpy()[before["step"].to_numpy()]
    np.testing.assert_allclose(before["loss"].to_numpy(), recorded, rtol=1e-9)


def test_a_rate_that_was_chosen_is_the_trial_s_own_until_something_it_depends_on_changes(tmp_path):
    frame = table()
    run = fl.train(frame, "y", runs=tmp_path, steps=60, stop=None, batch=16)
    training = fl.open_run(run.path, frame).training
    mine = training.ready.settings
    trials = [
        Trial("same", mine),
        Trial("decays", mine.model_copy(update={"schedule": "cosine"})),
        Trial("momentum", mine.model_copy(update={"rule": "momentum:0.9"})),
    ]
    with precision(32):
        _, tried = try_out(training, trials, seeds=[0, 5], steps=20)
    rates = [each.ready.rate for each in tried]
    assert rates[:4] == [training.ready.rate] * 4
    assert rates[4] == rates[5] != rates[0]


def test_looks_are_even_with_some_early_ones_and_all_within_the_steps():
    assert looks_at(100, 10) == [0, 1, 2, 3, 4, 6, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    assert looks_at(7, 1) == [0, 7]
    assert looks_at(3, 40) == [0, 1, 2, 3]


def test_a_step_of_a_trial_is_timed(tmp_path):
    frame = table()
    run = fl.train(frame, "y", runs=tmp_path, steps=20, stop=None, batch=16, rate=0.1)
    training = fl.open_run(run.path, frame).training
    with precision(32):
        _, (tried,) = try_out(training, [Trial("same", training.ready.settings)], seeds=[0], steps=20)
        assert 0 <= seconds_a_step(tried.ready, 20) < 1


def test_a_model_with_other_outputs_is_refused_in_two_lines(tmp_path):
    frame = table().with_columns(pl.when(pl.col("y") > 0).then(pl.lit("yes")).otherwise(pl.lit("no")).alias("y"))
    run = fl.train(frame, "y", runs=tmp_path, model="logistic", steps=20, stop=None, rate=0.1)
    training = fl.open_run(run.path, frame).training
    softmax = Trial("softmax", training.ready.settings.model_copy(update={"model": "softmax"}))
    with precision(32), pytest.raises(SettingsError, match=r"softmax has 2 outputs.*\n.*as many"):
        try_out(training, [softmax], seeds=[0], steps=5)


def test_a_short_batch_of_a_loss_of_one_s_own_is_walked_by_itself():
    """A loss that can't weigh rows would count the padding."""
    rows = np.arange(10.0)[:, None]
    done = fl.descend(lambda w, x: jnp.mean((w - x) ** 2), jnp.zeros(1), rows, batch=4, rate=0.05, steps=7, stop=None)
    training = done.training
    with precision(64):
        _, (same,) = try_out(training, [Trial("same", training.ready.settings)], seeds=[0], steps=7)
        assert 0 <= seconds_a_step(same.ready, 7) < 1
    np.testing.assert_allclose(same.parameters, done.parameters, rtol=1e-12)
