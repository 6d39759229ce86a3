"""What is said of each layer equals what NumPy says of the same weights and rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.engine import precision
from fallline.instruments import measure

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(150, 3))
TABLE = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": np.sin(X[:, 0]) + X[:, 1]})
ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}


def trained(tmp_path, **settings):
    run = fl.train(TABLE, "y", runs=tmp_path, precision=64, **{"epochs": 5, "rate": 0.05, "batch": 16} | settings)
    return fl.open_run(run.path, TABLE)


def forward(run, weights) -> list[np.ndarray]:
    """The signals of each hidden layer, and the prediction."""
    signal, found = np.asarray(run.training.ready.whole.features), []
    for number in (1, 2, 3):
        score = signal @ weights[f"layer{number}/weights"] + weights[f"layer{number}/bias"]
        signal = ACTIVATIONS[run.settings["activation"]](score) if number < 3 else score[:, 0]
        found.append(signal)
    return found


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_signals_dead_and_saturated_shares_equal_numpys(tmp_path, activation):
    run = trained(tmp_path, model="mlp:6,4", activation=activation, init="normal:2")
    found = measure(run.training, "layers")
    last = found.frame.filter(pl.col("step") == pl.col("step").max()).filter("hidden")
    hidden = forward(run, run.weights())[:2]
    np.testing.assert_allclose(last["signal_mean"], [h.mean() for h in hidden], rtol=1e-9)
    np.testing.assert_allclose(last["signal_rms"], [np.sqrt((h**2).mean()) for h in hidden], rtol=1e-9)
    if activation == "relu":
        np.testing.assert_allclose(last["dead"], [(h == 0).all(axis=0).mean() for h in hidden])
        assert found.figures["saturated_share"] is None
    else:
        flat = [1 - h**2 < 0.05 if activation == "tanh" else 4 * h * (1 - h) < 0.05 for h in hidden]
        np.testing.assert_allclose(last["saturated"], [f.mean() for f in flat])
        assert found.figures["dead_share"] is None


def test_gradient_norms_of_each_layer_equal_the_chain_rule_by_hand(tmp_path):
    run = trained(tmp_path, model="mlp:6,4", activation="tanh")
    weights = run.weights()
    one, two, prediction = forward(run, weights)
    whole = run.training.ready.whole
    back = np.asarray(whole.share) * (prediction - np.asarray(whole.target))
    norms, signals = [], (np.asarray(whole.features), one, two)
    delta = back[:, None]
    for number in (3, 2, 1):
        inputs = signals[number - 1]
        norms.append(np.sqrt(np.sum((inputs.T @ delta) ** 2) + np.sum(delta.sum(0) ** 2)))
        delta = delta @ weights[f"layer{number}/weights"].T * (1 - inputs**2)
    found = measure(run.training, "layers").figures
    np.testing.assert_allclose(found["end_gradients"], norms[::-1], rtol=1e-9)


def test_update_ratios_are_those_of_the_record(tmp_path):
    run = trained(tmp_path, model="mlp:6,4")
    frame = measure(run.training, "layers").frame.filter(layer="layer1").filter(pl.col("step") > 0)
    for step, update, ratio in frame.select("step", "update_norm", "update_ratio").iter_rows():
        row = run.trace.filter(step=step)
        assert update == row["update_norm/layer1"][0]
        assert ratio == pytest.approx(row["update_norm/layer1"][0] / row["weight_norm/layer1"][0])
    start = measure(run.training, "layers").frame.filter(step=0)
    assert start["update_ratio"].null_count() == len(start)


def test_ten_layers_stand_in_their_order(tmp_path):
    run = trained(tmp_path, model="mlp:3,3,3,3,3,3,3,3,3,3", activation="tanh", steps=3)
    found = measure(run.training, "layers")
    assert found.figures["layers"] == [f"layer{n}" for n in range(1, 12)]
    start = found.frame.filter(step=0)
    weights = run.weights(0)
    expected = [np.linalg.norm(weights[f"layer{n}/weights"]) for n in range(1, 12)]
    np.testing.assert_allclose(start["weight_norm"], expected, rtol=1e-9)


def test_equal_units_are_seen_and_random_ones_are_not(tmp_path):
    assert measure(trained(tmp_path, model="mlp:5", init="constant:0.1").training, "layers").figures["alike"] == [
        "layer1"
    ]
    assert measure(trained(tmp_path, model="mlp:5").training, "layers").figures["alike"] == []


def test_a_model_of_one_layer_and_a_loss_of_ones_own_have_parameter_groups_for_layers(tmp_path):
    found = measure(trained(tmp_path).training, "layers")
    assert found.figures["layers"] == ["bias", "weights"]
    assert found.figures["hidden"] == 0
    assert not found.frame["hidden"].any()
    done = fl.descend(lambda p, rows: ((p["w"] - rows) ** 2).mean(), {"w": 3.0}, np.arange(4.0), steps=20)
    with precision(64):
        own = measure(done.training, "layers")
    assert own.figures["layers"] == ["w"]
    assert own.frame["gradient_norm"][0] == pytest.approx(3.0)  # 2 * (3 - 1.5)
