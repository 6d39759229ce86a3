"""Every sentence on the chain rule and finite differences follows the figures."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.gradient_check import CLAIMS

FIGURES = {
    "step": 0,
    "parameters": 257,
    "checked": 50,
    "value": 1.4,
    "gradient_norm": 1.8,
    "forward_h": 3e-8,
    "forward_error": 2e-8,
    "central_h": 3e-5,
    "central_error": 9.3e-12,
    "single_central_h": 2e-3,
    "single_central_error": 0.00037,
    "forward_theory": 8e-8,
    "central_theory": 1e-5,
    "largest_h": 0.1,
    "smallest_h": 1e-15,
    "smallest_error": 0.37,
    "chain32_error": 4.8e-7,
    "noise_error": 1e-12,
    "worst": "layer1/bias[6]",
    "worst_chain": 0.2566,
    "worst_difference": 0.2567,
    "worst_kink": False,
    "kinks": 0,
    "gradient_seconds": 0.0005,
    "loss_seconds": 0.0003,
    "losses": 514,
    "cost_rows": 14448,
    "rows": 2000,
    "rows_of": 14448,
}
WRONG = {"central_error": 0.2}

# claim: figures where it holds with words that are said, and where it does not
CASES = {
    "agree": (({}, ["50 of the 257", "11 digits", "random start"]), (WRONG, ["0.2", "layer1/bias[6]", "0.2566"])),
    "best-h": (
        ({}, ["3 × 10⁻⁸", "8 × 10⁻⁸", "3 × 10⁻⁵", "1 × 10⁻⁵"]),
        ({"central_h": 3e-3}, ["0.003", "more than a factor of 10"]),
    ),
    "smaller-h-worse": (({}, ["0.37", "1 × 10⁻¹⁵", "rounding"]), ({"smallest_error": 0.0}, ["no worse", "0"])),
    "cost": (
        ({}, ["257 parameters", "514", "154 ms", "500 µs", "308 times"]),
        ({"parameters": 1, "losses": 2, "loss_seconds": 1e-4}, ["200 µs", "500 µs", "as cheap"]),
    ),
    "no-second-point": (({}, ["11 digits", "without an h", "0.00037"]), (WRONG, ["0.2", "not be confirmed"])),
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


def test_a_kink_is_given_as_the_reason_and_so_is_a_gradient_lost_in_rounding():
    assert "kink" in said("agree", WRONG | {"kinks": 1})[0].text
    assert "2 parameters have" in said("agree", WRONG | {"kinks": 2})[0].text
    assert "rounding" in said("agree", WRONG | {"noise_error": 0.5})[0].text
    assert "One of the two is wrong" in said("agree", WRONG)[0].text


def test_where_nothing_is_cut_off_theory_is_not_held_against_the_best_h():
    (sentence,) = said("best-h", {"central_theory": None, "central_h": 0.1})
    assert sentence.holds
    assert "nothing cut off" in sentence.text


def test_a_theory_beyond_the_largest_h_is_taken_as_that():
    assert said("best-h", {"central_theory": 50.0, "central_h": 0.1})[0].holds


def test_nothing_is_said_of_h_where_rounding_drowns_the_gradient_or_theory_is_silent():
    assert said("best-h", {"noise_error": 0.1}) == []
    assert said("best-h", {"forward_theory": None, "central_theory": None}) == []


def test_all_parameters_and_a_single_one_are_called_so():
    assert "all 3 parameters" in said("agree", {"checked": 3, "parameters": 3})[0].text
    assert "the one parameter" in said("agree", {"checked": 1, "parameters": 1})[0].text
