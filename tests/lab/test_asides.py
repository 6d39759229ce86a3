"""Answers beside the walk: they are those of the instruments, the explanations and the command line."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import polars as pl
import pytest
from lab.talk import Page

import fallline as fl
from fallline.engine import precision
from fallline.examples import EXAMPLES, example
from fallline.explain.topics import TOPICS
from fallline.lab import asides
from fallline.lab.prepared import prepare
from fallline.lab.scene import Scene
from fallline.lab.walker import Walker


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    found = Page(tmp_path_factory.mktemp("workspace"))
    yield found
    found.close()


@pytest.fixture
def diabetes(page):
    page.open(table="diabetes", settings={"rate": 0.02, "batch": 50})
    page.forward(30)
    return page


def test_runs_from_the_same_start_are_compared(diabetes):
    said = diabetes.ask("compare", "compared", vary="rate=0.001,0.02,0.1", steps=30)
    assert [row[0] for row in said["table"]["rows"]] == ["0.001", "0.02", "0.1"]
    assert said["said"]
    assert said["spec"]["hconcat"]
    assert [row[1] for row in said["table"]["rows"]] == ["0.001", "0.02", "0.1"]
    assert said["commands"][0].startswith("fallline train ")
    assert said["commands"][1].startswith("fallline compare last --rates own --steps 30 --vary ")


VARIED = {
    "rules": ("rule=plain;momentum:0.9;prodigy", ["0.02", "0.02", "finds its own"]),
    "schedules": ("schedule=constant;cosine;inverse", ["0.02"] * 3),
    "models": ("model=linear;mlp:4", ["0.02"] * 2),
    "batches": ("batch=full,32,1", ["0.02"] * 3),
}


@pytest.mark.parametrize("name", VARIED)
def test_runs_that_are_compared_have_the_rate_of_the_page_and_say_so(diabetes, name):
    vary, rates = VARIED[name]
    said = diabetes.ask("compare", "compared", vary=vary, steps=20)
    assert said["table"]["columns"][1] == "rate"
    assert [row[1] for row in said["table"]["rows"]] == rates
    assert not any("rate that trials found" in text for text in said["said"])


def test_a_rule_that_is_compared_is_walked_as_a_run_with_it(diabetes, tmp_path):
    said = diabetes.ask("compare", "compared", vary="rule=plain;momentum:0.9", steps=20)
    for rule, row in zip(("plain", "momentum:0.9"), said["table"]["rows"], strict=True):
        asked = {"rate": 0.02, "batch": 50, "rule": rule, "stop": None, "steps": 20}
        told = fl.train(example("diabetes"), EXAMPLES["diabetes"].target, runs=tmp_path, **asked)
        rows = told.training.ready.rows
        weights = {name: np.asarray(each, np.float64) for name, each in told.training.at(20).items()}
        residual = rows.features @ weights["weights"] + weights["bias"] - rows.target
        assert float(row[3]) == pytest.approx(float((residual**2).mean()) / 2, rel=1e-3)


def test_the_tree_of_explanations_has_every_question(diabetes):
    tree = diabetes.ask("explain", "explained")["tree"]
    assert [leaf["name"] for leaf in tree] == [topic.name for topic in TOPICS]


def test_an_explanation_opens_with_its_evidence_on_this_very_walk(diabetes):
    name = next(topic.name for topic in TOPICS if topic.asks)
    one = diabetes.ask("explain", "explained", name=name)["one"]
    assert one["question"]
    assert one["paragraphs"]
    assert one["figures"]
    assert one["commands"][0].startswith("fallline train ")
    assert all(command.startswith("fallline ") and " last" in command for command in one["commands"][1:])


def test_a_diagnosis_is_that_of_the_kept_run(diabetes):
    said = diabetes.ask("diagnose", "diagnosed")
    assert said["checked"]
    assert set(said) >= {"symptoms", "not_checked", "healthy", "tried"}


def test_what_is_kept_is_what_the_command_line_makes(diabetes, tmp_path):
    said = diabetes.ask("keep", "kept")
    folder = diabetes.worker.folder
    files = {file["name"]: file["bytes"] for file in said["files"]}
    assert {name.rpartition(".")[2] for name in files} == {"zip", "safetensors", "html"}
    for name, size in files.items():
        assert (folder / "downloads" / name).stat().st_size == size
    run = fl.open_run(folder / "runs" / said["run"])
    asked = {"rate": 0.02, "batch": 50, "until": 30}
    told = fl.train(example("diabetes"), EXAMPLES["diabetes"].target, runs=tmp_path, **asked)
    np.testing.assert_array_equal(run.flat_weights(), told.flat_weights())
    assert run.trace.drop("seconds").equals(told.trace.drop("seconds"))
    with zipfile.ZipFile(folder / "downloads" / f"{said['run']}.zip") as packed:
        assert f"{said['run']}/run.json" in packed.namelist()


def test_a_walk_beyond_its_plateau_can_be_kept(page, tmp_path):
    page.open()
    page.forward(60)
    page.do("explain", name=TOPICS[0].name)
    page.until("explained")
    (path,) = {path for path in (page.worker.folder / "runs").iterdir() if len(fl.open_run(path).trace) == 60}
    assert fl.open_run(path).asked["stop"] is None


def test_a_guess_is_right_when_it_is_near_to_where_the_step_lands(page):
    page.open()
    page.do("show", show={"pictures": [], "quiz": True})
    now = page.until("now")
    assert now["stages"][3]["table"] is None
    right = page.ask("guess", "guessed", value=-0.52)
    assert right["right"] is True
    assert right["value"] == pytest.approx(-0.5209, abs=1e-3)
    shown = page.until("now")
    assert shown["stages"][3]["table"] is not None
    page.ask("forward", when=lambda now: now["step"] == 1, count=1)
    wrong = page.ask("guess", "guessed", value=2.0)
    assert wrong["right"] is False
    assert wrong["score"] == [1, 2]


PREDICTED = {
    "regression": ("diabetes", {}, {"bmi": 30.0, "age": "50", "sex": 1, "ldl": ""}),
    "one weight": ("one_weight", {"rate": 0.3}, {"bmi_above_mean": 4}),
    "two classes": ("breast_cancer", {}, {"worst_radius": 20.0}),
    "three classes": ("iris", {}, {"petal_length_cm": 4.0}),
    "a network": ("iris", {"model": "mlp:6"}, {"petal_length_cm": 4.0, "petal_width_cm": 1.5}),
}


@pytest.mark.parametrize("name", PREDICTED)
def test_a_typed_row_is_predicted_as_a_run_of_these_weights_does(page, tmp_path, name):
    table, settings, row = PREDICTED[name]
    asked = {"rate": 0.05} | settings
    page.open(table=table, settings=asked)
    page.forward(20)
    said = page.ask("predict", "predicted", row=row)
    scene = Scene(table=table, settings=asked)
    run = fl.train(example(table), EXAMPLES[table].target, runs=tmp_path, until=20, **scene.asked())
    columns = [step["name"] for step in json.loads((run.path / "run.json").read_text())["preparation"]["steps"]]
    cells = {column: [None if row.get(column) in (None, "") else float(row[column])] for column in columns}
    found = run.predict(pl.DataFrame(cells, schema=dict.fromkeys(columns, pl.Float64)))
    expected = found["prediction"][0]
    assert said["value"] == (pytest.approx(expected, rel=1e-5) if isinstance(expected, float) else expected)
    assert said["lines"]


def test_an_answer_that_was_given_up_is_not_given(page):
    page.open(table="diabetes", settings={"rate": 0.02, "batch": 50})
    page.forward(5)
    before = len(page.heard)
    page.do("compare", vary="model=linear,mlp:8")
    page.do("stop_aside")
    page.forward(9)
    page.ask("compare", "compared", vary="rate=0.01,0.02", steps=9)
    answers = [
        said for said in page.heard[before:] if said["say"] == "compared" and said["table"]["columns"][0] == "model"
    ]
    assert answers == []


def test_a_retry_that_finds_nothing_says_what_was_tried(tmp_path, monkeypatch):
    prepared = prepare(Scene(settings={"rate": 2.5}), tmp_path, {})
    monkeypatch.setattr(asides, "SHRUNK", (0.5, 0.25))  # larger rates: none can help
    with precision(prepared.settings.precision):
        walker = Walker(prepared)
        said = asides.retry(walker.ready, walker.state(0), 0, None)
    assert said["settings"] is None
    assert "the rates 5, 10." in said["text"]


def test_a_comparison_right_after_the_start_is_long_enough_to_tell(page):
    page.open()
    page.forward(2)
    said = page.ask("compare", "compared", vary="schedule=constant;cosine")
    assert {row[4] for row in said["table"]["rows"]} == {"100"}
    assert all(row[6].split()[1] in ("ns", "µs", "ms", "s") for row in said["table"]["rows"])
