"""micrograd's demonstration, repeated: 337 parameters, 100 full-batch steps at a falling rate, 100 printed losses."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from references import published

from fallline.descent import descend
from fallline.legs import train
from fallline.losses import Hinge
from fallline.models import Network
from fallline.types import Batch

pytestmark = pytest.mark.usefixtures("float64")

PUBLISHED = published("micrograd-demo/expected.json")
FEATURES, SIDES = np.array(PUBLISHED["X"]), np.array(PUBLISHED["y"], float)
NETWORK = Network(2, (16, 16))


def start():
    """The published weights, as this network lays them out: [inputs, units]."""
    layers = [
        {"weights": jnp.array(layer["W"], float).reshape(len(layer["b"]), -1).T, "bias": jnp.array(layer["b"], float)}
        for layer in PUBLISHED["init"]
    ]
    return {f"layer{i + 1}": layer for i, layer in enumerate(layers)}


def objective(parameters, batch):
    """Hinge loss, and a penalty on all parameters, biases included."""
    features, sides = batch
    rows = Batch(features, (sides + 1) / 2, jnp.full(len(sides), 1 / len(sides)))
    squares = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(parameters))
    return Hinge()(NETWORK.predict(parameters, features), rows) + 1e-4 * squares


@pytest.fixture(scope="module")
def done(float64):
    return descend(
        objective, start(), (FEATURES, SIDES), rate=1.0, schedule="linear:0.1", steps=100, stop=None, precision=64
    )


def test_all_hundred_printed_losses_come_out_to_twelve_digits(done):
    printed = [line["loss"] for line in PUBLISHED["published"]]
    np.testing.assert_allclose(done.trace["loss"], printed, rtol=1e-12)


def test_all_hundred_printed_accuracies_come_out_along_the_same_path(done):
    ready = done.fitted.ready
    path = [ready.state.parameters]
    train(
        ready.parts,
        ready.state,
        ready.table,
        replace(ready.walk, capacity=1),
        lambda leg: path.append(leg.parameters),
        stop=100,
    )
    right = [(np.asarray(NETWORK.predict(parameters, FEATURES)) > 0) == (SIDES > 0) for parameters in path[:100]]
    printed = [line["accuracy_percent"] for line in PUBLISHED["published"]]
    np.testing.assert_allclose(100 * np.mean(right, axis=1), printed, rtol=1e-14)


def test_the_network_has_the_published_number_of_parameters():
    assert sum(leaf.size for leaf in jax.tree.leaves(start())) == 337
    shapes = jax.tree.map(jnp.shape, NETWORK.init(jax.random.key(0)))
    assert jax.tree.map(jnp.shape, start()) == shapes
