"""Every claim on a moment, with figures where it holds and where it does not."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.now import CLAIMS, state

BASE = {
    "run": "r", "step": 40, "steps": 100, "window": 10, "first": 2.0, "last": 1.5, "noise": 0.0, "start": 4.0,
    "optimum": None, "gradient_norm": 0.5, "steepest": 2.0, "update_norm": 0.05, "weight_norm": 1.0, "alpha": -0.6,
    "rule": "plain", "rate": 0.1, "batch": 100, "full": True, "rows_of": 100, "penalised": False, "lambda_max": 4.0,
    "stable_rate": 0.5, "stable_rows": 100, "moves": None, "whole": None, "whole_before": None,
    "whole_first": None,
}  # fmt: skip
BATCHES = {
    "full": False, "batch": 32, "noise": 0.2, "first": 1.55, "window": 31, "moves": "stays", "whole": 1.6,
    "whole_before": 1.7, "whole_first": 1.65,
}  # fmt: skip

CASES = {
    "going-down": ({}, {"first": 1.0}, ["10 updates", "from 2 to 1.5", "25%"], ["rose", "from 1 to 1.5"]),
    "crosses-the-valley": ({"alpha": 0.5}, {}, ["crossed", "lower than", "0.5"], ["40% of the way"]),
    "last-update": (BATCHES, BATCHES | {"whole": 1.71}, ["32 rows", "fell from 1.7 to 1.6"], ["rose from 1.7 to 1.71"]),
    "at-the-minimum": ({"gradient_norm": 1e-4}, {}, ["0.005%"], ["25%", "further to go"]),
    "rate-is-stable": ({}, {"rate": 0.7}, ["20%", "0.5 (2 / lambda_max)"], ["0.7 is above", "0.5"]),
    "rate-moves": ({}, {"rate": 0.001}, ["20%"], ["0.2%", "0.4% of the way"]),
}


def said(name: str, **changed):
    (sentence,) = tell([claim for claim in CLAIMS if claim.name == name], BASE | changed)
    return sentence


def test_every_claim_has_its_cases():
    assert {claim.name for claim in CLAIMS} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_claim_is_said_where_it_holds_and_what_was_measured_where_not(name):
    there, not_there, words, other = CASES[name]
    holds, fails = said(name, **there), said(name, **not_there)
    assert holds.holds is True
    assert fails.holds is False
    assert all(word in holds.text for word in words), holds.text
    assert all(word in fails.text for word in other), fails.text


WORDS = {
    "hovering": (
        "going-down",
        BATCHES,
        ["hovers at 1.5 (1.55 in the first half", "batches of 32 rows", "0.8 by chance"],
    ),
    "batches that fell": (
        "going-down",
        BATCHES | {"moves": "falls", "whole": None},
        ["first to the second half", "32 batches"],
    ),
    "all rows fell": (
        "going-down",
        BATCHES | {"moves": "falls"},
        ["31 updates", "all 100 training rows", "1.65 to 1.6"],
    ),
    "all rows fell far": ("going-down", BATCHES | {"whole_first": 3.2}, ["went down from 3.2 to 1.6, by 50%"]),
    "all rows rose": ("going-down", BATCHES | {"moves": "rises", "whole_first": 1.5}, ["rose from 1.5 to 1.6."]),
    "at rest": ("going-down", {"first": 1.5}, ["stayed at 1.5"]),
    "one update": ("going-down", {"window": 1}, ["With the last update"]),
    "with a penalty": ("going-down", {"penalised": True}, ["the objective went"]),
    "higher beyond the floor": ("crosses-the-valley", {"alpha": 1.5}, ["higher than"]),
    "as high beyond the floor": ("crosses-the-valley", {"alpha": 1.0}, ["as high as"]),
    "on the floor": ("crosses-the-valley", {"alpha": 0.02}, ["on the floor"]),
    "no floor ahead": ("crosses-the-valley", {"alpha": -1.0}, ["no floor"]),
    "at the exact answer": (
        "at-the-minimum",
        {"optimum": 1.4999},
        ["minimum is reached", "1.5, 0.0001 above the exact answer's 1.4999"],
    ),
    "below the exact answer by rounding": ("at-the-minimum", {"optimum": 1.5000001}, ["1.5, that of the exact"]),
    "batches below the exact answer": (
        "at-the-minimum",
        BATCHES | {"optimum": 1.58},
        ["all 100 training rows", "1.6, 0.02 above", "1.58"],
    ),
    "an update that is too short to see": ("last-update", BATCHES | {"whole": 1.7}, ["stayed at 1.7"]),
    "above the exact answer": ("at-the-minimum", {"optimum": 1.0}, ["1.5, 0.5 above the exact answer's 1"]),
    "flat but above": ("at-the-minimum", {"optimum": 1.0, "gradient_norm": 1e-4}, ["nearly flat"]),
    "another rule": ("rate-is-stable", {"rule": "momentum:0.9"}, ["for momentum:0.9"]),
    "creeping by another rule": ("rate-moves", {"rule": "momentum:0.9", "rate": 1e-4}, ["too small"]),
}


@pytest.mark.parametrize("name", WORDS)
def test_what_is_said_follows_the_figures(name):
    claim, changed, words = WORDS[name]
    text = said(claim, **changed).text
    assert all(word in text for word in words), text


def test_nothing_is_said_of_what_is_not_known():
    changed = BASE | {"alpha": None, "stable_rate": None, "window": 0} | {"full": False, "step": 3}
    assert [sentence.claim for sentence in tell(CLAIMS, changed)] == []


STATES = {
    "start": {"step": 0},
    "diverging": {"first": 1.0, "rate": 0.7},
    "rising": {"first": 1.0},
    "arrived": {"optimum": 1.4999},
    "flat": {"optimum": 1.0, "gradient_norm": 1e-4},
    "hovering": BATCHES,
    "falling, hidden by batches": BATCHES | {"whole_first": 3.2},
    "hovering below the exact answer": BATCHES | {"optimum": 1.58, "whole": 1.5801},
    "early": BATCHES | {"moves": None, "first": 1.0, "window": 1},
    "creeping": {"rate": 1e-4},
    "crossing": {"alpha": 0.7},
    "falling": {},
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_named_by_the_figures(name):
    assert state(BASE | STATES[name]) == name.split()[0].strip(",")


def test_what_is_no_number_diverges():
    assert state(BASE | {"last": float("nan")}) == "diverging"
