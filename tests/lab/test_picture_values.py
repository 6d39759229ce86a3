"""What the pictures draw is worked out a second time here: in NumPy from the weights, or from the run's own trace."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from lab.test_pictures import SCENES, at, inside, pictured, walked

from fallline.engine import precision
from fallline.examples import example
from fallline.lab.pictures import PICTURES
from fallline.lab.pictures.left import LINE, LONG, TALL, height_of
from fallline.lab.scene import Scene
from fallline.lab.walker import Walker
from fallline.numbers import share
from fallline.step import objective

UNLISTED = {"veil", "tangent", "broken", "branches_ends"}  # of other rows, or words


def two_features(table: str, **settings) -> Scene:
    kept = {"iris": ("petal_length_cm", "petal_width_cm"), "breast_cancer": ("mean_radius", "mean_texture")}[table]
    columns = pl.read_csv(example(table)).columns
    return Scene(table=table, types={name: "ignore" for name in columns[:-1] if name not in kept}, settings=settings)


def features(walker: Walker, cells: pl.DataFrame) -> np.ndarray:
    """Columns of the table as the model takes them: each less its mean, by its scale."""
    steps = walker.prepared.table.preparation.steps
    each = [(cells[name].to_numpy() - step.mean) / step.scale for name, step in zip("xy", steps, strict=False)]
    return np.column_stack(each)


def weights(walker: Walker) -> dict[str, np.ndarray]:
    return {name: np.asarray(each, np.float64) for name, each in walker.training.at(walker.step).items()}


@pytest.fixture(scope="module")
def line(tmp_path_factory) -> Walker:
    return walked(SCENES["a line"], tmp_path_factory.mktemp("lab"))


def test_the_picture_of_a_line_is_the_models_own_line(line):
    drawn, found = pictured(line, "fit").data, weights(line)
    target = line.prepared.table.target
    x = features(line, drawn["line"].select("x"))
    predicted = (x @ found["weights"] + found["bias"]) * target.scale + target.mean
    np.testing.assert_allclose(drawn["line"]["y"], predicted, rtol=1e-4)
    own = line.prepared.table.frame[line.prepared.table.split.train.tolist()]
    np.testing.assert_allclose(drawn["rows"]["y"].sort(), own[target.name].sort())


def test_each_place_between_two_classes_has_the_class_that_the_weights_say(tmp_path):
    walker = walked(two_features("breast_cancer", rate=0.5), tmp_path)
    cells, found = pictured(walker, "fit").data["cells"], weights(walker)
    classes = walker.prepared.table.target.classes
    score = (features(walker, cells) @ found["weights"]).ravel() + found["bias"]
    clear = np.abs(score) > 1e-4
    assert cells["class"].n_unique() == 2
    said = np.array([classes[int(s > 0)] for s in score])
    assert (said == cells["class"].to_numpy())[clear].all()


def test_a_network_is_drawn_as_its_own_function_of_the_plane(tmp_path):
    walker = walked(two_features("iris", model="mlp:5", activation="tanh", rate=0.5), tmp_path, 40)
    cells, found = pictured(walker, "fit").data["cells"], walker.training.at(40)
    layers = [{name: np.asarray(v, np.float64) for name, v in found[f"layer{k}"].items()} for k in (1, 2)]
    hidden = np.tanh(features(walker, cells) @ layers[0]["weights"] + layers[0]["bias"])
    scores = hidden @ layers[1]["weights"] + layers[1]["bias"]
    best = np.sort(scores, axis=1)
    clear = best[:, -1] - best[:, -2] > 1e-4
    said = np.array(walker.prepared.table.target.classes)[scores.argmax(axis=1)]
    assert cells["class"].n_unique() > 1
    assert (said == cells["class"].to_numpy())[clear].all()


def test_many_features_are_seen_as_predicted_against_what_was_true(tmp_path):
    walker = walked(SCENES["many features"], tmp_path)
    drawn = pictured(walker, "fit")
    table, found = walker.prepared.table, weights(walker)
    index = table.split.train
    predicted = (table.features[index] @ found["weights"] + found["bias"]) * table.target.scale + table.target.mean
    rows = drawn.data["rows"]
    assert rows.height == drawn.of["rows"] == len(index)
    np.testing.assert_allclose(rows["y"], predicted, rtol=1e-3)
    np.testing.assert_allclose(rows["x"], table.frame[table.target.name].to_numpy()[index])
    assert drawn.data["line"]["x"].to_list() == drawn.data["line"]["y"].to_list()


def test_the_plane_of_the_path_holds_the_share_that_is_told_and_its_loss_is_that_of_the_nearest_place(tmp_path):
    walker = walked(SCENES["a network"], tmp_path, 30)
    drawn = pictured(walker, "surface", over="path")
    with precision(32):
        steps, path = at(walker).walked.path()
        here = walker.parameters(30).astype(np.float64)
        moves = path - here
        _, sizes, ways = np.linalg.svd(moves, full_matrices=False)
        held = float((sizes[:2] ** 2).sum() / (sizes**2).sum())
        assert held < 0.999
        assert f"the picture holds {share(held)} of the movement" in drawn.summary
        training = walker.training
        judged = training.judged(500)
        for row in drawn.data["walked"].iter_rows(named=True):
            move = moves[steps.tolist().index(row["step"])]
            for name, flat in (("loss", here + move), ("plane_loss", here + move @ ways[:2].T @ ways[:2])):
                loss = objective(training.parts, training.unravel(flat.astype(np.float32)), judged)
                assert row[name] == pytest.approx(float(loss), rel=1e-3), name


@pytest.fixture(scope="module")
def long(tmp_path_factory) -> Walker:
    """Many looks at the validation rows, and many steps."""
    scene = Scene(table="diabetes", settings={"batch": 32, "rate": 0.05, "stop": None, "schedule": "cosine"})
    return walked(scene, tmp_path_factory.mktemp("lab"), 4000)


@pytest.mark.parametrize(
    ("name", "column", "value", "of"),
    [
        ("gradient", "gradient_norm", "length", "gradient"),
        ("gradient", "update_norm", "length", "update"),
        ("rate", "rate", "rate", None),
    ],
)
def test_lengths_and_rates_are_those_of_the_trace(long, name, column, value, of):
    drawn = pictured(long, name)
    rows = drawn.data["steps"] if of is None else drawn.data["steps"].filter(of=of)
    recorded = long.training.trace[column].to_numpy()[:4001]
    np.testing.assert_allclose(rows[value], recorded[rows["step"].to_numpy()])
    assert (rows[value].max(), rows[value].min()) == (recorded.max(), recorded.min())
    assert rows.height < 400
    assert drawn.of["steps"] == 4001 * (1 if of is None else 2)


@pytest.mark.parametrize(
    ("name", "rows", "column", "value"),
    [("loss", "held", "validation_loss", "loss"), ("metric", "looks", "validation_metric", "value")],
)
def test_many_looks_at_the_validation_rows_are_thinned_and_keep_their_peaks(long, name, rows, column, value):
    looks, drawn = long.evaluations, pictured(long, name)
    shown = drawn.data[rows]
    assert drawn.of[rows] == looks.height > 300 > shown.height
    assert (shown[value].max(), shown[value].min()) == (looks[column].max(), looks[column].min())
    there = dict(looks.select("step", column).iter_rows())
    assert all(there[step] == seen for step, seen in shown.select("step", value).iter_rows())
    assert drawn.params["y_low"] == 0  # no axis closes in on a measure that hardly changes


@pytest.mark.parametrize("scene", SCENES)
def test_all_that_is_drawn_has_a_plain_name_in_its_tables(scene, tmp_path):
    walker = walked(SCENES[scene], tmp_path)
    for name, picture in PICTURES.items():
        if not picture.fits(at(walker)):
            continue
        drawn = pictured(walker, name)
        spec = picture.draw(drawn.options).to_dict()
        rows = {each["name"]: each for each in spec["usermeta"]["rows"]}
        assert set(drawn.data) - UNLISTED <= set(rows), name
        for each in rows.values():
            assert set(each["columns"]) <= set(drawn.data[each["name"]].columns), (name, each)
            assert {each["x"], each["y"]} - {""} <= set(drawn.data[each["name"]].columns), (name, each)
            assert each["title"][0].isupper(), each
        if name not in ("layers", "rate") and drawn.options.get("shape") not in ("classes", "regions"):
            assert "of" in inside(spec, "field"), name  # a key says what the marks are


def test_the_names_of_paths_that_were_left_do_not_lie_on_each_other(tmp_path):
    walker = walked(SCENES["a line"], tmp_path, 8)
    with precision(32):
        for rate in (0.31, 0.32, 0.33, 0.34):
            walker.go(6)
            walker.change_rate(rate)
            walker.walk_to(9)
            walker.go(8)
    for name, options in (("loss", {}), ("loss", {"log": True}), ("slice", {}), ("surface", {})):
        drawn = pictured(walker, name, **options)
        log, params = drawn.options.get("log", False), drawn.params
        x, near = "x" if name == "surface" else "weight" if name == "slice" else "step", 0
        names = drawn.data["branches_ends"].select(x, "words_at").rows()
        assert len(names) == 4, name
        heights = [height_of(at, (params["y_low"], params["y_high"]), log) for _, at in names]
        assert all(height < TALL for height in heights), name
        for i, j in combinations(range(4), 2):
            if abs(names[i][0] - names[j][0]) < LONG * (params["x_high"] - params["x_low"]):
                near += 1
                assert abs(heights[i] - heights[j]) >= LINE - 0.01, name
        assert near, name


def test_activations_of_each_hidden_layer_are_measured_on_the_training_rows(tmp_path):
    walker = walked(SCENES["a network"], tmp_path, 12)
    bars = pictured(walker, "layers").data["bars"].filter(of="activations")
    found, signal = walker.training.at(12), np.asarray(walker.training.judged(500).features, np.float64)
    for k, bar in enumerate(bars.iter_rows(named=True), 1):
        signal = np.maximum(
            signal @ np.asarray(found[f"layer{k}"]["weights"]) + np.asarray(found[f"layer{k}"]["bias"]), 0
        )
        assert (bar["layer"], bar["value"]) == (f"layer{k}", pytest.approx(np.sqrt((signal**2).mean()), rel=1e-4))
    assert bars.height == 2
