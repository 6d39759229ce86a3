"""One update, taken apart: its factors multiply to the gradient, its formula gives the direction that was taken."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.errors import RunError
from fallline.instruments import measure
from fallline.measurement import Figures
from fallline.training import Training

pytestmark = pytest.mark.usefixtures("float64")


def table(rows: int = 90) -> pl.DataFrame:
    draw = np.random.default_rng(7)
    x, z = draw.normal(size=rows), draw.normal(size=rows)
    kind = np.where(x > 0.4, "high", np.where(z > 0, "middle", "low"))
    return pl.DataFrame({"x": x, "z": z, "y": 2 * x - z, "kind": kind, "side": np.where(x + z > 0, "a", "b")})


def train(tmp_path, target: str = "y", **settings) -> Training:
    frame = table().select("x", "z", target)
    asked = {"rate": 0.05, "steps": 12, "batch": 10} | settings
    run = fl.train(frame, target, runs=tmp_path, precision=64, stop=None, **asked)
    return fl.open_run(run.path, frame).training


MODELS = {
    "linear": {"model": "linear"},
    "with a penalty": {"model": "linear", "l2": 0.1},
    "logistic": {"model": "logistic", "target": "side"},
    "softmax": {"model": "softmax", "target": "kind"},
    "a network": {"model": "mlp:4,3", "activation": "tanh"},
    "a network of classes": {"model": "mlp:4", "target": "kind"},
    "a network with softmax": {"model": "mlp:4", "target": "kind", "output": "softmax"},
}


@pytest.mark.parametrize("name", MODELS)
def test_the_factors_of_the_rows_multiply_and_add_up_to_the_derivative(tmp_path, name):
    training = train(tmp_path, **MODELS[name])
    for weight in (training.names[0], training.names[-1], None):
        figures = measure(training, "step", step=3, weight=weight).figures
        chain, chosen = figures["chain"], figures["weights"][0]
        assert chain["weight"] == chosen["name"]
        assert weight in (None, chosen["name"])
        assert chain["derivative"] == pytest.approx(chosen["gradient"], rel=1e-9, abs=1e-12)
        for row in chain["rows"]:
            product = np.sum(np.multiply(row["by_prediction"], row["by_weight"])) * row["share"]
            assert row["part"] == pytest.approx(product, rel=1e-9, abs=1e-15)
        parts = sum(row["part"] for row in chain["rows"]) + chain["others"] + chain["penalty"]
        assert parts == pytest.approx(chosen["gradient"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["a network", "a network of classes", "a network with softmax"])
def test_layer_by_layer_one_rows_factors_give_its_derivative(tmp_path, name):
    training = train(tmp_path, **MODELS[name])
    parts, batch = training.parts, training.batch_of(3)
    numbers = training.table.numbers[training.table.split.train[training.rows_of(3)]] + 1

    for weight in training.names[::5]:
        layers = measure(training, "step", step=3, weight=weight).figures["layers"]
        place = numbers.tolist().index(layers["row"])
        k = training.names.index(weight)
        flat = training.flat(training.state(2).parameters)

        def row_loss(value: float, k: int = k, flat: np.ndarray = flat, place: int = place) -> jax.Array:
            prediction = parts.model.predict(
                training.unravel(jnp.asarray(flat).at[k].set(value)), batch.features[place : place + 1]
            )
            return parts.loss.rows(prediction, batch.target[place : place + 1])[0]

        h = 1e-6
        central = (row_loss(flat[k] + h) - row_loss(flat[k] - h)) / (2 * h)
        assert layers["product"] == pytest.approx(float(central), rel=1e-5, abs=1e-8)
        assert layers["product"] == layers["arriving"] * layers["slope"] * layers["signal"]
        above = [part["layer"] for part in layers["above"]]
        assert above == [name for name in sorted(training.start, reverse=True) if name > layers["layer"]]


def formula(m: Figures) -> float:
    """The rule's direction by its printed formula."""
    g = m["used"]
    kinds = {
        "plain": lambda: g,
        "momentum": lambda: m["beta"] * m["v_old"] + g,
        "nesterov": lambda: g + m["beta"] * (m["beta"] * m["v_old"] + g),
        "adagrad": lambda: g / np.sqrt(m["sum_old"] + g**2 + m["eps"]),
        "rmsprop": lambda: g / (np.sqrt(m["decay"] * m["v_old"] + (1 - m["decay"]) * g**2) + m["eps"]),
        "adam": lambda: _adam(m, g),
        "adamw": lambda: _adam(m, g) + m["decayed"],
        "lion": lambda: np.sign(m["b1"] * m["m_old"] + (1 - m["b1"]) * g),
    }
    return float(kinds[m["kind"]]())


def _adam(m: Figures, g: float) -> float:
    mean = (m["b1"] * m["m_old"] + (1 - m["b1"]) * g) / (1 - m["b1"] ** m["t"])
    square = (m["b2"] * m["v_old"] + (1 - m["b2"]) * g**2) / (1 - m["b2"] ** m["t"])
    return mean / (np.sqrt(square) + m["eps"])


RULES = ["plain", "momentum:0.8", "nesterov", "adagrad", "rmsprop", "adam:0.8,0.99", "adamw", "lion"]


@pytest.mark.parametrize("clip", [None, 0.1])
@pytest.mark.parametrize("rule", RULES)
def test_a_rules_own_formula_gives_the_direction_of_the_update_that_was_recorded(tmp_path, rule, clip):
    training = train(tmp_path, rule=rule, clip=clip)
    figures = measure(training, "step", step=5, weight="weights[x]").figures
    memory, chosen = figures["memory"], figures["weights"][0]
    assert formula(memory) == pytest.approx(memory["direction"], rel=1e-9)
    assert chosen["update"] == pytest.approx(figures["rate"] * memory["direction"], rel=1e-12)
    assert chosen["new"] == pytest.approx(training.flat(training.at(5))[training.names.index("weights[x]")], rel=1e-12)
    assert figures["readd_error"] <= figures["readd_rounding"]
    assert (memory["used"] != memory["gradient"]) == (clip is not None and figures["gradient_norm"] > clip)


def test_at_the_first_step_nothing_is_old_and_later_momentum_is(tmp_path):
    training = train(tmp_path, rule="momentum:0.9")
    assert measure(training, "step", step=1).figures["memory"]["old_share"] == 0
    later = measure(training, "step", step=8).figures["memory"]["old_share"]
    before = training.state(7)
    old = 0.9 * np.linalg.norm(training.flat(before.rule.trace))
    new = measure(training, "step", step=8).figures["gradient_norm"]
    assert later == pytest.approx(old / (old + new), rel=1e-9)


def test_the_rows_are_those_of_the_table_with_prediction_target_and_error(tmp_path):
    training = train(tmp_path)
    found = measure(training, "step", step=4)
    frame, target = table(), training.table.target
    for row in found.figures["rows"]:
        assert row["own"] == pytest.approx(frame["y"][row["row"] - 1])
        assert row["own"] == pytest.approx(row["target"] * target.scale + target.mean)
        assert row["error"] == pytest.approx(row["prediction"] - row["target"])
        assert row["loss"] == pytest.approx(row["error"] ** 2 / 2)
    assert found.frame.filter(kind="row").height == 10
    assert found.figures["loss_after"] < found.figures["loss"]


def test_of_several_classes_the_picture_has_the_probability_of_the_true_one(tmp_path):
    training = train(tmp_path, model="softmax", target="kind")
    found = measure(training, "step", step=4)
    rows = found.frame.filter(kind="row")
    assert set(rows["target"]) == {1.0}
    assert rows["before"].is_between(0, 1).all()
    assert set(found.figures["rows"][0]["own"]) <= set("highmiddlelow")


def test_a_loss_of_ones_own_has_no_rows_but_everything_else():
    done = fl.descend(lambda w: jnp.sum((w - 3.0) ** 2), jnp.array([1.0, 2.0]), rule="adam", rate=0.1, steps=5)
    found = fl.measure(done, "step", step=2)
    assert found.figures["rows"] == []
    assert found.figures["chain"] is None
    assert formula(found.figures["memory"]) == pytest.approx(found.figures["memory"]["direction"], rel=1e-9)
    assert found.frame["kind"].unique().to_list() == ["weight"]


def test_a_rule_that_finds_its_own_rate_has_a_direction_without_a_formula():
    done = fl.descend(lambda w: jnp.sum(w**2), jnp.ones(2), rule="dog", rate=1.0, steps=4)
    figures = fl.measure(done, "step", step=3).figures
    assert figures["memory"]["old_share"] is None
    assert figures["readd_error"] <= figures["readd_rounding"]


def test_a_step_that_was_not_made_is_told_in_two_lines(tmp_path):
    training = train(tmp_path)
    with pytest.raises(RunError, match="has no step 13"):
        measure(training, "step", step=13)
