"""Models: what they predict, how their weights start, and how small they may be."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from fallline.fit import Rows, fit
from fallline.losses import Penalty, Squared
from fallline.models import Linear, Network
from fallline.models.activations import ACTIVATIONS, OUTPUTS
from fallline.models.init import INITS, start_weights
from fallline.rules import Rule
from fallline.settings import check
from fallline.types import Parts

pytestmark = pytest.mark.usefixtures("float64")

FEATURES = np.random.default_rng(0).normal(size=(7, 3))


def test_a_linear_model_predicts_features_times_weights_plus_bias():
    parameters = {"weights": jnp.array([1.0, -2.0, 0.5]), "bias": jnp.array(3.0)}
    expected = FEATURES @ [1.0, -2.0, 0.5] + 3.0
    np.testing.assert_allclose(Linear(3).predict(parameters, FEATURES), expected, rtol=1e-14)


def test_a_linear_model_with_two_outputs_predicts_two_columns():
    model = Linear(3, outputs=2)
    parameters = model.init(jax.random.key(0))
    assert jax.tree.map(jnp.shape, parameters) == {"weights": (3, 2), "bias": (2,)}
    assert model.predict(parameters, FEATURES).shape == (7, 2)


@pytest.mark.parametrize("model", [Linear(1, bias=False), Network(1, (1,), bias=False)], ids=["linear", "network"])
def test_a_model_without_bias_has_weights_alone(model):
    parameters = model.init(jax.random.key(0))
    assert all("weights" in jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(parameters))
    assert float(jnp.abs(model.predict(parameters, np.zeros((1, 1))))[0]) == 0


def test_a_model_can_have_a_single_parameter_and_learn_it():
    x = np.array([[1.0], [2.0], [3.0]])
    model = Linear(1, bias=False)
    parts = Parts(model, Squared(), Penalty(), Rule())
    fitted = fit(
        parts, check(rate=0.1, batch="full", steps=200, stop=None, precision=64), Rows(x, 2 * x[:, 0], np.ones(3))
    )
    assert sum(leaf.size for leaf in jax.tree.leaves(fitted.parameters)) == 1
    assert float(fitted.parameters["weights"][0]) == pytest.approx(2.0, rel=1e-15)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_network_is_its_layers_one_after_the_other(activation):
    numpy = {
        "relu": lambda s: np.maximum(s, 0),
        "tanh": np.tanh,
        "sigmoid": scipy.special.expit,
        # jax.nn.gelu is the tanh form (Hendrycks and Gimpel, arXiv:1606.08415, section 2)
        "gelu": lambda s: s / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (s + 0.044715 * s**3))),
    }[activation]
    model = Network(3, (4, 5), activation=activation)
    parameters = jax.tree.map(lambda leaf: leaf + 0.1, model.init(jax.random.key(1)))
    signal = FEATURES
    for name in ("layer1", "layer2"):
        signal = numpy(signal @ np.asarray(parameters[name]["weights"]) + np.asarray(parameters[name]["bias"]))
    expected = signal @ np.asarray(parameters["layer3"]["weights"])[:, 0] + float(parameters["layer3"]["bias"][0])
    np.testing.assert_allclose(model.predict(parameters, FEATURES), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("output", "function"),
    {
        "identity": lambda s: s,
        "sigmoid": scipy.special.expit,
        "tanh": np.tanh,
        "relu": lambda s: np.maximum(s, 0),
        "exp": np.exp,
        "softmax": lambda s: scipy.special.softmax(s, axis=-1),
    }.items(),
)
@pytest.mark.parametrize("make", [Linear, lambda *a, **k: Network(a[0], (4,), **k)], ids=["linear", "network"])
def test_the_output_function_is_applied_to_the_last_score(make, output, function):
    plain, bent = make(3, outputs=2), make(3, outputs=2, output=output)
    parameters = plain.init(jax.random.key(2))
    expected = function(np.asarray(plain.predict(parameters, FEATURES)))
    np.testing.assert_allclose(bent.predict(parameters, FEATURES), expected, rtol=1e-13)


def test_every_output_function_that_settings_know_is_tested_here():
    assert set(OUTPUTS) == {"identity", "sigmoid", "tanh", "relu", "exp", "softmax"}


def spread(init: tuple[str, float], activation: str = "relu", inputs: int = 300, outputs: int = 200) -> np.ndarray:
    return np.asarray(start_weights(jax.random.key(3), inputs, outputs, init, activation)).ravel()


def test_hes_start_is_normal_with_variance_2_over_inputs():
    weights = spread(("he", 0.0))
    assert weights.std() == pytest.approx(np.sqrt(2 / 300), rel=0.01)
    assert scipy.stats.kstest(weights / np.sqrt(2 / 300), "norm").pvalue > 0.01


def test_glorots_start_is_uniform_within_the_root_of_6_over_inputs_and_outputs():
    weights, limit = spread(("glorot", 0.0)), np.sqrt(6 / 500)
    assert np.abs(weights).max() == pytest.approx(limit, rel=1e-3)
    assert np.abs(weights).max() <= limit
    assert scipy.stats.kstest(weights, "uniform", (-limit, 2 * limit)).pvalue > 0.01


def test_a_normal_start_has_the_deviation_asked_for():
    assert spread(("normal", 0.03)).std() == pytest.approx(0.03, rel=0.01)


def test_a_uniform_start_keeps_within_the_limit_asked_for():
    weights = spread(("uniform", 0.2))
    assert 0.199 < np.abs(weights).max() <= 0.2
    assert weights.std() == pytest.approx(0.2 / np.sqrt(3), rel=0.01)


def test_a_constant_start_is_that_number_everywhere():
    assert set(spread(("constant", 0.5))) == {0.5}


@pytest.mark.parametrize(
    ("activation", "chosen"), [("relu", "he"), ("gelu", "he"), ("tanh", "glorot"), ("sigmoid", "glorot")]
)
def test_auto_starts_like_he_before_relu_and_gelu_and_like_glorot_elsewhere(activation, chosen):
    np.testing.assert_array_equal(spread(("auto", 0.0), activation), spread((chosen, 0.0), activation))


def test_every_start_has_a_test_here():
    assert set(INITS) == {"auto", "he", "glorot", "normal", "uniform", "constant"}


def test_biases_start_at_nought_and_the_last_layer_as_a_linear_one():
    parameters = Network(3, (4,), start=("auto", 0.0)).init(jax.random.key(4))
    assert not parameters["layer1"]["bias"].any()
    assert not parameters["layer2"]["bias"].any()
    assert float(jnp.abs(parameters["layer2"]["weights"]).max()) <= np.sqrt(6 / 5)


@pytest.mark.parametrize("model", [Linear(3), Network(3, (4,))], ids=["linear", "network"])
def test_the_same_seed_starts_the_same_and_another_seed_does_not(model):
    one, same, other = (jax.tree.leaves(model.init(jax.random.key(seed))) for seed in (7, 7, 8))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_networks_layers_start_from_different_numbers():
    parameters = Network(4, (4, 4), 4).init(jax.random.key(0))
    first, second = (np.asarray(parameters[name]["weights"]) for name in ("layer1", "layer2"))
    assert not np.array_equal(first, second)
