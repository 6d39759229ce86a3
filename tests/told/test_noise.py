"""Every sentence on the noise of gradients follows the figures."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.noise import CLAIMS

FIGURES = {
    "step": 5876,
    "noise_scale": 9154.2,
    "spread": 2.8,
    "gradient_norm": 0.0295,
    "against": 0.476,
    "start_noise_scale": 16.9,
    "batch": 32,
    "full": False,
    "rows": 14448,
    "rows_of": 14448,
    "expected_norm": 0.4985,
    "floor": 0.4977,
    "recorded_norm": 0.5227,
    "recorded_least": 0.0906,
    "late": 588,
}
SMALL = {"noise_scale": 8.0}

# claim: figures where it holds with words that are said, and where it does not
CASES = {
    "spread": (({}, ["2.8", "0.0295", "47.6%", "14,448"]), ({"gradient_norm": 9.0}, ["9", "agree more"])),
    "noise-scale": (({}, ["16.9 rows", "9,154 rows", "less"]), (SMALL, ["16.9 rows", "8 rows", "did not"])),
    "batch-pays": (({}, ["9,154 rows", "32 rows", "0.348%", "bigger"]), (SMALL, ["8 rows", "80%", "adds little"])),
    "floor": (
        ({}, ["0.4977", "0.5227", "0.0906", "588", "does not become zero"]),
        ({"recorded_norm": 0.2}, ["0.2", "below"]),
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


def test_of_steps_that_see_all_rows_no_bigger_batch_is_advised():
    full = {"full": True, "batch": 14448, "floor": None}
    assert said("batch-pays", full | {"noise_scale": 1e6}) == []
    (sentence,) = said("batch-pays", full)
    assert not sentence.holds
    assert "all 14,448 rows" in sentence.text
    assert said("floor", full) == []


def test_nothing_is_made_of_a_gradient_of_zero():
    nothing = {"noise_scale": None, "gradient_norm": 0.0}
    assert said("noise-scale", nothing) == []
    assert said("batch-pays", nothing) == []


def test_nothing_is_compared_at_the_start_itself():
    assert said("noise-scale", {"step": 0}) == []


def test_a_single_row_is_one_row():
    assert "a batch has 1 row:" in said("batch-pays", {"batch": 1})[0].text
    assert "less than 1 row" in said("noise-scale", {"start_noise_scale": 0.2})[0].text
