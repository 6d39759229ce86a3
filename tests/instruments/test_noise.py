"""The noise of gradients equals what brute force finds: every row's gradient by itself, and every batch of an epoch."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.engine import precision
from fallline.errors import RunError, SettingsError
from fallline.instruments import measure, noise
from fallline.step import objective

pytestmark = pytest.mark.usefixtures("float64")


def table(rows: int = 240) -> pl.DataFrame:
    draw = np.random.default_rng(3)
    x, z = draw.normal(size=rows), draw.normal(size=rows)
    w = draw.integers(1, 4, rows).astype(float)
    return pl.DataFrame({"x": x, "z": z, "y": 2 * x - z + draw.normal(0, 0.5, rows), "w": w})


def trained(folder, **settings):
    frame = table()
    settings = {"rate": 0.02, "steps": 80, "stop": None, "precision": 64, "batch": 16} | settings
    return fl.open_run(fl.train(frame, "y", runs=folder, **settings).path, frame).training


def by_hand(training, flat: np.ndarray) -> np.ndarray:
    """[rows, parameters]: each row's gradient of squared loss on a linear model, times its weight, in NumPy."""
    whole = jax.tree.map(lambda a: np.asarray(a, np.float64), training.ready.whole)
    X = np.concatenate([np.ones((len(whole.target), 1)), whole.features], axis=1)
    return (len(X) * whole.share * (X @ flat - whole.target))[:, None] * X


def test_the_noise_scale_is_the_covariances_trace_over_the_squared_gradient(tmp_path):
    training = trained(tmp_path)
    found = measure(training, "noise")
    rows = by_hand(training, training.flat(training.kept))
    variance = np.trace(np.cov(rows.T, bias=True))
    assert found.figures["gradient_norm"] == pytest.approx(np.linalg.norm(rows.mean(axis=0)), rel=1e-9)
    assert found.figures["spread"] == pytest.approx(np.sqrt(variance), rel=1e-9)
    assert found.figures["noise_scale"] == pytest.approx(variance / np.sum(rows.mean(axis=0) ** 2), rel=1e-9)
    assert found.figures["against"] == pytest.approx(np.mean(rows @ rows.mean(axis=0) < 0))


def test_the_weights_of_rows_count_as_they_do_in_a_batch(tmp_path):
    training = trained(tmp_path, weights="w", l2=0.1)
    rows = by_hand(training, training.flat(training.at(0)))
    found = measure(training, "noise", step=0).figures
    assert found["spread"] ** 2 == pytest.approx(np.trace(np.cov(rows.T, bias=True)), rel=1e-9)
    penalty = 0.1 * training.flat(training.at(0)) * (np.array(training.names) != "bias")
    assert found["gradient_norm"] == pytest.approx(np.linalg.norm(rows.mean(axis=0) + penalty), rel=1e-9)


def test_the_squared_gradient_of_a_batch_is_on_average_as_expected(tmp_path):
    """The mean over many random batches, drawn without putting back."""
    training = trained(tmp_path)
    rows = by_hand(training, training.flat(training.kept))
    draw = np.random.default_rng(0)
    squares = [np.sum(rows[draw.permutation(len(rows))[:16]].mean(axis=0) ** 2) for _ in range(20_000)]
    assert measure(training, "noise").figures["expected_norm"] ** 2 == pytest.approx(np.mean(squares), rel=0.03)


@pytest.mark.parametrize("model", ["mlp:5", "softmax"])
def test_rows_in_chunks_are_the_rows_one_by_one(tmp_path, monkeypatch, model):
    frame = table()
    if model == "softmax":
        frame = frame.with_columns(pl.Series("y", np.array(["a", "b", "c"])[np.arange(len(frame)) % 3]))
    run = fl.train(frame, "y", model=model, runs=tmp_path, rate=0.05, steps=20, stop=None, precision=64, batch=16)
    training = fl.open_run(run.path, frame).training
    monkeypatch.setattr(noise, "NUMBERS", 7 * len(training.names))  # chunks of 7 rows
    found = measure(training, "noise").figures
    each = []
    with precision(64):
        whole, parts = training.ready.whole, training.parts
        gradient = jax.jit(jax.grad(lambda p, row: parts.loss(parts.model.predict(p, row.features), row)))
        for i in range(len(whole.share)):
            row = jax.tree.map(lambda a, i=i: a[i : i + 1], whole)
            row = row._replace(share=row.share * len(whole.share))
            each.append(training.flat(gradient(training.kept, row)))
    assert found["spread"] ** 2 == pytest.approx(np.trace(np.cov(np.array(each).T, bias=True)), rel=1e-9)


def test_the_points_of_the_path_start_at_the_random_start_and_end_where_training_ended(tmp_path):
    training = trained(tmp_path)
    found = measure(training, "noise")
    steps = found.frame["step"].to_list()
    assert (steps[0], steps[-1]) == (0, 80)
    assert len(steps) >= 4
    assert found.figures["start_noise_scale"] == found.frame["noise_scale"][0]
    norms = [float(np.linalg.norm(by_hand(training, training.flat(training.at(s))).mean(axis=0))) for s in steps]
    np.testing.assert_allclose(found.frame["gradient_norm"], norms, rtol=1e-9)


def test_the_floor_is_that_of_the_recorded_gradients_when_training_hovers(tmp_path):
    """Long after it has settled, the batches' gradients are as long as the noise says."""
    found = measure(trained(tmp_path, steps=2000, rate=0.005, batch=4), "noise").figures
    assert found["recorded_norm"] == pytest.approx(found["expected_norm"], rel=0.15)
    assert found["floor"] < found["expected_norm"]
    assert found["recorded_least"] < found["recorded_norm"]


def test_no_floor_is_given_for_the_full_batch_or_an_early_step(tmp_path):
    assert measure(trained(tmp_path, batch="full"), "noise").figures["floor"] is None
    assert measure(trained(tmp_path), "noise", step=10).figures["floor"] is None


def test_a_loss_of_ones_own_has_no_rows_to_compare():
    done = fl.descend(lambda w: jnp.sum(w**2), jnp.ones(2), rate=0.1, steps=3, stop=None)
    with pytest.raises(SettingsError, match="row by row") as caught:
        measure(done.training, "noise")
    assert len(str(caught.value).splitlines()) == 2


def test_gradients_that_are_not_finite_are_refused_in_two_lines(tmp_path):
    training = trained(tmp_path)
    broken = replace(training, kept=jax.tree.map(lambda a: a * np.inf, training.kept))
    with pytest.raises(RunError, match="not finite") as caught:
        measure(broken, "noise")
    assert len(str(caught.value).splitlines()) == 2


def test_the_gradient_of_the_objective_is_that_of_the_loop(tmp_path):
    training = trained(tmp_path, l2=0.3)
    with precision(64):
        gradient = jax.grad(lambda p: objective(training.parts, p, training.ready.whole))(training.kept)
        norm = np.linalg.norm(training.flat(gradient))
    assert measure(training, "noise").figures["gradient_norm"] == pytest.approx(norm, rel=1e-9)
