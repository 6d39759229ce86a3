"""Every sentence on a range of rates follows the figures."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.rate_range import CLAIMS

FIGURES = {
    "reliable": True,
    "why": None,
    "low": 0.0077,
    "high": 0.219,
    "best": 0.052,
    "best_loss": 0.1773,
    "start": 0.9039,
    "tolerance": 0.0089,
    "noise": 0.0007,
    "lowest_diverged": 1.0,
    "validated": True,
    "fresh_rates": 16,
    "fresh_good": 16,
    "fresh_diverged": 0,
    "fresh_worst": 0.182,
    "run_rate": 0.0209,
    "rule": "plain",
    "full": False,
    "stable_start": 0.513,
    "stable_end": 0.498,
    "stable_rate": 0.498,
    "trials": 144,
    "seeds": 3,
    "steps": 2000,
    "steps_of": 5876,
    "trained_rows": 14448,
    "rows": 14448,
    "rows_of": 14448,
}
NONE = {"reliable": False, "low": None, "high": None, "validated": None}
WHY = {
    "start": NONE | {"why": "start", "best": None, "best_loss": None, "noise": None},
    "seeds": NONE | {"why": "seeds", "noise": 0.8},
    "fresh": {"reliable": False, "why": "fresh", "validated": False, "fresh_good": 9, "fresh_diverged": 2},
}
CASES = {
    "bracket": (
        (
            {},
            [
                "0.0077 to 0.219",
                "144 trainings of 2,000",
                "3 seeds",
                "5,876",
                "0.9039",
                "0.1773",
                "0.0089",
                "From 1 on",
            ],
        ),
        (WHY["seeds"], ["No rate is reliable", "0.052", "0.727", "0.8"]),
    ),
    "validated": (
        ({}, ["16 rates", "3 seeds", "16 of them", "no training"]),
        (WHY["fresh"], ["9 of them", "2 trainings", "did not stand"]),
    ),
    "run-inside": (
        ({}, ["0.0209 lies in", "0.0077"]),
        ({"run_rate": 0.438}, ["0.438 lies above", "2 times"]),
    ),
    "below-stable-limit": (
        ({}, ["2 / λ", "0.513 at the start and 0.498", "0.219, below"]),
        ({"high": 0.9, "rule": "momentum:0.9"}, ["what momentum makes", "0.9, above", "not the"]),
    ),
}


def said(claim: str, changed: dict):
    return tell([c for c in CLAIMS if c.name == claim], FIGURES | changed)


def test_every_claim_has_its_cases():
    assert {claim.name for claim in CLAIMS} == set(CASES)


@pytest.mark.parametrize("claim", CASES)
@pytest.mark.parametrize("holds", [True, False])
def test_a_claim_holds_or_not_by_the_figures_and_quotes_them(claim, holds):
    changed, words = CASES[claim][0 if holds else 1]
    (sentence,) = said(claim, changed)
    assert sentence.holds is holds
    for word in words:
        assert word in sentence.text


@pytest.mark.parametrize("why", WHY)
def test_why_no_rate_is_reliable_is_told(why):
    (sentence,) = said("bracket", WHY[why])
    assert not sentence.holds
    assert sentence.text.startswith("No rate is reliable")
    assert {"start": "0.9039", "seeds": "0.8", "fresh": "fresh seeds"}[why] in sentence.text


def test_where_there_is_no_bracket_or_no_limit_nothing_is_said_of_them():
    assert [said(claim, WHY["start"]) for claim in ("validated", "run-inside", "below-stable-limit")] == [[]] * 3
    assert said("below-stable-limit", {"stable_rate": None, "stable_start": None, "stable_end": None}) == []


def test_a_rate_below_the_bracket_and_fewer_rows_are_told():
    (outside,) = said("run-inside", {"run_rate": 0.00077})
    assert "below" in outside.text
    assert "10 times" in outside.text
    (sentence,) = said("bracket", {"trained_rows": 500, "lowest_diverged": None})
    assert "on 500 of 14,448 rows" in sentence.text
    assert "No rate above them" in sentence.text
