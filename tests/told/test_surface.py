"""Every claim on a surface, with figures where it holds and where it does not."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.surface import CLAIMS

BASE = {
    "over": "path", "x_name": "bias", "y_name": "weights[x]", "share_captured": 0.85, "gap": 0.05, "gap_step": 3,
    "range": 2.0, "start_loss": 2.5, "end_loss": 0.5, "start_plane": 2.45, "end_plane": 0.5, "uphill": 0,
    "uphill_true": 0, "farthest": 0.1, "lowest": 0.4, "path_points": 20, "path_of": 1000, "points": 41,
    "parameters": 30, "step": 1000, "rows": 100, "rows_of": 100,
}  # fmt: skip

CASES = {
    "captured": ({}, {"share_captured": 0.6}, ["85% of the movement", "30 parameters"], ["60%", "with care"]),
    "honest": ({}, {"gap": 0.5}, ["0.05", "step 3", "spans 2", "can be trusted"], ["0.5", "25%", "off it"]),
    "downhill": (
        {},
        {"uphill": 4, "uphill_true": 1},
        ["2.45", "0.5"],
        ["Of the 19 moves", "4 lead up", "rose in 1 of"],
    ),
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


def test_a_plane_that_holds_next_to_nothing_warns_against_reading_the_way_from_it():
    assert "don't read the way" in said("captured", share_captured=0.02, over="random").text
    assert "two random directions" in said("captured", over="random").text
    assert "bias and weights[x]" in said("captured", over="weights").text


def test_a_path_that_stays_level_does_not_go_down():
    sentence = said("downhill", end_plane=2.45)
    assert sentence.holds is False
    assert "stays level" in sentence.text


def test_nothing_is_said_where_losses_are_not_finite_or_nothing_moved():
    changed = BASE | {"gap": None, "uphill": None, "share_captured": None}
    assert tell(CLAIMS, changed) == []
    assert "honest" not in [sentence.claim for sentence in tell(CLAIMS, BASE | {"range": 0.0, "gap": 0.0})]
