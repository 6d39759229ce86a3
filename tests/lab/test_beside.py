"""What is asked beside the walk is answered, or said to be given up; and it is about the run that is on the page."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from lab.talk import Page
from typer.testing import CliRunner

import fallline as fl
from fallline.cli.app import app
from fallline.examples import example
from fallline.lab.scene import Scene

BROKEN = {"settings": {"rate": 2.4}}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    found = Page(tmp_path_factory.mktemp("workspace"))
    yield found
    found.close()


@contextmanager
def held(page: Page) -> Iterator[None]:
    """What is asked inside waits until the end of it."""
    gate = threading.Event()
    page.worker._beside._pool.submit(gate.wait)
    yield
    gate.set()


def answers(page: Page, wanted: int) -> list[tuple[str, str | None]]:
    """What is answered, in its order."""
    found: list[tuple[str, str | None]] = []
    while len(found) < wanted:
        said = page.hear()
        assert said["say"] not in ("wrong", "given_up"), said
        if said["say"] in ("explained", "compared", "diagnosed", "retry"):
            one = said.get("one")
            found.append((said["say"], one["name"] if one else None))
    return found


def questions(page: Page) -> list[str]:
    tree = page.ask("explain", "explained")["tree"]
    return [leaf["name"] for leaf in tree if leaf["step"] == "model"][:2]


def test_all_that_is_asked_at_once_is_answered_in_its_order(page):
    page.open()
    first, second = questions(page)
    page.forward(5)
    page.do("compare", vary="rate=0.1,0.2", steps=5)
    page.do("explain", name=first)
    page.do("explain", name=second)
    assert answers(page, 3) == [("compared", None), ("explained", first), ("explained", second)]


def test_the_same_question_again_is_answered_once_with_the_step_it_was_measured_at(page):
    page.open()
    (first, _) = questions(page)
    page.forward(5)
    with held(page):
        page.do("explain", name=first)
        page.forward(7)
        page.do("explain", name=first)
        page.forward(9)
    before = len(page.heard)
    page.until("explained")
    page.ask("compare", "compared", vary="rate=0.1,0.2", steps=5)
    told = [said["one"]["at"] for said in page.heard[before:] if said["say"] == "explained"]
    assert told == [7]


def test_the_retry_comes_though_a_question_is_asked_right_after_the_break(page):
    page.open(**BROKEN)
    page.do("go", step=100)
    page.until("broke")
    page.do("diagnose", tried=False)
    assert answers(page, 2) == [("retry", None), ("diagnosed", None)]


def test_what_waits_is_said_to_be_given_up_when_it_is_stopped_or_training_starts_anew(page):
    page.open()
    (first, second) = questions(page)
    page.forward(5)
    for give_up, last in (({"do": "stop_aside"}, None), ({"do": "change", "settings": {"seed": 3}}, "ready")):
        page.forward(5)
        with held(page):
            page.do("compare", vary="model=linear,mlp:8", steps=300)
            page.do("explain", name=first)
            page.do("explain", name=second)
            page.do(**give_up)
            if last:
                page.until(last)
            given_up = [page.until("given_up") for _ in range(3)]
        assert [(said["what"], said["name"]) for said in given_up] == [
            ("compare", None), ("explain", first), ("explain", second),
        ]  # fmt: skip
    page.forward(3)
    assert page.ask("explain", "explained", name=first)["one"]["at"] == 3


def test_what_goes_wrong_says_what_was_asked(page):
    page.open()
    page.forward(2)
    page.do("compare", vary="rate=1")
    while (wrong := page.hear())["say"] != "wrong":
        pass
    assert (wrong["what"], wrong["name"]) == ("compare", None)


def test_a_diagnosis_where_it_broke_names_the_divergence(page):
    page.open(**BROKEN)
    page.do("go", step=100)
    broke = page.until("broke")
    found = page.ask("diagnose", "diagnosed", tried=False)
    assert [each["id"] for each in found["symptoms"]] == ["diverged"]
    kept = page.ask("keep", "kept")
    run = fl.open_run(page.worker.folder / "runs" / kept["run"])
    told = fl.train(
        example("one_weight"), "progression_above_mean", runs=page.worker.folder / "told",
        **Scene(**BROKEN).asked(),
    )  # fmt: skip
    assert run.verdict.state == "diverged"
    assert run.trace.drop("seconds").equals(told.trace.drop("seconds"))
    np.testing.assert_array_equal(run.flat_weights(), told.flat_weights())
    assert broke["step"] == run.verdict.figures["kept"]
    assert "none up to there has a loss of more than 10 times the start's" in broke["text"]


MADE = {
    "a step": ({"table": "diabetes", "settings": {"batch": 50, "rule": "momentum:0.9", "rate": 0.02}}, 37, None),
    "a rate that was changed": ({"table": "one_weight"}, 9, 0.7),
    "beyond the plateau": ({"table": "one_weight"}, 70, None),
    "beyond the steps asked for": ({"table": "iris", "settings": {"steps": 20, "rate": 0.1}}, 30, None),
    "a break": ({"table": "one_weight", **BROKEN}, 100, None),
}


@pytest.mark.parametrize("name", MADE)
def test_the_command_on_the_page_makes_the_weights_on_the_page(page, tmp_path, name):
    scene, step, rate = MADE[name]
    page.open(**scene)
    if rate is None:
        now = page.ask("go", when=lambda now: now["step"] == step or bool(now["ended"]), step=step)
    else:
        page.forward(step - 4)
        changed = page.ask("change", "changed", settings={"rate": rate})
        assert changed["settings"]["rate"] == rate
        now = page.forward(step)
        assert repr(rate) in now["command"]
    words = [*shlex.split(now["command"])[1:], "--runs", str(tmp_path), "--quiet", "--no-report"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    (folder,) = tmp_path.iterdir()
    told = fl.open_run(folder)
    np.testing.assert_array_equal(told.flat_weights(), page.worker.live.walk.parameters(now["step"]))


def test_a_command_on_the_run_comes_after_the_one_that_makes_it(page):
    page.open()
    now = page.forward(6)
    commands = page.ask("diagnose", "diagnosed", tried=True)["commands"]
    assert commands == [now["command"], "fallline diagnose last --try"]


def test_a_replay_that_is_opened_again_by_its_address_is_one(tmp_path):
    run = fl.train(example("iris"), "species", runs=tmp_path, rate=0.2, epochs=6, batch=20, stop=None)
    page = Page(tmp_path, {run.name: run.path})
    page.do("open", run=run.name, show={"pictures": []})
    page.until("now")
    now = page.forward(8)
    again = page.ask("open", "ready", scene=Scene.from_query(now["address"]).model_dump(mode="json"))
    assert again["recorded"] is True
    assert page.until("now", lambda now: now["step"] == 8)["last"] == len(run.trace) - 1
    end = page.forward(len(run.trace) - 1)
    assert page.ask("diagnose", "diagnosed")["commands"] == [f"fallline diagnose {run.name}"]
    other = Scene.from_query(end["address"]).with_settings({"seed": 5})
    assert page.ask("open", "ready", scene=other.model_dump(mode="json"))["recorded"] is False
    page.close()
