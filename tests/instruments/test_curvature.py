"""Eigenvalues equal NumPy's of the exact Hessian, descent diverges above the limit of the rate, alpha is Cockpit's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from jax.flatten_util import ravel_pytree

import fallline as fl
from fallline.engine import precision
from fallline.errors import RunError
from fallline.instruments import measure
from fallline.instruments.curvature import FEW, alpha_of
from fallline.instruments.spectrum import ends, gradient_and_product, in_float64, trace, whole_hessian
from fallline.step import objective

BENT = np.array([4.0, 1.0, 0.25])


def table(rows: int = 300, columns: int = 4) -> pl.DataFrame:
    """Numbers of unequal spread and a target that they decide, with noise."""
    draw = np.random.default_rng(1)
    X = draw.normal(size=(rows, columns)) + draw.normal(size=(rows, 1))
    y = X @ np.arange(1, columns + 1) + np.sin(X[:, 0]) + draw.normal(0, 0.3, rows)
    return pl.DataFrame({f"x{i}": X[:, i] for i in range(columns)} | {"y": y})


def bowl(w):
    """A quadratic with the eigenvalues BENT."""
    return jnp.sum(jnp.asarray(BENT) * (w - 1.0) ** 2) / 2


def exact_hessian(training) -> np.ndarray:
    """By JAX's own dense Hessian, all columns at once."""
    with precision(64):
        flat, unravel = ravel_pytree(in_float64(training.kept))
        rows = in_float64(training.judged())
        return np.asarray(jax.hessian(lambda f: objective(training.parts, unravel(f), rows))(flat))


def test_eigenvalues_of_least_squares_are_those_of_its_gram_matrix(tmp_path):
    frame = table()
    run = fl.train(frame, "y", model="linear", runs=tmp_path, rate=0.05, steps=20, precision=64, batch="full")
    training = fl.open_run(run.path, frame).training
    found = measure(training, "curvature")
    X = np.asarray(training.ready.whole.features, np.float64)
    X = np.concatenate([np.ones((len(X), 1)), X], axis=1)
    truth = np.linalg.eigvalsh(X.T @ X / len(X))
    seen = found.frame.filter(kind="eigenvalue")["value"].to_numpy()
    np.testing.assert_allclose(seen, truth, rtol=1e-10)
    assert found.figures["trace"] == pytest.approx(truth.sum(), rel=1e-12)
    assert found.figures["condition"] == pytest.approx(truth[-1] / truth[0], rel=1e-9)
    assert found.figures["plain_rate"] == pytest.approx(2 / truth[-1], rel=1e-12)


def test_eigenvalues_of_a_network_are_numpys_of_the_exact_hessian(tmp_path):
    frame = table()
    run = fl.train(frame, "y", model="mlp:6", activation="tanh", runs=tmp_path, rate=0.05, steps=50, precision=64)
    training = fl.open_run(run.path, frame).training
    truth = np.linalg.eigvalsh(exact_hessian(training))
    found = measure(training, "curvature")
    assert found.figures["exact"]
    np.testing.assert_allclose(found.frame.filter(kind="eigenvalue")["value"], truth, atol=1e-10 * truth[-1])
    assert found.figures["trace"] == pytest.approx(truth.sum(), rel=1e-10)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_lanczos_finds_both_ends_of_a_spectrum_too_large_to_write_down(tmp_path, activation):
    frame = table()
    run = fl.train(frame, "y", model="mlp:40", activation=activation, runs=tmp_path, rate=0.02, steps=50, precision=64)
    training = fl.open_run(run.path, frame).training
    assert len(training.names) > FEW
    truth = np.linalg.eigvalsh(exact_hessian(training))
    figures = measure(training, "curvature").figures
    assert not figures["exact"]
    assert figures["lambda_max"] == pytest.approx(truth[-1], rel=1e-6)
    assert figures["lambda_min"] == pytest.approx(truth[0], abs=1e-4 * truth[-1])
    assert abs(figures["trace"] - truth.sum()) <= 5 * figures["trace_error"]
    with precision(64):
        alone = ends(training.parts, training.kept, training.judged(), 1e-3, both=False)
    assert float(alone.largest) == pytest.approx(truth[-1], rel=1e-3)
    assert abs(float(alone.largest) - truth[-1]) <= float(alone.error)


def test_the_product_is_the_hessian_times_the_vector_and_the_whole_is_symmetric():
    done = fl.descend(lambda w: jnp.sum(w**4) + w[0] * w[1], jnp.array([1.0, -2.0]), rate=1e-6, steps=1, stop=None)
    training = done.training
    with precision(64):
        args = (training.parts, training.start, training.judged())
        gradient, times = gradient_and_product(*args)
        np.testing.assert_allclose(gradient, [4 * 1 - 2, 4 * -8 + 1])
        np.testing.assert_allclose(times(jnp.array([1.0, 0.0])), [12.0, 1.0])
        np.testing.assert_allclose(whole_hessian(*args), [[12.0, 1.0], [1.0, 48.0]])
        mean, error = trace(*args)
        assert abs(float(mean) - 60) <= 5 * float(error) + 1e-12


def test_one_parameter_has_one_eigenvalue():
    found = measure(fl.descend(lambda w: 3 * w**2, jnp.array(1.0), rate=0.1, steps=5, stop=None).training, "curvature")
    assert found.figures["lambda_max"] == found.figures["lambda_min"] == pytest.approx(6)
    assert found.figures["condition"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("rule", "limit"),
    [
        ("plain", 2 / 4),
        ("momentum:0.9", 2 * 1.9 / 4),
        ("momentum:0.5", 2 * 1.5 / 4),
        ("nesterov:0.9", 2 * 1.9 / (2.8 * 4)),
    ],
)
def test_a_quadratic_diverges_just_above_the_stable_rate_and_not_just_below(rule, limit):
    def walked(rate: float):
        return fl.descend(bowl, jnp.zeros(3), rule=rule, rate=rate, steps=1500, stop=None)

    below = walked(0.99 * limit)
    figures = measure(below.training, "curvature", step=0).figures
    assert figures["stable_rate"] == pytest.approx(limit, rel=1e-9)
    assert figures["rate"] < figures["stable_rate"]
    assert float(below.trace["objective"][-1]) < 1e-3 * float(below.trace["objective"][0])
    above = walked(1.01 * limit)
    assert float(np.nan_to_num(above.trace["objective"][-1], nan=np.inf)) > 1e6


@pytest.mark.parametrize("rule", ["adam", "rmsprop", "prodigy"])
def test_a_rule_that_scales_by_itself_has_no_known_limit(rule):
    done = fl.descend(bowl, jnp.zeros(3), rule=rule, rate=0.01, steps=3, stop=None)
    figures = measure(done.training, "curvature").figures
    assert figures["stable_rate"] is None
    assert figures["plain_rate"] == pytest.approx(0.5)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.4])
def test_alpha_on_a_quadratic_is_rate_times_curvature_less_one(rate):
    """One direction: w moves to (1 - rate 4) w, so that alpha is rate * 4 - 1 at every step."""
    done = fl.descend(lambda w: 2 * jnp.sum(w**2), jnp.array([3.0]), rate=rate, steps=8, stop=None)
    found = measure(done.training, "curvature")
    seen = found.frame.filter((pl.col("kind") == "alpha") & pl.col("value").is_not_null())
    np.testing.assert_allclose(seen["value"], rate * 4 - 1, atol=1e-9)
    assert found.figures["alpha"] == pytest.approx(rate * 4 - 1, abs=1e-9)


def test_alpha_is_that_of_the_least_squares_parabola_of_cockpit():
    """Cockpit fits value and slope at both ends, each weighted by its variance; on a parabola all weights agree."""
    t, w = 1.7, np.array([2.0, -3.0, 0.8])  # w[0] + w[1] t + w[2] t^2
    phi = np.array([[1, 0, 0], [1, t, t**2], [0, 1, 0], [0, 1, 2 * t]])
    seen = phi @ w
    weights = np.diag(1 / np.array([0.3, 2.0, 0.7, 1.1]))
    mu = np.linalg.solve(phi.T @ weights @ phi, phi.T @ weights @ seen)
    theirs = 2 * t / (-mu[1] / mu[2]) - 1
    assert alpha_of(seen[2:3], seen[3:])[0] == pytest.approx(theirs)


def test_a_step_where_the_loss_bends_down_has_alpha_minus_one_and_one_uphill_has_none():
    np.testing.assert_array_equal(
        alpha_of(np.array([-1.0, 2.0, 0.0]), np.array([-3.0, 1.0, 1.0])), [-1, np.nan, np.nan]
    )


def test_alpha_of_a_network_is_taken_from_steps_walked_again(tmp_path):
    frame = table()
    settings = {"model": "mlp:20", "batch": 32, "rate": 0.01, "rule": "adam", "steps": 40, "stop": None}
    run = fl.train(frame, "y", runs=tmp_path, precision=64, **settings)
    training = fl.open_run(run.path, frame).training
    assert "parameters" not in training.trace.columns
    found = measure(training, "curvature")
    seen = found.frame.filter(kind="alpha")
    row = seen.filter(pl.col("value").is_not_null()).row(3, named=True)
    step = row["step"]
    with precision(64):
        before, after = (training.flat(training.state(s).parameters) for s in (step - 1, step))
        unravel, batch = training.unravel, training.batch_of(step)
        slopes = [
            jax.jvp(lambda f: objective(training.parts, unravel(f), batch), (at,), (after - before,))[1]
            for at in (before, after)
        ]
    assert row["value"] == pytest.approx(float(-slopes[1] / slopes[0]), rel=1e-8)


def test_a_curvature_that_is_not_finite_is_refused_in_two_lines():
    done = fl.descend(lambda w: jnp.sum(jnp.abs(w) ** 1.5), jnp.zeros(2), rate=0.1, steps=2, stop=None)
    with pytest.raises(RunError, match="not finite") as caught:
        measure(done.training, "curvature", step=0)
    assert len(str(caught.value).splitlines()) == 2
