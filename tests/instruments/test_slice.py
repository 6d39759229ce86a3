"""A slice through the loss of a model whose loss is known in closed form, and the next point that an update reaches."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.engine import precision
from fallline.instruments import measure
from fallline.instruments.slice import measure_slice
from fallline.measurement import Measurement
from fallline.training import Training

pytestmark = pytest.mark.usefixtures("float64")


def table(rows: int = 150) -> pl.DataFrame:
    draw = np.random.default_rng(3)
    x, z = draw.normal(size=rows), draw.normal(size=rows)
    return pl.DataFrame({"x": x, "z": z, "y": 1.5 * x - z + draw.normal(0, 0.4, rows)})


def train(tmp_path, frame: pl.DataFrame, **settings) -> Training:
    run = fl.train(frame, "y", runs=tmp_path, precision=64, stop=None, **{"rate": 0.1, "steps": 40} | settings)
    return fl.open_run(run.path, frame).training


def part(found: Measurement, kind: str) -> tuple[np.ndarray, np.ndarray]:
    rows = found.frame.filter(kind=kind)
    return rows["weight"].to_numpy(), rows["loss"].to_numpy()


def half_squared(training: Training, flats: np.ndarray) -> np.ndarray:
    """(A w - y)'(A w - y) / 2n by NumPy, for flat parameters [points, bias and weights]."""
    whole = training.ready.whole
    features, target = np.asarray(whole.features), np.asarray(whole.target)
    left = flats @ np.column_stack([np.ones(len(target)), features]).T - target
    return (left**2).mean(axis=1) / 2


@pytest.mark.parametrize("step", [0, 7, None])
@pytest.mark.parametrize("name", ["bias", "weights[x]"])
def test_a_slice_of_least_squares_is_the_closed_form_parabola(tmp_path, step, name):
    training = train(tmp_path, table(), batch=16)
    found = measure(training, "slice", weight=name, step=step)
    weights, losses = part(found, "curve")
    flats = np.repeat(training.flat(training.at(step))[None], len(weights), axis=0)
    flats[:, training.names.index(name)] = weights
    np.testing.assert_allclose(losses, half_squared(training, flats), rtol=1e-10)
    steps, path = training.path()
    np.testing.assert_allclose(part(found, "path")[1], half_squared(training, path), rtol=1e-10)
    assert found.frame.filter(kind="path")["step"].to_list() == steps.tolist()


def test_the_tangent_has_the_partial_derivative_of_the_closed_form_as_its_slope(tmp_path):
    training = train(tmp_path, table(), batch="full")
    found = measure(training, "slice", weight="weights[z]", step=3)
    whole, k = training.ready.whole, training.names.index("weights[z]")
    columns = np.column_stack([np.ones(len(whole.target)), whole.features])
    left = columns @ training.flat(training.at(3)) - whole.target
    expected = float((left * columns[:, k]).mean())
    (a, b), (low, high) = part(found, "tangent")
    assert found.figures["derivative"] == pytest.approx(expected, rel=1e-10)
    assert (high - low) / (b - a) == pytest.approx(expected, rel=1e-8)
    assert found.figures["difference"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("rule", ["plain", "momentum:0.9", "adam"])
@pytest.mark.parametrize("batch", ["full", 16])
def test_the_next_point_is_the_weight_of_the_next_recorded_step(tmp_path, rule, batch):
    training = train(tmp_path, table(), rule=rule, batch=batch)
    found = measure(training, "slice", weight="weights[x]", step=5)
    after = training.flat(training.at(6))
    k = training.names.index("weights[x]")
    assert found.figures["next_value"] == pytest.approx(after[k], rel=1e-12)
    assert found.figures["next_true"] == pytest.approx(float(half_squared(training, after[None])[0]), rel=1e-10)
    held = training.flat(training.at(5)).copy()
    held[k] = after[k]
    assert found.figures["next_loss"] == pytest.approx(float(half_squared(training, held[None])[0]), rel=1e-10)


def test_after_the_last_step_only_a_rule_that_remembers_nothing_has_a_next_point(tmp_path):
    plain = measure(train(tmp_path / "a", table(), rule="plain"), "slice").figures
    momentum = measure(train(tmp_path / "b", table(), rule="momentum:0.9"), "slice").figures
    assert plain["next_value"] is not None
    assert momentum["next_value"] is None


def test_with_one_parameter_the_path_lies_on_the_curve_from_start_to_end(tmp_path):
    training = train(tmp_path, table().select("x", "y"), bias=False, batch=16)
    found = measure(training, "slice")
    weights, losses = part(found, "path")
    whole = training.ready.whole
    expected = [((np.asarray(whole.features)[:, 0] * w - whole.target) ** 2).mean() / 2 for w in weights]
    np.testing.assert_allclose(losses, expected, rtol=1e-10)
    assert (found.figures["parameters"], found.figures["moved"]) == (1, 0)


def test_a_loss_of_ones_own_has_a_slice_too():
    done = fl.descend(lambda w: jnp.sum(jnp.array([1.0, 4.0]) * w**2) / 2, jnp.ones(2), rate=0.1, steps=9)
    found = fl.measure(done, "slice", step=0, weight=done.training.names[1])
    weights, losses = part(found, "curve")
    np.testing.assert_allclose(losses, 0.5 + 2 * weights**2, rtol=1e-12)
    assert found.figures["derivative"] == pytest.approx(4.0)


def test_in_32_bits_both_slopes_are_taken_in_64(tmp_path):
    frame = table()
    run = fl.train(frame, "y", runs=tmp_path, precision=32, steps=20, rate=0.1)
    training = fl.open_run(run.path, frame).training
    figures = measure(training, "slice").figures
    assert figures["difference"] == pytest.approx(figures["derivative"], rel=1e-5, abs=figures["resolution"])
    with precision(32):
        assert training.flat(training.start).dtype == np.float32


def test_losses_of_the_path_that_are_known_are_not_taken_again(tmp_path):
    training = train(tmp_path, table())
    with precision(training.ready.settings.precision):
        known: dict[int, float] = {}
        early = measure_slice(training, weight=None, step=20, known=known)
        assert sorted(known) == part_steps(early)
        anew = measure_slice(training, weight=None, step=30)
        assert measure_slice(training, weight=None, step=30, known=known).frame.equals(anew.frame)
        known[0] = 123.0  # whatever it says is believed
        path = measure_slice(training, weight=None, step=30, known=known).frame.filter(kind="path")
    assert path["loss"].to_list() == [123.0, *anew.frame.filter(kind="path")["loss"].to_list()[1:]]


def part_steps(found: Measurement) -> list[int]:
    return sorted(found.frame.filter(kind="path")["step"].to_list())


@pytest.mark.parametrize(("model", "epochs"), [("auto", 40), ("auto", 2), ("mlp:8", 3), ("mlp:32,32", 3)])
def test_the_reach_of_a_path_is_from_its_least_to_its_largest_values(tmp_path, model, epochs):
    run = fl.train(table(), "y", runs=tmp_path, model=model, rate=0.1, batch=10, epochs=epochs, stop=None)
    training = fl.open_run(run.path, table()).training
    with precision(32):
        low, high = training.reach
        path = training.path()[1]
    np.testing.assert_array_equal(low, path.min(axis=0))
    np.testing.assert_array_equal(high, path.max(axis=0))
