"""Every sentence on curvature follows the figures."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.curvature import CLAIMS, limit_unknown

FIGURES = {
    "step": 1200,
    "steps": 1200,
    "parameters": 15,
    "lambda_max": 4.0,
    "lambda_min": 0.5,
    "error": 1e-14,
    "exact": True,
    "trace": 9.0,
    "trace_error": 0.0,
    "condition": 8.0,
    "flat": 0,
    "bent_condition": 8.0,
    "rate": 0.1,
    "rule": "plain",
    "plain_rate": 0.5,
    "stable_rate": 0.5,
    "alpha": -0.6,
    "alpha_all": -0.3,
    "alphas": 30,
    "uphill": 0,
    "uphill_all": 0,
    "rows": 14448,
    "rows_of": 14448,
}
BAD = {"lambda_min": 4 / 250, "condition": 250.0, "bent_condition": 250.0}
DUPLICATE = {"lambda_min": 1e-16, "condition": None, "flat": 1, "bent_condition": 250.0}
SADDLE = {"lambda_min": -0.25, "condition": None, "bent_condition": 60.0}

# claim: figures where it holds with words that are said, and where it does not
CASES = {
    "stable-rate": (({}, ["0.5", "0.1", "20%", "14,448"]), ({"rate": 0.75}, ["0.75", "1.5 times", "0.5"])),
    "conditioning": (({}, ["8 times"]), (BAD, ["250 times"])),
    "convex": (({}, ["valley", "0.5", "1,200"]), (SADDLE, ["4", "−0.25", "saddle"])),
    "valley-floor": (({}, ["40%", "70%", "short"]), ({"alpha": 0.4}, ["past", "140%", "30 steps"])),
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


def test_nothing_is_said_of_a_limit_that_is_not_known_and_why_is():
    adam = {"stable_rate": None, "rule": "adam"}
    assert said("stable-rate", adam) == []
    assert "after that scaling" in limit_unknown(FIGURES | adam)
    assert "0.5" in limit_unknown(FIGURES | adam)
    assert "dog" in limit_unknown(FIGURES | adam | {"rule": "dog"})
    assert "no limit" in limit_unknown(FIGURES | adam | {"plain_rate": None})
    assert limit_unknown(FIGURES) == ""


def test_momentums_limit_names_the_rule():
    (sentence,) = said("stable-rate", {"rule": "momentum:0.9", "stable_rate": 0.95})
    assert "with momentum:0.9 is stable up to about 0.95" in sentence.text


def test_a_flat_direction_is_told_beside_how_the_others_bend():
    (sentence,) = said("conditioning", DUPLICATE)
    assert not sentence.holds
    assert "1 direction is flat" in sentence.text
    assert "250 times" in sentence.text
    assert "2 directions are" in said("conditioning", DUPLICATE | {"flat": 2})[0].text


def test_nothing_is_said_of_conditioning_on_a_saddle_or_where_it_is_unknown():
    assert said("conditioning", SADDLE) == []
    assert said("conditioning", {"condition": None, "bent_condition": None, "flat": None}) == []


def test_rounding_below_zero_is_no_saddle_and_no_curvature():
    (sentence,) = said("convex", DUPLICATE | {"lambda_min": -1e-16})
    assert sentence.holds
    assert "least curvature of all is 0)" in sentence.text


def test_a_network_too_large_for_all_eigenvalues_is_spoken_of_with_care():
    (sentence,) = said("convex", {"exact": False})
    assert "found" in sentence.text
    assert "as far as could be seen" in sentence.text


def test_a_hilltop_and_a_plain_are_not_called_saddles():
    assert "hilltop" in said("convex", {"lambda_max": -1.0, "lambda_min": -2.0})[0].text
    assert said("convex", {"lambda_max": 0.0, "lambda_min": 0.0}) == []


@pytest.mark.parametrize(
    ("alpha", "words"),
    [
        (-0.9999, "less than 0.1%"),
        (-0.5, "50% of the way"),
        (0.05, "about on the valley's floor"),
        (0.5, "up the other side"),
        (3.0, "ended higher than it began: 4 times"),
    ],
)
def test_where_the_typical_step_ended_is_told_by_alpha(alpha, words):
    (sentence,) = said("valley-floor", {"alpha": alpha, "alpha_all": alpha})
    assert words in sentence.text
    assert "all rows" not in sentence.text
    assert sentence.holds is (alpha <= 0.1)


def test_steps_that_began_uphill_over_all_rows_are_told_apart():
    text = said("valley-floor", {"uphill_all": 11, "uphill": 2})[0].text
    assert "11 of 32 steps began uphill; of the others the typical one stopped short" in text


def test_nothing_is_said_of_steps_that_had_no_floor():
    assert said("valley-floor", {"alpha": None}) == []


def test_a_loss_without_rows_has_none_in_its_sentences():
    assert "rows" not in said("stable-rate", {"rows": 1, "rows_of": 1})[0].text
