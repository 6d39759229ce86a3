"""Real runs are explained whole: every claim that is asked for exists, and no sentence has a hole in it."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.explain import explain, questions, story
from fallline.explain.topics import TOPICS
from fallline.told import claims_of

ASKS = {(ask.instrument, claim) for topic in TOPICS for ask in topic.asks for claim in ask.claims}
HOLES = re.compile(r"\bnan\b|\w,? None\b|not known|\binf\b|\{|\}|\bnp\.|array\(")


@pytest.mark.parametrize(("instrument", "claim"), sorted(ASKS))
def test_every_claim_that_is_asked_for_is_told(instrument, claim):
    assert claim in [each.name for each in claims_of(instrument)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    draw = np.random.default_rng(2)
    x = draw.normal(size=(90, 2))
    path = tmp_path_factory.mktemp("explained") / "points.csv"
    number = np.sin(2 * x[:, 0]) + x[:, 1] + 0.1 * draw.normal(size=90)
    kind = np.where(number > 0.7, "high", np.where(number < -0.7, "low", "middle"))
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "number": number, "kind": kind}).write_csv(path)
    home, no_kind, no_number = path.parent, {"kind": "ignore"}, {"number": "ignore"}
    return {
        "a network with Adam": fl.train(
            path, "kind", runs=home, types=no_number, model="mlp:4", rule="adam", rate=0.01, batch=16, epochs=6
        ),
        "a run that diverged": fl.train(path, "number", runs=home, types=no_kind, rate=50.0, batch=16, epochs=20),
        "one parameter": fl.train(
            path, "number", runs=home, types=no_kind | {"b": "ignore"}, bias=False, rate=0.3, batch="full", epochs=20
        ),
    }


@pytest.mark.parametrize(
    ("name", "measuring"),
    [("a network with Adam", "all"), ("a run that diverged", "headlines"), ("one parameter", "headlines")],
)
def test_a_run_is_explained_told_and_asked_about_without_holes(runs, name, measuring):
    run = runs[name]
    told = explain(run, measuring=measuring)
    said = [sentence.text for each in told for sentence in each.answer]
    said += [chapter.text for chapter in story(run)]
    said += [text for q in questions(run, 0, 12) for text in (q.text, q.shown, *q.choices)]
    assert [text for text in said if HOLES.search(text)] == []
    assert all(text == text.strip() and "  " not in text for text in said)
    assert sum(bool(each.evidence) for each in told) >= 8
    again = explain(run, measuring="nothing")
    assert [each.to_json() for each in again if each.evidence] == [each.to_json() for each in told if each.evidence]
