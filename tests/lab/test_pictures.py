"""The pictures of the page: what each draws are the numbers of the training, at the step where the page stands."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from fallline.engine import precision
from fallline.lab.look import Drawn, Look
from fallline.lab.messages import Show
from fallline.lab.pictures import PICTURES
from fallline.lab.prepared import prepare
from fallline.lab.scene import Scene
from fallline.lab.showing import Showing
from fallline.lab.specification import specification
from fallline.lab.walker import Walker
from fallline.numbers import number

SCENES = {
    "one weight": Scene(),
    "a line": Scene(settings={"bias": True, "rate": 0.3}),
    "many features": Scene(table="diabetes", settings={"batch": 32, "rate": 0.05}),
    "two classes": Scene(table="breast_cancer", settings={"rate": 0.5}),
    "three classes": Scene(table="iris", settings={"model": "softmax", "rate": 0.3, "batch": 16}),
    "a network": Scene(table="iris", settings={"model": "mlp:6,4", "rate": 0.3}),
    "a network of one feature": Scene(settings={"model": "mlp:6", "bias": True, "init": "auto", "activation": "tanh"}),
}
STEPS = 12


@pytest.fixture(scope="module", params=SCENES)
def walker(request, tmp_path_factory) -> Walker:
    return walked(SCENES[request.param], tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Walker:
    return walked(SCENES["one weight"], tmp_path_factory.mktemp("lab"))


def walked(scene: Scene, folder, steps: int = STEPS) -> Walker:
    prepared = prepare(scene, folder, {})
    with precision(prepared.settings.precision):
        made = Walker(prepared)
        made.walk_to(steps + 1)  # the record reaches one update beyond what is looked at
        made.go(steps)
    return made


def at(walker: Walker, **shown: Any) -> Look:
    return Showing(lambda message: None).look(walker, Show(**shown), guessed=False, stable=2.0)


def pictured(walker: Walker, name: str, **shown: Any) -> Drawn:
    with precision(walker.prepared.settings.precision):
        return PICTURES[name].look(at(walker, **shown))


def fitting(walker: Walker) -> list[str]:
    return [name for name, picture in PICTURES.items() if picture.fits(at(walker))]


def inside(spec: Any, key: str) -> set[Any]:
    """Every value of a key, anywhere in a specification."""
    if isinstance(spec, dict):
        own = {spec[key]} if isinstance(spec.get(key), str) else set()
        return own.union(*(inside(value, key) for value in spec.values()))
    return set().union(*(inside(value, key) for value in spec)) if isinstance(spec, list) else set()


def test_every_picture_is_a_valid_chart_of_exactly_the_data_that_it_is_sent(walker):
    for name in fitting(walker):
        for shown in ({}, {"log": True}, {"over": "path"}):
            drawn = pictured(walker, name, **shown)
            chart = PICTURES[name].draw(drawn.options)
            spec = chart.to_dict()  # checked against the schema of Vega-Lite
            json.dumps(specification(chart), allow_nan=False)
            assert {each for each in inside(spec, "name") if each in drawn.data} == set(drawn.data), name
            assert {param["name"] for param in spec.get("params", [])} <= set(drawn.params), name


def test_the_ends_of_every_axis_are_finite_and_in_their_order(walker):
    for name in fitting(walker):
        params = pictured(walker, name).params
        assert all(math.isfinite(v) for v in params.values() if isinstance(v, float)), name
        if params:
            assert params["x_low"] < params["x_high"], name
            assert params["y_low"] < params["y_high"], name


def test_every_summary_has_a_number_and_ends_as_a_sentence(walker):
    for name in fitting(walker):
        said = pictured(walker, name).summary
        assert said.endswith("."), name
        assert "nan" not in said.lower(), name
        assert any(letter.isdigit() for letter in said) or "not been looked at" in said, name


def test_pictures_that_make_no_sense_are_not_offered(one, tmp_path):
    assert "surface" not in fitting(one)  # one weight has no second direction
    assert "layers" not in fitting(one)
    assert {"surface", "layers"} <= set(fitting(walked(SCENES["a network"], tmp_path, 2)))


def test_the_balls_stand_where_the_training_stands(one):
    row = one.training.trace.row(STEPS, named=True)
    before = float(one.training.at(STEPS)["weights"][0])
    loss, slice_, gradient, rate = (pictured(one, name) for name in ("loss", "slice", "gradient", "rate"))
    assert loss.data["here"].row(0)[:2] == (STEPS, pytest.approx(row["loss"]))
    assert slice_.data["ball"]["weight"][0] == pytest.approx(before)
    assert slice_.data["ball"]["loss"][0] == pytest.approx(row["loss"], rel=1e-6)
    assert gradient.data["here"].row(0) == (STEPS, pytest.approx(row["gradient_norm"]))
    assert rate.data["here"].row(0) == (STEPS, pytest.approx(row["rate"]))
    assert number(row["loss"], 4) in loss.summary


def test_the_ghost_stands_where_the_next_update_lands_and_is_hidden_while_one_guesses(one):
    after = float(one.training.at(STEPS + 1)["weights"][0])
    assert pictured(one, "slice").data["ghost"]["weight"][0] == pytest.approx(after)
    asked = pictured(one, "slice", quiz=True)
    assert asked.data["ghost"].is_empty()
    assert "next step lands" not in asked.summary


def test_a_long_curve_keeps_its_peaks(tmp_path):
    long = walked(Scene(table="diabetes", settings={"batch": 1, "rate": 0.02, "stop": None}), tmp_path, 4000)
    drawn = pictured(long, "loss").data["steps"]
    losses = long.training.trace["loss"][: 4000 + 1].to_numpy()
    assert drawn.height < 1000
    assert drawn["loss"].max() == losses.max()
    assert drawn["loss"].min() == losses.min()


def test_a_run_that_is_stuck_looks_stuck(tmp_path):
    stuck = pictured(walked(Scene(settings={"rate": 1e-6}), tmp_path), "loss")
    moved = stuck.data["steps"]["loss"].max() - stuck.data["steps"]["loss"].min()
    assert moved < 0.001 * (stuck.params["y_high"] - stuck.params["y_low"])


def test_what_leaves_the_picture_is_told_in_words(tmp_path):
    broken = walked(Scene(settings={"rate": 2.5}), tmp_path, 8)
    drawn = pictured(broken, "loss")
    assert drawn.data["broken"]["words"][0].startswith("beyond the picture from step")
    assert drawn.params["y_high"] < broken.training.trace["loss"].max()
    here = drawn.data["here"]
    assert here["loss"][0] > drawn.params["y_high"] == here["shown"][0]  # the ball is held at the picture's edge


def test_a_path_that_was_left_stays_on_every_picture_of_the_weights(tmp_path):
    left = walked(SCENES["a line"], tmp_path, 6)
    with precision(left.prepared.settings.precision):
        left.go(2)
        left.change_rate(1.0)
        left.walk_to(6)
        left.go(5)
    losses = pictured(left, "loss").data["branches"]
    assert losses["step"].to_list() == [2, 3, 4, 5, 6]
    assert losses["branch"].unique().to_list() == ["rate 0.3"]
    for name in ("slice", "surface"):
        assert pictured(left, name).data["branches"]["branch"].unique().to_list() == ["rate 0.3"], name
    assert pictured(left, "surface", over="path").data["branches"].is_empty()  # it was never in that plane


def test_the_surface_tells_the_true_loss_beside_its_own(tmp_path):
    network = walked(SCENES["a network"], tmp_path, 5)
    drawn = pictured(network, "surface", over="path")
    ball = drawn.data["ball"].row(0, named=True)
    assert number(ball["loss"], 4) in drawn.summary
    assert number(ball["plane_loss"], 4) in drawn.summary
    assert "of the movement" in drawn.summary


def test_every_cell_of_the_surface_has_its_place_in_the_order_of_losses(tmp_path):
    cells = pictured(walked(SCENES["a line"], tmp_path, 5), "surface").data["cells"].sort("loss")
    assert cells["level"].is_sorted()
    assert cells["level"].n_unique() > 3
    assert (cells["x2"] > cells["x1"]).all()


def test_every_layer_has_its_bars(tmp_path):
    network = walked(SCENES["a network"], tmp_path, 3)
    bars = pictured(network, "layers").data["bars"]
    assert bars["layer"].unique(maintain_order=True).to_list() == ["layer1", "layer2", "layer3"]
    assert bars["part"].is_between(0, 1).all()
    row = network.training.trace.row(3, named=True)
    shown = bars.filter(pl.col("of").str.contains("update"))["value"].to_numpy()
    weights = [np.linalg.norm(np.concatenate([np.ravel(a) for a in layer])) for layer in leaves(network)]
    expected = [row[f"update_norm/layer{k + 1}"] / weights[k] for k in range(3)]
    assert shown == pytest.approx(expected, rel=1e-4)


def leaves(walker: Walker) -> list[list[np.ndarray]]:
    parameters = walker.training.at(3)
    return [[np.asarray(a) for a in parameters[name].values()] for name in sorted(parameters)]
