"""Every gradient against finite differences, of every loss on every model, and of the penalised objective."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fallline.gradient import add_penalty, chain_rule, forward
from fallline.losses import (
    Absolute,
    Hinge,
    Huber,
    LogLoss,
    Penalty,
    Poisson,
    PoissonOfCount,
    Probability,
    Quantile,
    SoftmaxLoss,
    Squared,
)
from fallline.models import Linear, Network
from fallline.rules import Rule, start
from fallline.step import objective, step
from fallline.types import Batch, Parts

pytestmark = pytest.mark.usefixtures("float64")

ROWS, COLUMNS = 9, 3

# Loss, output function that gives what it reads, outputs, and targets. Targets far outside what the start weights
# predict, and a large delta, keep the losses that have kinks away from them (checked by a test below).
NUMBER = 5.0 + np.arange(ROWS) % 4
LOSSES = {
    "squared": (Squared(), "identity", 1, NUMBER),
    "absolute": (Absolute(), "identity", 1, NUMBER),
    "huber near": (Huber(100.0), "identity", 1, NUMBER),
    "huber far": (Huber(0.1), "identity", 1, NUMBER),
    "quantile": (Quantile(0.9), "identity", 1, NUMBER),
    "log": (LogLoss(), "identity", 1, np.arange(ROWS) % 2.0),
    "probability": (Probability(), "sigmoid", 1, np.arange(ROWS) % 2.0),
    "squared of a sigmoid": (Squared(), "sigmoid", 1, np.arange(ROWS) % 2.0),
    "squared of a tanh": (Squared(), "tanh", 1, NUMBER),
    "hinge": (Hinge(), "tanh", 1, np.arange(ROWS) % 2.0),
    "poisson": (Poisson(), "identity", 1, np.arange(ROWS) % 3.0),
    "poisson of a count": (PoissonOfCount(), "exp", 1, np.arange(ROWS) % 3.0),
    "softmax": (SoftmaxLoss(), "identity", 3, np.eye(3)[np.arange(ROWS) % 3]),
    "probabilities": (Probability(), "softmax", 3, np.eye(3)[np.arange(ROWS) % 3]),
    "squared of three": (Squared(), "identity", 3, np.eye(3)[np.arange(ROWS) % 3]),
    "hinge of three": (Hinge(), "tanh", 3, np.eye(3)[np.arange(ROWS) % 3]),
}
MODELS = {
    "linear": lambda outputs, output: Linear(COLUMNS, outputs, output=output),
    "without bias": lambda outputs, output: Linear(COLUMNS, outputs, bias=False, output=output),
    "tanh": lambda outputs, output: Network(COLUMNS, (4, 3), outputs, "tanh", output=output),
    "gelu": lambda outputs, output: Network(COLUMNS, (4,), outputs, "gelu", output=output),
    "sigmoid": lambda outputs, output: Network(COLUMNS, (4,), outputs, "sigmoid", output=output),
    "relu": lambda outputs, output: Network(COLUMNS, (4,), outputs, "relu", output=output),
}


def problem(loss_name: str, model_name: str, penalty: Penalty = Penalty()):  # noqa: B008  it is frozen
    """The objective as a function of the parameters, and parameters away from every kink."""
    loss, output, outputs, target = LOSSES[loss_name]
    draw = np.random.default_rng(1)
    share = draw.uniform(0.5, 1.5, ROWS)
    batch = Batch(jnp.asarray(draw.normal(size=(ROWS, COLUMNS))), jnp.asarray(target), jnp.asarray(share / share.sum()))
    parts = Parts(MODELS[model_name](outputs, output), loss, penalty, Rule())
    parameters = jax.tree.map(lambda leaf: leaf + 0.05, parts.model.init(jax.random.key(3)))
    return parts, parameters, batch


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_first_two_derivatives_are_those_of_finite_differences(loss, model):
    parts, parameters, batch = problem(loss, model)
    check_grads(lambda p: objective(parts, p, batch), (parameters,), order=2, modes=["rev"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", ["linear", "tanh"])
def test_the_penalised_objectives_derivatives_are_those_of_finite_differences(model):
    parts, parameters, batch = problem("squared", model, Penalty(l1=0.3, l2=0.7))
    check_grads(lambda p: objective(parts, p, batch), (parameters,), order=2, modes=["rev"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_steps_gradient_is_that_of_its_objective_and_its_loss_the_loss(loss, model):
    parts, parameters, batch = problem(loss, model, Penalty(l1=0.3, l2=0.7))
    _, seen = step(parts, start(parts.rule, parameters), batch, jnp.array(0.1), jnp.array(0.0))
    value, gradient = jax.value_and_grad(lambda p: objective(parts, p, batch))(parameters)
    np.testing.assert_allclose(seen.objective, value, rtol=1e-13)
    np.testing.assert_allclose(seen.objective - seen.loss, parts.penalty(parameters), rtol=1e-10)
    for name, expected in jax.tree_util.tree_leaves_with_path(gradient):
        found = dict(jax.tree_util.tree_leaves_with_path(seen.gradient))[name]
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)


def test_the_kinks_are_further_away_than_the_differences_reach():
    for model in MODELS:
        for loss in ("absolute", "huber far", "quantile", "hinge", "hinge of three"):
            parts, parameters, batch = problem(loss, model)
            prediction = parts.model.predict(parameters, batch.features)
            kink = batch.target if "hinge" not in loss else 2 * batch.target - 1
            assert float(jnp.abs(jnp.abs(prediction - kink) - (0.1 if "huber" in loss else 0.0)).min()) > 1e-3
    parts, parameters, batch = problem("squared", "relu")
    layer = parameters["layer1"]
    assert float(jnp.abs(batch.features @ layer["weights"] + layer["bias"]).min()) > 1e-3


def test_the_chain_rule_by_hand_is_features_times_errors():
    """d loss / d w = X' (share * (Xw - y)) for squared loss on a linear model, to the last digit or two."""
    parts, parameters, batch = problem("squared", "linear")
    prediction, back_through_model = forward(lambda w: parts.model.predict(w, batch.features), parameters)
    loss, back_through_loss = forward(lambda p: parts.loss(p, batch), prediction)
    gradient = chain_rule(loss, back_through_loss, back_through_model)
    error = batch.share * (prediction - batch.target)
    np.testing.assert_allclose(gradient["weights"], batch.features.T @ error, rtol=1e-14)
    np.testing.assert_allclose(gradient["bias"], error.sum(), rtol=1e-14)


def test_the_gradient_of_the_objective_is_that_of_the_loss_plus_that_of_the_penalty():
    parameters = {"weights": jnp.array([1.0, -2.0]), "bias": jnp.array(4.0)}
    gradient = add_penalty(Penalty(l1=0.5, l2=0.25), parameters, jax.tree.map(jnp.ones_like, parameters))
    np.testing.assert_allclose(gradient["weights"], [1 + 0.75, 1 - 1.0])
    assert float(gradient["bias"]) == 1
