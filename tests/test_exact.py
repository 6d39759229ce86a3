"""The closed form, and the few rows that have the loss of many."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge

from fallline.exact import equivalent_rows, least_squares
from fallline.fit import Rows, fit
from fallline.losses import Penalty, Squared
from fallline.models import Linear
from fallline.rules import Rule
from fallline.settings import check
from fallline.types import Batch, Parts

pytestmark = pytest.mark.usefixtures("float64")


def problem(seed: int, rows: int = 30, columns: int = 4, weighted: bool = True):
    """Features of unequal scales, a target, and shares that add up to 1."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(rows, columns)) * [1, 10, 0.1, 3] + [0, 5, 1, -2]
    target = features @ draw.normal(size=columns) + draw.normal(size=rows) + 4
    weight = draw.uniform(0.1, 4, rows) if weighted else np.ones(rows)
    return features, target, weight / weight.sum()


def half_squared(features, target, share, weights, bias, l2=0.0) -> float:
    return float(share @ (features @ weights + bias - target) ** 2 / 2 + l2 / 2 * weights @ weights)


SEEDS = st.integers(0, 10**6)


@given(seed=SEEDS, weighted=st.booleans(), bias=st.booleans())
def test_the_closed_form_is_scikit_learns(seed, weighted, bias):
    features, target, share = problem(seed, weighted=weighted)
    exact = least_squares(features, target, share, bias=bias)
    other = LinearRegression(fit_intercept=bias).fit(features, target, sample_weight=share)
    np.testing.assert_allclose(exact.weights, other.coef_, rtol=1e-9, atol=1e-11)
    assert exact.bias == pytest.approx(float(other.intercept_), rel=1e-9, abs=1e-10)


@given(seed=SEEDS, l2=st.floats(1e-3, 10.0), bias=st.booleans())
def test_the_closed_form_with_a_penalty_is_scikit_learns_ridge(seed, l2, bias):
    features, target, share = problem(seed)
    exact = least_squares(features, target, share, l2=l2, bias=bias)
    other = Ridge(alpha=l2, fit_intercept=bias, solver="cholesky").fit(features, target, sample_weight=share)
    np.testing.assert_allclose(exact.weights, other.coef_, rtol=1e-8, atol=1e-11)


@given(seed=SEEDS, l2=st.sampled_from([0.0, 0.3]), bias=st.booleans())
def test_the_gradient_at_the_closed_form_is_nought(seed, l2, bias):
    features, target, share = problem(seed)
    exact = least_squares(features, target, share, l2=l2, bias=bias)
    error = share * (features @ exact.weights + exact.bias - target)
    np.testing.assert_allclose(features.T @ error + l2 * exact.weights, 0, atol=1e-10)
    if bias:
        assert error.sum() == pytest.approx(0, abs=1e-11)
    else:
        assert exact.bias == 0


@given(seed=SEEDS, l2=st.sampled_from([0.0, 0.3]))
def test_the_loss_and_objective_given_are_those_of_the_weights_given(seed, l2):
    features, target, share = problem(seed)
    exact = least_squares(features, target, share, l2=l2)
    assert exact.loss == pytest.approx(half_squared(features, target, share, exact.weights, exact.bias), rel=1e-12)
    assert exact.objective == pytest.approx(
        half_squared(features, target, share, exact.weights, exact.bias, l2), rel=1e-12
    )


@given(seed=SEEDS)
def test_row_weights_in_the_closed_form_are_repeated_rows(seed):
    features, target, _ = problem(seed)
    times = 1 + np.random.default_rng(seed).integers(0, 3, len(target))
    weighted = least_squares(features, target, times / times.sum())
    repeated = np.repeat(features, times, axis=0), np.repeat(target, times), np.full(times.sum(), 1 / times.sum())
    np.testing.assert_allclose(weighted.weights, least_squares(*repeated).weights, rtol=1e-9)


def test_of_many_answers_the_shortest_is_given():
    features = np.column_stack([np.arange(6.0), 2 * np.arange(6.0)])
    exact = least_squares(features, np.arange(6.0), np.full(6, 1 / 6))
    scaled = np.array([1.0, 2.0])  # columns are scaled to one length first: the shortest there shares out equally
    np.testing.assert_allclose(exact.weights * scaled, [0.5, 0.5], rtol=1e-12)
    assert exact.loss == pytest.approx(0, abs=1e-25)


def test_an_answer_is_unique_unless_columns_depend_on_each_other_and_nothing_penalises_weights():
    features, target, share = problem(0)
    doubled = np.column_stack([features, features[:, 0] - 2 * features[:, 1]])
    assert least_squares(features, target, share).unique
    assert not least_squares(doubled, target, share).unique
    assert least_squares(doubled, target, share, l2=0.1).unique


def test_a_constant_column_gets_no_weight():
    features = np.column_stack([np.arange(6.0), np.full(6, 3.0)])
    exact = least_squares(features, 2 * np.arange(6.0) + 1, np.full(6, 1 / 6))
    np.testing.assert_allclose([*exact.weights, exact.bias], [2, 0, 1], atol=1e-12)


def test_a_column_far_from_nought_costs_no_digits():
    x = 1e6 + np.arange(10.0)
    exact = least_squares(x[:, None], 3 * x - 7, np.full(10, 0.1))
    np.testing.assert_allclose(exact.weights, [3], rtol=1e-12)


@given(seed=SEEDS, weighted=st.booleans())
def test_equivalent_rows_have_the_loss_and_the_gradient_of_all_rows_for_any_weights(seed, weighted):
    features, target, share = problem(seed, rows=50, weighted=weighted)
    few = equivalent_rows(features, target, share)
    assert few[0].shape == (6, 4)
    draw = np.random.default_rng(seed + 1)
    parameters = {"weights": jnp.asarray(draw.normal(size=4) * 3), "bias": jnp.asarray(draw.normal() * 3)}

    def of(table):
        batch = Batch(*map(jnp.asarray, table))
        return jax.value_and_grad(lambda p: Squared()(Linear(4).predict(p, batch.features), batch))(parameters)

    (loss, gradient), (few_loss, few_gradient) = of((features, target, share)), of(few)
    assert float(few_loss) == pytest.approx(float(loss), rel=1e-10)
    for name in parameters:
        scale = float(jnp.abs(gradient[name]).max())
        np.testing.assert_allclose(few_gradient[name], gradient[name], rtol=1e-9, atol=1e-10 * (1 + scale))


def test_equivalent_rows_share_equally_and_as_much_as_all_rows_did():
    features, target, share = problem(0)
    _, _, few = equivalent_rows(features, target, share)
    assert few.sum() == pytest.approx(share.sum(), rel=1e-14)
    assert len(set(few)) == 1


def condensed(rows: int, bits: int, centre: float = 0.0):
    draw = np.random.default_rng(0)
    dtype = np.float32 if bits == 32 else np.float64
    features = (draw.normal(size=(rows, 3)) + centre).astype(dtype)
    target = (features @ [1.0, 2.0, 3.0] + draw.normal(size=rows)).astype(dtype)
    parts = Parts(Linear(3), Squared(), Penalty(), Rule())
    settings = check(rate=0.1, batch="full", steps=100, stop=None, precision=bits)
    return fit(parts, settings, Rows(features, target, np.ones(rows)))


def test_a_full_batch_fit_of_many_rows_walks_on_few_and_a_small_one_on_its_own():
    assert condensed(1000, 64).ready.condensed
    assert not condensed(999, 64).ready.condensed
    assert len(condensed(1000, 64).ready.table.share) == 5


def test_a_path_on_few_rows_is_the_path_on_all_of_them():
    few = condensed(1000, 64)
    ready = few.ready
    weights = ready.state.parameters
    for _ in range(100):
        gradient = jax.grad(lambda p: Squared()(Linear(3).predict(p, ready.whole.features), ready.whole))(weights)
        weights = jax.tree.map(lambda w, g: w - 0.1 * g, weights, gradient)
    for name in weights:
        np.testing.assert_allclose(few.parameters[name], weights[name], rtol=1e-11)


def test_few_rows_are_not_used_where_they_would_cost_the_losss_digits():
    """A mean 1e8 deviations away: the Gram matrix squares that, and float64 has no digits left for the loss."""
    fitted = condensed(1000, 64, centre=1e8)
    assert not fitted.ready.condensed
    assert fitted.ready.exact is not None
