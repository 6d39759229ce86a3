"""Every loss against an independent formula, its best constant, and its refusal of unequal shapes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from fallline.errors import DataError
from fallline.losses import (
    Absolute,
    Hinge,
    Huber,
    LogLoss,
    OwnLoss,
    Penalty,
    Poisson,
    PoissonOfCount,
    Probability,
    Quantile,
    SoftmaxLoss,
    Squared,
)
from fallline.types import Batch

pytestmark = pytest.mark.usefixtures("float64")

ROWS = 40


def numbers(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions, targets and shares that add up to 1."""
    draw = np.random.default_rng(seed)
    share = draw.uniform(0.1, 3.0, ROWS)
    return draw.normal(size=ROWS), draw.normal(size=ROWS) * 2, share / share.sum()


def sides(seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).uniform(size=ROWS) < 0.4).astype(float)


def counts(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(3.0, ROWS).astype(float)


def one_hot(seed: int = 0, classes: int = 3) -> np.ndarray:
    return np.eye(classes)[np.random.default_rng(seed).integers(0, classes, ROWS)]


def graded(loss, prediction, target, share) -> float:
    return float(loss(jnp.asarray(prediction), Batch(None, jnp.asarray(target), jnp.asarray(share))))


def test_squared_loss_is_half_of_scikit_learns_mean_squared_error():
    prediction, target, share = numbers()
    expected = sklearn.metrics.mean_squared_error(target, prediction, sample_weight=share) / 2
    assert graded(Squared(), prediction, target, share) == pytest.approx(expected, rel=1e-14)


def test_absolute_loss_is_scikit_learns_mean_absolute_error():
    prediction, target, share = numbers()
    expected = sklearn.metrics.mean_absolute_error(target, prediction, sample_weight=share)
    assert graded(Absolute(), prediction, target, share) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("delta", [0.3, 1.0, 5.0])
def test_hubers_loss_is_scipys(delta):
    prediction, target, share = numbers()
    expected = share @ scipy.special.huber(delta, prediction - target)
    assert graded(Huber(delta), prediction, target, share) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_quantile_loss_is_scikit_learns_pinball_loss(q):
    prediction, target, share = numbers()
    expected = sklearn.metrics.mean_pinball_loss(target, prediction, alpha=q, sample_weight=share)
    assert graded(Quantile(q), prediction, target, share) == pytest.approx(expected, rel=1e-14)


def test_log_loss_of_scores_is_scikit_learns_log_loss_of_their_sigmoids():
    prediction, _, share = numbers()
    expected = sklearn.metrics.log_loss(sides(), scipy.special.expit(prediction), sample_weight=share)
    assert graded(LogLoss(), prediction, sides(), share) == pytest.approx(expected, rel=1e-13)


def test_log_loss_of_probabilities_is_scikit_learns():
    prediction, _, share = numbers()
    probability = scipy.special.expit(prediction)
    expected = sklearn.metrics.log_loss(sides(), probability, sample_weight=share)
    assert graded(Probability(), probability, sides(), share) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("loss", [SoftmaxLoss(), Probability()], ids=["scores", "probabilities"])
def test_log_loss_of_three_classes_is_scikit_learns(loss):
    scores, share = np.random.default_rng(1).normal(size=(ROWS, 3)), numbers()[2]
    probabilities = scipy.special.softmax(scores, axis=1)
    expected = sklearn.metrics.log_loss(one_hot().argmax(axis=1), probabilities, sample_weight=share)
    prediction = scores if isinstance(loss, SoftmaxLoss) else probabilities
    assert graded(loss, prediction, one_hot(), share) == pytest.approx(expected, rel=1e-13)


def test_hinge_loss_is_scikit_learns():
    prediction, _, share = numbers()
    expected = sklearn.metrics.hinge_loss(sides(), prediction, sample_weight=share)
    assert graded(Hinge(), prediction, sides(), share) == pytest.approx(expected, rel=1e-14)


def test_hinge_loss_of_three_classes_is_the_sum_of_each_against_the_rest():
    scores, share = np.random.default_rng(1).normal(size=(ROWS, 3)), numbers()[2]
    each = [sklearn.metrics.hinge_loss(one_hot()[:, k], scores[:, k], sample_weight=share) for k in range(3)]
    assert graded(Hinge(), scores, one_hot(), share) == pytest.approx(sum(each), rel=1e-14)


def test_poisson_loss_is_half_of_scikit_learns_deviance_up_to_what_no_prediction_changes():
    prediction, _, share = numbers()
    target = counts()
    deviance = sklearn.metrics.mean_poisson_deviance(target, np.exp(prediction), sample_weight=share)
    unchanged = share @ (scipy.special.xlogy(target, target) - target)
    expected = deviance / 2 - unchanged
    assert graded(Poisson(), prediction, target, share) == pytest.approx(expected, rel=1e-13)
    assert graded(PoissonOfCount(), np.exp(prediction), target, share) == pytest.approx(expected, rel=1e-13)


def test_log_loss_neither_overflows_nor_loses_a_wrong_score_however_large():
    share, target = np.full(2, 0.5), np.array([0.0, 1.0])
    assert graded(LogLoss(), [800.0, -800.0], target, share) == 800.0
    assert graded(LogLoss(), [-800.0, 800.0], target, share) == 0.0


# Each loss with targets that it is made for, and how a constant prediction is laid out.
CONSTANTS = [
    (Squared(), lambda seed: numbers(seed)[1]),
    (Absolute(), lambda seed: numbers(seed)[1]),
    (Huber(0.7), lambda seed: numbers(seed)[1]),
    (Quantile(0.9), lambda seed: numbers(seed)[1]),
    (Quantile(0.2), lambda seed: numbers(seed)[1]),
    (LogLoss(), sides),
    (Probability(), sides),
    (Hinge(), sides),
    (Poisson(), counts),
    (PoissonOfCount(), counts),
    (SoftmaxLoss(), one_hot),
    (Hinge(), one_hot),
    (Squared(), one_hot),
    (Probability(), one_hot),
]
IDS = [f"{type(loss).__name__} {i}" for i, (loss, _) in enumerate(CONSTANTS)]


@pytest.mark.parametrize(("loss", "target_of"), CONSTANTS, ids=IDS)
@given(seed=st.integers(0, 10**6), nudge=st.floats(-0.5, 0.5))
def test_no_nudge_of_the_best_constant_lowers_the_loss(loss, target_of, seed, nudge):
    target, share = target_of(seed), numbers(seed)[2]
    constant = np.asarray(loss.constant(target, share))
    direction = np.random.default_rng(seed + 1).normal(size=constant.shape)
    if isinstance(loss, Probability) and target.ndim == 2:
        direction -= direction.mean()  # probabilities add up to 1
    nudged = constant + nudge * direction
    if isinstance(loss, Probability | PoissonOfCount):
        # A count is positive; a probability and its counterpart are.
        top = np.inf if isinstance(loss, PoissonOfCount) else 1.0
        if (nudged <= 0).any() or (nudged >= top).any():
            nudged = constant
    best, other = (graded(loss, np.broadcast_to(c, target.shape), target, share) for c in (constant, nudged))
    assert best <= other + 1e-9 * (1 + abs(other))


@pytest.mark.parametrize(("loss", "target_of"), CONSTANTS, ids=IDS)
def test_a_loss_refuses_predictions_of_another_shape_than_the_targets(loss, target_of):
    target, share = target_of(0), numbers()[2]
    with pytest.raises(DataError, match="expected them equal"):
        graded(loss, np.full((*target.shape, 1), 0.5), target, share)
    with pytest.raises(DataError, match="expected them equal"):
        graded(loss, np.full(target[:-1].shape, 0.5), target, share)


@pytest.mark.parametrize(("loss", "target_of"), CONSTANTS, ids=IDS)
@given(seed=st.integers(0, 10**6))
def test_row_weights_are_repeated_rows(loss, target_of, seed):
    target = target_of(seed)
    prediction = np.random.default_rng(seed).uniform(0.05, 0.95, target.shape)
    times = np.random.default_rng(seed + 1).permutation(np.arange(ROWS) % 4)
    weighted = graded(loss, prediction, target, times / times.sum())
    repeated = graded(
        loss,
        np.repeat(prediction, times, axis=0),
        np.repeat(target, times, axis=0),
        np.full(times.sum(), 1 / times.sum()),
    )
    assert weighted == pytest.approx(repeated, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(("loss", "target_of"), CONSTANTS, ids=IDS)
def test_a_row_without_share_changes_neither_loss_nor_gradient(loss, target_of):
    target, share = target_of(0), numbers()[2].copy()
    prediction = np.random.default_rng(5).uniform(0.05, 0.95, target.shape)
    share[3] = 0

    def of(p, t, s):
        return jax.value_and_grad(lambda q: loss(q, Batch(None, jnp.asarray(t), jnp.asarray(s))))(jnp.asarray(p))

    value, gradient = of(prediction, target, share)
    less, shorter = of(np.delete(prediction, 3, axis=0), np.delete(target, 3, axis=0), np.delete(share, 3))
    assert float(value) == pytest.approx(float(less), rel=1e-14)
    np.testing.assert_array_equal(gradient[3], np.zeros_like(gradient[3]))
    np.testing.assert_allclose(np.delete(gradient, 3, axis=0), shorter, rtol=1e-14)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (LogLoss(), scipy.special.expit(np.array([-1.0, 2.0]))),
        (Poisson(), np.exp(np.array([-1.0, 2.0]))),
        (Squared(), np.array([-1.0, 2.0])),
        (Hinge(), np.array([-1.0, 2.0])),
        (Probability(), np.array([-1.0, 2.0])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_response_is_what_a_person_means_by_the_prediction(loss, expected):
    np.testing.assert_allclose(loss.response(jnp.array([-1.0, 2.0])), expected, rtol=1e-14)


def test_the_response_of_softmax_scores_is_probabilities_that_add_up_to_1():
    scores = np.random.default_rng(0).normal(size=(5, 3))
    response = SoftmaxLoss().response(jnp.asarray(scores))
    np.testing.assert_allclose(response, scipy.special.softmax(scores, axis=1), rtol=1e-14)


def test_a_penalty_counts_weights_and_no_bias():
    parameters = {
        "layer1": {"weights": jnp.array([[1.0, -2.0]]), "bias": jnp.array([7.0, 7.0])},
        "layer2": {"weights": jnp.array([[3.0], [0.0]]), "bias": jnp.array([9.0])},
    }
    assert float(Penalty(l1=0.5)(parameters)) == 0.5 * 6
    assert float(Penalty(l2=0.5)(parameters)) == 0.5 / 2 * 14
    assert float(Penalty(l1=0.1, l2=0.2)(parameters)) == pytest.approx(0.1 * 6 + 0.1 * 14)
    assert float(Penalty()(parameters)) == 0


def test_the_gradient_of_a_penalty_by_every_bias_is_nought():
    parameters = {"weights": jnp.array([1.0, -2.0]), "bias": jnp.array(7.0)}
    gradient = jax.grad(Penalty(l1=0.5, l2=0.25))(parameters)
    assert float(gradient["bias"]) == 0
    np.testing.assert_allclose(gradient["weights"], [0.5 + 0.25, -0.5 - 0.5])


def test_a_loss_of_ones_own_is_handed_parameters_and_rows():
    rows = {"x": jnp.arange(3.0), "y": jnp.ones(3)}
    loss = OwnLoss(lambda w, batch: w * batch["x"].sum() + batch["y"].sum())
    assert float(loss(jnp.array(2.0), Batch(rows, None, None))) == 9
    assert float(OwnLoss(lambda w: w**2, alone=True)(jnp.array(3.0), Batch(None, None, None))) == 9


def test_equal_losses_are_one_value_so_that_they_share_what_was_compiled():
    assert {Huber(2.0), Huber(2.0), Quantile(0.9), Quantile(0.9)} == {Huber(2.0), Quantile(0.9)}
