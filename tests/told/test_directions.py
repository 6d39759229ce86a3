"""Every sentence on directions follows the figures."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.directions import CLAIMS

FIGURES = {
    "step": 0,
    "length": 0.0291,
    "own_length": True,
    "rate": 0.02,
    "rule": "plain",
    "parameters": 15,
    "of": "loss",
    "value": 0.9,
    "gradient_norm": 1.057,
    "down": -0.03,
    "up": 0.031,
    "count": 1000,
    "steepest": 0.707,
    "steeper": 0,
    "best": -0.02,
    "better": 0,
    "fan_rows": 2000,
    "rows": 14448,
    "rows_of": 14448,
    "predicted": -0.0399,
    "came": -0.0398,
    "predicted_all": -0.0273,
    "came_all": -0.0272,
    "angle": 46.8,
    "angle_exact": 57.6,
    "angle_least": 44.6,
    "angle_most": 81.1,
    "angles": 39,
}

# claim: figures where it holds with words that are said, and where it does not
CASES = {
    "steepest": (
        ({}, ["1.057", "1,000 random", "0.707", "2,000 of the 14,448"]),
        ({"steeper": 3, "steepest": 1.2}, ["3 of", "1.2", "kink"]),
    ),
    "times-minus-one": (
        ({}, ["falls from 0.9 to 0.87", "rises from 0.9 to 0.931", "0.0291", "−1"]),
        ({"down": 0.4}, ["rises from 0.9 to 1.3", "too long"]),
    ),
    "points-to-minimum": (
        ({"angle": 4.0, "angle_exact": None}, ["4 degrees", "nearly"]),
        ({}, ["46.8 degrees", "57.6 degrees", "44.6 to 81.1", "conditioning"]),
    ),
    "predicted-change": (
        ({}, ["−0.0399", "−0.0398", "−0.0273", "−0.0272", "well"]),
        ({"came": 0.2}, ["−0.0399", "0.2", "longer"]),
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


def test_directions_that_led_lower_over_the_whole_way_are_told():
    (sentence,) = said("steepest", {"better": 12})
    assert sentence.holds
    assert "12 of them" in sentence.text


def test_a_loss_that_is_no_number_any_more_is_not_called_unchanged():
    (sentence,) = said("times-minus-one", {"down": float("nan")})
    assert "is no number any more" in sentence.text
    assert "stays" not in sentence.text
    assert "stays at 0.9" in said("times-minus-one", {"down": 0.0})[0].text


def test_a_gradient_that_leads_away_is_said_to():
    assert "leads away" in said("points-to-minimum", {"angle": 120.0})[0].text
    assert "leads away" not in said("points-to-minimum", {})[0].text


def test_nothing_is_said_where_there_is_nothing_to_compare():
    assert said("points-to-minimum", {"angle": None}) == []
    assert said("predicted-change", {"came": None, "predicted": None}) == []
    assert said("predicted-change", {"came": 1e-15}) == []
    assert said("steepest", {"count": 0}) == []


def test_a_loss_without_rows_has_none_in_its_sentences():
    for claim in CASES:
        (sentence,) = said(claim, {"rows": 1, "rows_of": 1, "fan_rows": 1})
        assert "training rows" not in sentence.text
        assert "judged" not in sentence.text


def test_an_objective_is_not_called_a_loss():
    assert "the objective falls" in said("times-minus-one", {"of": "objective"})[0].text
