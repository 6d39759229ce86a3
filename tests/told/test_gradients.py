"""Every claim on the gradients, with figures where it holds and where it does not."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.gradients import CLAIMS

BASE = {
    "first_norm": 4.0, "last_norm": 2e-3, "ratio": 5e-4, "update_first": 0.4, "update_last": 2e-4, "rate_first": 0.1,
    "rate_last": 0.1, "rate_constant": True, "window": 1, "whole_first": 4.0, "whole_last": 2e-3, "smallest": 0.0,
    "typical": 0.25, "largest": 3.0, "lowest": -2.0, "highest": 3.0, "negative_share": 0.4, "outside_share": 0.2,
    "zero_share": 0.0, "rule": "plain", "clip": None, "entries": 120, "points": 40, "parameters": 3, "full": True,
    "batch": 100, "steps": 50, "floor": None, "rows": 100, "rows_of": 100,
}  # fmt: skip

BATCHES = {"full": False, "batch": 32, "last_norm": 0.8, "floor": 0.8, "whole_last": 0.02, "window": 10}
BETWEEN = {"negative_share": 0.0, "outside_share": 0.0, "lowest": 0.1, "highest": 0.9}

CASES = {
    "norm-fell": ({}, {"whole_last": 8.0}, ["4 at the start", "0.002 at the end", "2,000 times"], ["it rose, 2 times"]),
    "not-between-0-and-1": ({}, BETWEEN, ["40% are negative", "20% are larger"], ["happen to lie between", "0.9"]),
    "smaller-steps": ({}, {"update_last": 0.4, "last_norm": 4.0}, ["0.4 long", "stayed 0.1"], ["neither shrank"]),
    "becomes-zero": (
        {"whole_last": 1e-4, "last_norm": 1e-4},
        BATCHES,
        ["0.0001", "nearly 0"],
        ["0.8", "0.02", "floor"],
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


OTHERWISE = {
    "half": ("norm-fell", {"whole_last": 3.0}, "less than half"),
    "diverged": ("norm-fell", {"whole_last": float("inf")}, "beyond all numbers"),
    "the rule shrank them": ("smaller-steps", {"last_norm": 4.0, "rule": "adagrad"}, "which the rule adagrad makes"),
    "the rule did not": ("smaller-steps", {"update_last": 0.4, "rule": "adam"}, "though the gradients did"),
    "not yet": ("becomes-zero", {"whole_last": 0.5, "last_norm": 0.5}, "not 0"),
    "no floor yet": ("becomes-zero", BATCHES | {"whole_last": 0.7}, "about alike"),
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_what_was_measured_instead_follows_the_figures(case):
    name, changed, words = OTHERWISE[case]
    sentence = said(name, **changed)
    assert sentence.holds is False
    assert words in sentence.text


def test_a_rule_other_than_the_plain_one_is_named_as_what_makes_the_updates():
    assert "The rule adam makes" in said("smaller-steps", rule="adam").text
    assert "smaller gradient is a smaller step" in said("smaller-steps").text


def test_a_gradient_that_is_exactly_zero_is_said_to_be():
    sentence = said("becomes-zero", whole_last=0.0, last_norm=0.0)
    assert "exactly 0" in sentence.text


def test_smaller_steps_are_not_spoken_of_where_the_rate_changes():
    assert "smaller-steps" not in [sentence.claim for sentence in tell(CLAIMS, BASE | {"rate_constant": False})]


def test_nothing_is_said_of_gradients_that_are_no_numbers():
    nan = float("nan")
    assert tell(CLAIMS, BASE | {"whole_first": nan, "lowest": nan, "update_first": nan}) == []
