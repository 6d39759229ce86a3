"""A surface equals the loss that is known in closed form, and says how far its plane is from the path."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.errors import SettingsError
from fallline.instruments import measure
from fallline.training import Training

pytestmark = pytest.mark.usefixtures("float64")


def table(rows: int = 120, columns: int = 4) -> pl.DataFrame:
    draw = np.random.default_rng(5)
    features = draw.normal(size=(rows, columns)) * np.array([1.0, 2.0, 0.5, 1.0])[:columns]
    target = features @ np.arange(1, columns + 1) + draw.normal(0, 0.3, rows)
    return pl.DataFrame(features, schema=[f"x{i}" for i in range(columns)]).with_columns(y=pl.Series(target))


def train(tmp_path, columns: int = 4, **settings) -> Training:
    frame = table(columns=columns)
    asked = {"rate": 0.1, "steps": 30, "batch": "full"} | settings
    run = fl.train(frame, "y", runs=tmp_path, precision=64, stop=None, **asked)
    return fl.open_run(run.path, frame).training


def half_squared(training: Training, flats: np.ndarray) -> np.ndarray:
    whole = training.ready.whole
    columns = np.column_stack([np.ones(len(whole.target)), whole.features])
    return ((flats @ columns.T - np.asarray(whole.target)) ** 2).mean(axis=1) / 2


def test_a_surface_over_two_weights_of_least_squares_is_the_closed_form_quadratic(tmp_path):
    training = train(tmp_path)
    found = measure(training, "surface", over="weights", weights="weights[x1]; bias", points=9, step=4)
    grid = found.frame.filter(kind="grid")
    flats = np.repeat(training.flat(training.at(4))[None], grid.height, axis=0)
    flats[:, training.names.index("weights[x1]")] = grid["x"]
    flats[:, training.names.index("bias")] = grid["y"]
    np.testing.assert_allclose(grid["loss"], half_squared(training, flats), rtol=1e-10)
    assert grid.height == 81
    assert (found.figures["x_name"], found.figures["y_name"]) == ("weights[x1]", "bias")


@pytest.mark.parametrize("over", ["path", "weights", "random"])
def test_the_true_loss_at_every_path_point_is_the_closed_form_and_the_end_lies_in_the_plane(tmp_path, over):
    training = train(tmp_path)
    found = measure(training, "surface", over=over, points=5)
    path = found.frame.filter(kind="path")
    steps, flats = training.path()
    assert path["step"].to_list() == steps.tolist()
    np.testing.assert_allclose(path["loss"], half_squared(training, flats), rtol=1e-10)
    assert path["off"][-1] < 1e-12
    assert path["plane_loss"][-1] == pytest.approx(path["loss"][-1], rel=1e-12)
    kept = training.flat(training.kept)
    share = 1 - (path["off"].to_numpy() ** 2).sum() / ((flats - kept) ** 2).sum()
    assert found.figures["share_captured"] == pytest.approx(share, abs=1e-12)
    gaps = np.abs(path["loss"].to_numpy() - path["plane_loss"].to_numpy())
    assert found.figures["gap"] == pytest.approx(gaps.max(), abs=1e-14)


def test_the_plane_of_the_path_holds_as_much_of_it_as_the_two_largest_singular_values_and_no_other_more(tmp_path):
    training = train(tmp_path)
    captured = {over: measure(training, "surface", over=over, points=2).figures["share_captured"]
                for over in ("path", "weights", "random")}  # fmt: skip
    moves = training.path()[1] - training.flat(training.kept)
    squares = np.linalg.eigvalsh(moves.T @ moves)
    assert captured["path"] == pytest.approx(squares[-2:].sum() / squares.sum(), rel=1e-9)
    assert captured["path"] > max(captured["weights"], captured["random"])


def test_with_two_parameters_the_plane_is_the_whole_loss(tmp_path):
    training = train(tmp_path, columns=2, bias=False, batch=16)
    for over in ("path", "weights", "random"):
        figures = measure(training, "surface", over=over, points=3).figures
        assert figures["share_captured"] == pytest.approx(1)
        assert figures["gap"] < 1e-12


def test_a_random_direction_gives_each_unit_a_change_as_long_as_its_weights(tmp_path):
    training = train(tmp_path, model="mlp:3", steps=5)
    found = measure(training, "surface", over="random", points=3, seed=1)
    from fallline.instruments.plane import plane_over

    _, path = training.path()
    plane = plane_over(training, "random", None, path, training.flat(training.kept), 1)
    weights, ways = (training.unravel(flat)["layer1"] for flat in (plane.origin, plane.ways[0]))
    lengths = (np.linalg.norm(a["weights"], axis=0) for a in (weights, ways))
    np.testing.assert_allclose(*lengths, rtol=1e-6)
    assert not np.any(ways["bias"])
    again = measure(training, "surface", over="random", points=3, seed=1)
    other = measure(training, "surface", over="random", points=3, seed=2)
    assert found.frame.equals(again.frame)
    assert not found.frame.equals(other.frame)


def test_the_grid_holds_the_whole_path(tmp_path):
    training = train(tmp_path)
    frame = measure(training, "surface", points=7).frame
    grid, path = frame.filter(kind="grid"), frame.filter(kind="path")
    for side in "xy":
        assert grid[side].min() < path[side].min()
        assert grid[side].max() > path[side].max()


def test_a_path_along_a_line_still_has_a_plane():
    done = fl.descend(lambda w: jnp.sum(w**2) / 2, jnp.ones(3), rate=0.1, steps=9)
    found = fl.measure(done, "surface", points=3)
    assert found.figures["share_captured"] == pytest.approx(1)
    assert found.frame["loss"].is_finite().all()


WRONG = {
    "one parameter": ({"columns": 1, "bias": False}, {}, "fallline slice"),
    "no such plane": ({}, {"over": "plane"}, "path, weights, random"),
    "one name": ({}, {"over": "weights", "weights": "bias"}, "semicolon"),
    "an unknown name": ({}, {"over": "weights", "weights": "bias;weight[x0]"}, "Unknown parameter"),
    "one point": ({}, {"points": 1}, "Give 2 to"),
    "one weight and a bias": ({"columns": 1}, {"over": "random"}, "the same line"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_a_surface_is_told_in_two_lines(tmp_path, case):
    settings, options, word = WRONG[case]
    training = train(tmp_path, steps=3, **settings)
    with pytest.raises(SettingsError, match=word) as error:
        measure(training, "surface", **options)
    assert len(str(error.value).splitlines()) <= 2
