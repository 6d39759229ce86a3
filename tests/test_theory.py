"""What theory says of gradient descent, held as properties of the loop."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fallline.batches import Batches
from fallline.descent import descend
from fallline.fit import Rows, fit
from fallline.losses import LogLoss, Penalty, Squared
from fallline.models import Linear, Network
from fallline.rules import Rule
from fallline.settings import check
from fallline.step import objective
from fallline.survey import as_batch, stable_rate
from fallline.types import Batch, Parts

pytestmark = pytest.mark.usefixtures("float64")

SEEDS = st.integers(0, 10**6)
STEPS = 40


def bowl(w, rows):
    """(w - centre)' A (w - centre) / 2, the same function for every A, so that nothing recompiles."""
    away = w - rows["centre"][0]
    return away @ rows["curvature"][0] @ away / 2


def random_bowl(seed: int, size: int = 4) -> tuple[np.ndarray, np.ndarray, dict]:
    """Eigenvalues from 0.05 to 20, their vectors as columns, and the rows that `bowl` is given."""
    draw = np.random.default_rng(seed)
    eigenvalues = np.exp(draw.uniform(np.log(0.05), np.log(20), size))
    vectors = np.linalg.qr(draw.normal(size=(size, size)))[0]
    curvature = vectors @ np.diag(eigenvalues) @ vectors.T
    return eigenvalues, vectors, {"curvature": curvature[None], "centre": draw.normal(size=(1, size))}


def path(rows: dict, start: np.ndarray, rate: float, steps: int = STEPS) -> np.ndarray:
    """The way from the centre to the weights, at the start and after each step."""
    done = descend(bowl, jnp.asarray(start), rows, rate=rate, steps=steps, stop=None)
    weights = np.vstack([start, np.stack(done.trace["parameters"].to_list())])
    return weights - rows["centre"][0]


@given(seed=SEEDS, part=st.floats(0.05, 0.99))
def test_each_step_shrinks_along_each_eigenvector_by_exactly_1_minus_rate_times_eigenvalue(seed, part):
    eigenvalues, vectors, rows = random_bowl(seed)
    rate = part * 2 / eigenvalues.max()
    start = np.random.default_rng(seed + 1).normal(size=4) * 3
    along = path(rows, start, rate) @ vectors
    expected = along[0] * (1 - rate * eigenvalues) ** np.arange(STEPS + 1)[:, None]
    np.testing.assert_allclose(along, expected, rtol=1e-9, atol=1e-12 * np.abs(along[0]).max())


@given(seed=SEEDS, factor=st.floats(1.001, 1.2))
def test_descent_diverges_above_2_over_the_largest_eigenvalue_and_shrinks_below_it(seed, factor):
    eigenvalues, vectors, rows = random_bowl(seed)
    steepest = vectors[:, eigenvalues.argmax()]
    start = rows["centre"][0] + steepest
    limit = 2 / eigenvalues.max()
    above, below = (np.linalg.norm(path(rows, start, rate), axis=1) for rate in (limit * factor, limit / factor))
    # One that explodes is stopped before the last step.
    np.testing.assert_allclose(above, (2 * factor - 1) ** np.arange(len(above)), rtol=1e-8)
    np.testing.assert_allclose(below, np.abs(2 / factor - 1) ** np.arange(STEPS + 1), rtol=1e-8, atol=1e-12)
    assert above[-1] > 1 > below[-1]


def test_a_diverging_descent_is_told_the_stable_limit_and_its_last_good_weights_are_kept():
    eigenvalues, _, rows = random_bowl(5)
    limit = 2 / eigenvalues.max()
    done = descend(bowl, jnp.zeros(4), rows, rate=1.3 * limit, steps=500, stop=None)
    assert done.verdict.state == "diverged"
    assert done.verdict.figures["stable"] == pytest.approx(limit, rel=5e-3)
    assert f"{done.verdict.figures['stable']:.3g} (2 / lambda_max)" in done.verdict.why
    assert float(bowl(done.parameters, rows)) <= 10 * float(bowl(jnp.zeros(4), rows))


def classes(seed: int, rows: int = 40, columns: int = 3) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(rows, columns))
    return features, (features @ draw.normal(size=columns) + draw.normal(size=rows) > 0).astype(float)


@given(seed=SEEDS, part=st.floats(0.1, 0.999), loss=st.sampled_from([Squared(), LogLoss()]))
def test_the_full_batch_loss_falls_at_every_step_below_1_over_the_largest_curvature(seed, part, loss):
    features, target = classes(seed)
    with_ones = np.column_stack([features, np.ones(len(features))])
    # The curvature of log loss is at most a quarter of squared loss's, wherever the weights are.
    most = np.linalg.eigvalsh(with_ones.T @ with_ones / len(features)).max() * (1.0 if loss == Squared() else 0.25)
    parts = Parts(Linear(3), loss, Penalty(), Rule())
    settings = check(rate=part / most, batch="full", steps=100, stop=None, precision=64, seed=seed)
    legs = []
    fit(parts, settings, Rows(features, target, np.ones(len(target))), keep=legs.append)
    losses = np.concatenate([leg.recorded.loss for leg in legs])
    gradients = np.concatenate([leg.recorded.norm("gradient") for leg in legs])
    # The descent lemma: each step gains at least rate / 2 times the squared gradient (Nesterov 2004, 1.2.3).
    gain = part / most / 2 * gradients[:-1] ** 2
    assert (np.diff(losses) <= -gain + 1e-12 * losses[0]).all()


@partial(jax.jit, static_argnums=0)
def gradient_of(parts: Parts, parameters, batch: Batch):
    return jax.grad(lambda p: objective(parts, p, batch))(parameters)


@given(seed=SEEDS, size=st.sampled_from([1, 7, 39]), weighted=st.booleans())
def test_the_mean_of_an_epochs_batch_gradients_by_their_rows_is_the_full_gradient(seed, size, weighted):
    features, target = classes(seed)
    weight = np.random.default_rng(seed + 2).uniform(0.2, 3, len(target)) if weighted else np.ones(len(target))
    weight /= weight.mean()
    parts = Parts(Network(3, (4,), activation="tanh"), LogLoss(), Penalty(), Rule())
    parameters = parts.model.init(jax.random.key(seed))
    batches = Batches(len(target), size, seed)
    mean = jax.tree.map(jnp.zeros_like, parameters)
    for order, rows in zip(batches.epoch(0), batches.rows_in_steps, strict=True):
        there = order >= 0
        share = jnp.where(there, weight[order], 0) / rows
        gradient = gradient_of(parts, parameters, Batch(features[order], target[order], share))
        mean = jax.tree.map(lambda m, g, rows=rows: m + rows / len(target) * g, mean, gradient)
    full = gradient_of(parts, parameters, as_batch(Rows(features, target, weight)))
    for found, expected in zip(jax.tree.leaves(mean), jax.tree.leaves(full), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("size", [7, 40])
def test_the_loops_own_steps_at_a_vanishing_rate_add_up_to_the_full_gradient(size):
    """An epoch of 40 rows in batches of 7 (the last has 5): the weighted sum of its updates, from the trace."""
    features, target = classes(3)
    weight = np.random.default_rng(4).uniform(0.2, 3, 40)
    weight /= weight.mean()
    parts = Parts(Linear(3), LogLoss(), Penalty(), Rule())
    start = {"weights": jnp.array([0.3, -0.2, 0.1]), "bias": jnp.array(0.05)}
    rate, rows = 1e-6, Rows(features, target, weight)
    batches = Batches(40, size, 0)
    legs = []
    settings = check(rate=rate, batch=size, steps=batches.epoch_steps, stop=None, precision=64)
    fit(parts, settings, rows, parameters=start, keep=legs.append)
    kept = np.concatenate([leg.recorded.parameters for leg in legs])
    first = jax.flatten_util.ravel_pytree(start)[0]
    updates = -np.diff(np.vstack([first, kept]), axis=0) / rate
    mean = batches.rows_in_steps / 40 @ updates
    full = jax.flatten_util.ravel_pytree(gradient_of(parts, start, as_batch(rows)))[0]
    np.testing.assert_allclose(mean, full, rtol=1e-4, atol=1e-6)


@given(seed=SEEDS)
def test_the_measured_stable_rate_is_2_over_the_hessians_largest_eigenvalue(seed):
    features, target = classes(seed)
    with_ones = np.column_stack([features, np.ones(len(features))])
    curvatures = np.linalg.eigvalsh(with_ones.T @ with_ones / len(features))
    assume(curvatures[-2] < 0.9 * curvatures[-1])  # power iteration tells the two largest apart
    parts = Parts(Linear(3), Squared(), Penalty(), Rule())
    parameters = parts.model.init(jax.random.key(0))
    found = stable_rate(parts, parameters, as_batch(Rows(features, target, np.ones(len(target)))))
    assert found == pytest.approx(2 / curvatures[-1], rel=1e-3)
