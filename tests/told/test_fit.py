"""What is said of a fit follows the figures."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.fit import CLAIMS

FIGURES = {
    "train": 0.1276,
    "validation": 0.1362,
    "test": 0.141,
    "gap": 0.0086,
    "gap_error": 0.0066,
    "trivial_train": 0.5,
    "trivial_validation": 0.507,
    "rows": 14448,
    "rows_of": 14448,
    "validation_rows": 3096,
    "test_rows": 3095,
    "kept_step": 4520,
    "steps": 4520,
    "lowest_step": 4068,
    "lowest": 0.1361,
    "last_step": 4520,
    "last": 0.1362,
    "looks": 10,
    "measure": "rmse",
    "target": "price",
    "loss_name": "Squared",
    "test_measure": 61219.0,
    "validation_measure": 60184.0,
    "scale": 115292.0,
    "curve_rows": [1445, 2890, 5779, 10114, 14448],
    "curve_validation": [0.2, 0.18, 0.16, 0.15, 0.14],
    "curve_steps": 1500,
    "curve_seeds": 2,
    "curve_from": 5779,
    "curve_gain": 0.02,
    "curve_gain_error": 0.002,
    "doubling": 0.015,
}
CASES = {
    "memorised": (
        {},
        ["0.1276", "0.1362", "0.0086 ± 0.0066", "it learned"],
        {"gap": 0.3, "validation": 0.4276},
        ["0.3 ± 0.0066", "more than noise", "0.3724", "0.0794"],
    ),
    "turned": (
        {},
        ["0.1361", "step 4,068", "within 1%", "step 4,520"],
        {"last": 0.1633},
        ["0.1361", "step 4,068", "0.1633", "20% higher"],
    ),
    "right-moment": (
        {},
        ["4,520 steps", "0.1362", "hardly anything was lost"],
        {"validation": 0.1633},
        ["0.1633", "20% higher", "stop patience"],
    ),
    "more-rows": (
        {},
        ["0.02 ± 0.002", "5,779 to 14,448", "0.015", "rather less"],
        {"curve_gain": 0.001},
        ["0.001 ± 0.002", "no fall beyond noise"],
    ),
    "measure-apart": (
        {"measure": "accuracy", "test_measure": 0.853, "scale": None},
        ["3,095 test rows", "0.141", "accuracy 85.3%"],
        {},
        ["0.141", "RMSE 61,219", "units of price", "square root of twice the loss", "115,292"],
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
    unknown = {"validation": float("nan"), "lowest": None, "curve_gain": None, "gap": float("nan")}
    assert said(name, **unknown) == []


def test_one_look_shows_no_turn():
    assert said("turned", looks=1) == said("right-moment", looks=1) == []


def test_a_model_no_better_than_a_constant_is_not_said_to_have_learned():
    (sentence,) = said("memorised", validation=0.51, train=0.505, gap=0.005)
    assert "it learned" not in sentence.text
    assert "no better than" in sentence.text
    (sentence,) = said("memorised", validation=0.6, gap=0.4724)
    assert "no better than the best constant" in sentence.text


def test_easier_validation_rows_are_called_that():
    (sentence,) = said("memorised", validation=0.05, gap=-0.0776)
    assert sentence.holds
    assert "happen to be easier" in sentence.text


def test_a_training_that_ended_at_its_lowest_leaves_open_whether_more_steps_would_help():
    (sentence,) = said("right-moment", lowest_step=4520, lowest=0.1362)
    assert "nobody can tell from this" in sentence.text
    (sentence,) = said("turned", lowest_step=4520, lowest=0.1362)
    assert "it never turned" in sentence.text


def test_a_sure_but_small_gain_of_rows_is_said_to_be_small():
    (sentence,) = said("more-rows", doubling=0.0005)
    assert not sentence.holds
    assert "0.0005 at most" in sentence.text


def test_without_test_rows_the_measure_is_that_of_the_validation_rows():
    (sentence,) = said("measure-apart", test=None, test_measure=None)
    assert "3,096 validation rows" in sentence.text
    assert "60,184" in sentence.text
