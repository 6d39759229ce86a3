"""What is said of a model's capacity follows the figures."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.capacity import CLAIMS

FIGURES = {
    "wall_model": "linear",
    "wall": 0.18,
    "wall_validation": 0.185,
    "wall_how": "closed form",
    "wall_certain": True,
    "wall_gradient": 0.0,
    "network": "mlp:32,32",
    "network_parameters": 1569,
    "network_train": 0.1,
    "network_validation": 0.13,
    "network_gain": 0.055,
    "network_gain_error": 0.004,
    "own": "mlp:16",
    "own_parameters": 257,
    "own_train": 0.12,
    "own_validation": 0.1415,
    "own_as_trained": False,
    "best": "mlp:32,32",
    "best_parameters": 1569,
    "best_validation": 0.13,
    "own_short": 0.0115,
    "own_short_error": 0.002,
    "models": ["linear", "mlp:32", "mlp:32,32", "mlp:16"],
    "rows": 4000,
    "rows_of": 14448,
    "held_rows": 3096,
    "held_out": True,
    "steps": 1000,
    "seeds": 2,
    "residual_feature": "latitude",
    "residual_share": 0.049,
    "residual_chance": 0.007,
    "residual_rows": 3096,
    "residual_held": True,
    "residual_unit": "target",
    "residual_class": None,
    "range_feature": "median_income",
    "range_low": 1.9,
    "range_high": 6.2,
    "range_model": "mlp:32,32",
    "range_rows": 3201,
    "inside_rows": 3322,
    "outside_rows": 774,
    "inside_error": 58000.0,
    "outside_error": 74000.0,
    "whole_inside_error": 58500.0,
    "whole_outside_error": 58100.0,
    "outside_extra": 0.08,
    "outside_extra_error": 0.012,
    "range_error": "root mean square error",
}
ABLE = {"own_short": 0.001, "own_validation": 0.131}
CASES = {  # where the claim holds, numbers that are said; where it does not, numbers that are said
    "wall": (
        {},
        ["0.18 (the closed form)", "0.055 ± 0.004", "29.7%", "3,096 validation rows"],
        {"network_gain": 0.001, "network_validation": 0.184},
        ["0.001 ± 0.004", "no more than 2%", "is enough"],
    ),
    "own-model": (
        ABLE,
        ["0.131", "within 2%"],
        {},
        ["mlp:16 with 257 parameters", "too weak by 0.0115 ± 0.002", "8.85%"],
    ),
    "residual-pattern": (
        {"residual_share": 0.006},
        ["0.6%", "0.7%", "No pattern beyond chance"],
        {},
        ["latitude", "4.9%", "0.7%", "left to learn"],
    ),
    "inside-and-outside": (
        {},
        ["1.9 to 6.2", "58,000", "74,000", "1.28 times", "58,100", "nothing is promised outside"],
        {"outside_error": 59000.0, "outside_extra": 0.001},
        ["59,000", "hardly larger", "luck, not a promise"],
    ),
}


def said(name, **changed):
    return tell([claim for claim in CLAIMS if claim.name == name], FIGURES | changed)


def test_every_claim_has_its_cases():
    assert set(CASES) == {claim.name for claim in CLAIMS}


@pytest.mark.parametrize("name", CASES)
def test_a_claim_holds_by_the_figures(name):
    (sentence,) = said(name, **CASES[name][0])
    assert sentence.holds
    assert all(word in sentence.text for word in CASES[name][1]), sentence.text


@pytest.mark.parametrize("name", CASES)
def test_where_a_claim_does_not_hold_it_says_what_was_measured(name):
    (sentence,) = said(name, **CASES[name][2])
    assert not sentence.holds
    assert all(word in sentence.text for word in CASES[name][3]), sentence.text


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_said_where_nothing_is_known(name):
    unknown = dict.fromkeys(("network_gain", "own_short", "residual_share", "inside_error"))
    assert said(name, **unknown) == []


def test_where_no_feature_has_a_range_it_is_said_that_nothing_could_be_judged():
    without = {name: value for name, value in FIGURES.items() if not name.startswith(("range", "inside", "outside"))}
    (sentence,) = tell([claim for claim in CLAIMS if claim.name == "inside-and-outside"], without)
    assert not sentence.holds
    assert "can't be judged on this table" in sentence.text


def test_a_gain_that_may_be_chance_is_neither_a_win_nor_a_proof():
    (sentence,) = said("wall", network_gain_error=0.04)
    assert not sentence.holds
    assert "may be chance" in sentence.text
    assert "is enough" not in sentence.text
    (sentence,) = said("own-model", own_short_error=0.01)
    assert sentence.holds
    assert "may be chance" in sentence.text


def test_a_network_that_is_worse_is_said_to_be_higher():
    (sentence,) = said("wall", network_gain=-0.02, network_validation=0.205)
    assert "higher by 0.02" in sentence.text


def test_only_a_certain_wall_is_called_one():
    assert "no linear model" in said("wall", wall_how="descent", wall_gradient=1e-8)[0].text
    text = said("wall", wall_how="descent", wall_certain=False)[0].text
    assert "best linear model that was found" in text
    assert "a wall for all" not in text


def test_the_best_model_is_not_compared_with_itself():
    (sentence,) = said("own-model", best="mlp:16", own_short=0.0, own_short_error=0.0)
    assert sentence.holds
    assert "the lowest of all" in sentence.text


def test_a_pattern_beyond_chance_but_small_is_said_to_be_small():
    (sentence,) = said("residual-pattern", residual_share=0.009)
    assert sentence.holds
    assert "more than chance, but too little" in sentence.text


def test_rows_that_are_harder_whether_seen_or_not_do_not_count_against_the_range():
    (sentence,) = said("inside-and-outside", outside_extra=0.01)
    assert not sentence.holds
    assert "harder, whether seen or not" in sentence.text


def test_easier_rows_do_not_hide_what_was_lost_by_not_having_seen_them():
    (sentence,) = said("inside-and-outside", outside_error=59000.0, whole_outside_error=50000.0)
    assert not sentence.holds
    assert "easier still for one that had seen" in sentence.text
    assert "luck" not in sentence.text
