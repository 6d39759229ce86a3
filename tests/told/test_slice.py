"""Every claim on a slice, with figures where it holds and where it does not."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.slice import CLAIMS

BASE = {
    "weight": "weights[x]", "step": 7, "value": 0.5, "loss": 2.0, "derivative": -1.25, "difference": -1.2500001,
    "h": 6e-6, "resolution": 1e-9, "next_value": 0.625, "next_loss": 1.875, "next_true": 1.75, "next_rows": 32,
    "rounding": 1e-6, "parameters": 3, "moved": 2, "rule": "plain", "rate": 0.1, "full": True, "rows": 100,
    "rows_of": 100,
}  # fmt: skip

CASES = {
    "slope-is-derivative": ({}, {"difference": -0.625}, ["−1.25", "weights[x] = 0.5"], ["−0.625", "50%"]),
    "next-point": (
        {},
        {"next_loss": 2.5},
        ["from 0.5 to 0.625", "from 2 to 1.875", "1.75"],
        ["rises", "2.5", "too far"],
    ),
    "whole-curve": ({"parameters": 1, "moved": 0}, {}, ["one parameter"], ["3 parameters", "2 other weights"]),
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


WHY = {
    "the floor was passed": ({"next_loss": 3.0}, "past the floor"),
    "other rows": ({"next_value": 0.4, "next_loss": 2.1, "full": False}, "a batch of 32 rows"),
    "older gradients": ({"next_value": 0.4, "next_loss": 2.1, "rule": "momentum:0.9"}, "remembers earlier gradients"),
    "both": ({"next_value": 0.4, "next_loss": 2.1, "rule": "adam", "full": False}, "not of all and the rule adam"),
    "rounding": ({"next_loss": 2.0}, "stays 2 to rounding"),
    "no move": ({"next_value": 0.5, "next_loss": 2.0}, "leaves weights[x] where it is"),
    "no slope": ({"derivative": 0.0, "next_loss": 2.5}, "the slope here is 0"),
    "infinite": ({"next_loss": float("inf"), "next_true": float("inf")}, "infinite"),
}


@pytest.mark.parametrize("why", WHY)
def test_why_the_next_point_is_not_lower_is_told_by_the_figures(why):
    changed, words = WHY[why]
    sentence = said("next-point", **changed)
    assert sentence.holds is False
    assert words in sentence.text


def test_others_that_did_not_move_leave_the_path_on_the_curve():
    assert "none of the other 2 moved" in said("whole-curve", moved=0).text
    assert "the other did not move" in said("whole-curve", moved=0, parameters=2).text
    assert "1 other weight moved" in said("whole-curve", moved=1).text


def test_nothing_is_said_of_a_next_point_that_is_not_known_or_a_slope_that_is_none():
    changed = BASE | {"next_value": None, "next_loss": None, "derivative": float("nan")}
    assert [sentence.claim for sentence in tell(CLAIMS, changed)] == ["whole-curve"]
