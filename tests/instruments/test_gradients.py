"""The gradient's values along the path are those of the closed form, and batches leave a floor that all rows do not."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.instruments import measure
from fallline.training import Training

pytestmark = pytest.mark.usefixtures("float64")


def train(tmp_path, **settings) -> Training:
    draw = np.random.default_rng(11)
    x, z = draw.normal(size=160), draw.normal(size=160)
    frame = pl.DataFrame({"x": x, "z": z, "y": 3 * x - z + draw.normal(0, 1.0, 160)})
    asked = {"rate": 0.1, "steps": 200, "batch": "full"} | settings
    run = fl.train(frame, "y", runs=tmp_path, precision=64, stop=None, **asked)
    return fl.open_run(run.path, frame).training


def test_the_entries_along_the_path_are_those_of_the_closed_form(tmp_path):
    training = train(tmp_path, batch=16, steps=30)
    found = measure(training, "gradients")
    whole = training.ready.whole
    columns, target = np.column_stack([np.ones(len(whole.target)), whole.features]), np.asarray(whole.target)
    steps, flats = training.path()
    gradients = (flats @ columns.T - target) @ columns / len(target)
    seen = found.frame.filter(kind="all rows")
    some = [steps.tolist().index(step) for step in seen["step"]]
    sizes = np.abs(gradients[some])
    np.testing.assert_allclose(seen["norm"], np.linalg.norm(gradients[some], axis=1), rtol=1e-9)
    np.testing.assert_allclose(seen["typical"], np.median(sizes, axis=1), rtol=1e-9)
    np.testing.assert_allclose(seen["largest"], sizes.max(axis=1), rtol=1e-9)
    np.testing.assert_allclose(seen["smallest"], sizes.min(axis=1), rtol=1e-9, atol=1e-14)
    assert found.figures["negative_share"] == pytest.approx((gradients[some] < 0).mean())
    assert found.figures["lowest"] == pytest.approx(gradients[some].min())
    assert found.figures["entries"] == sizes.size


def test_with_all_rows_the_gradient_vanishes_and_with_batches_only_its_mean_does(tmp_path):
    full = measure(train(tmp_path / "full"), "gradients").figures
    batches = measure(train(tmp_path / "batch", batch=8), "gradients").figures
    assert full["floor"] is None
    assert full["last_norm"] == pytest.approx(full["whole_last"], rel=0.3)
    assert full["whole_last"] < 1e-5 * full["whole_first"]
    assert batches["floor"] > 3 * batches["whole_last"]
    assert batches["window"] == 10


def test_every_steps_norm_is_the_recorded_one(tmp_path):
    training = train(tmp_path, steps=20)
    found = measure(training, "gradients")
    assert found.frame.filter(kind="batch")["norm"].to_list() == training.trace["gradient_norm"].to_list()
    figures = found.figures
    assert figures["first_norm"] == training.trace["gradient_norm"][0]
    assert figures["update_last"] == training.trace["update_norm"][-1]
    assert figures["ratio"] == pytest.approx(figures["last_norm"] / figures["first_norm"])


def test_a_schedule_is_not_a_constant_rate(tmp_path):
    assert measure(train(tmp_path / "a", steps=10), "gradients").figures["rate_constant"] is True
    shrinking = train(tmp_path / "b", steps=10, schedule="cosine")
    assert measure(shrinking, "gradients").figures["rate_constant"] is False


def test_a_loss_of_ones_own_has_gradients_too():
    done = fl.descend(lambda w: jnp.sum(jnp.array([1.0, 4.0]) * w**2) / 2, jnp.ones(2), rate=0.1, steps=9)
    figures = fl.measure(done, "gradients").figures
    assert figures["whole_first"] == pytest.approx(np.hypot(1, 4))
    assert figures["outside_share"] > 0
    assert figures["negative_share"] == 0


def test_a_training_that_diverged_still_has_gradients(tmp_path):
    figures = measure(train(tmp_path, rate=5.0, steps=400), "gradients").figures
    assert figures["whole_first"] > 0
    assert not figures["last_norm"] < figures["first_norm"]
