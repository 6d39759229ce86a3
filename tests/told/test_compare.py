"""Every sentence on a comparison follows the figures, and is silent where something else was varied."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.compare import CLAIMS

BATCHES = {
    "vary": "batch",
    "values": ["full", "32", "1"],
    "grid": False,
    "seeds": 1,
    "rows": 14448,
    "rows_of": 14448,
    "steps": [50, 22575, 722400],
    "rows_seen": [722400, 722400, 722400],
    "batches": [14448, 32, 1],
    "rates": [0.02, 0.02, 0.02],
    "rates_found": False,
    "us_per_step": [540.0, 3.4, 0.7],
    "condensed": [False, False, False],
    "start": [0.9, 0.9, 0.9],
    "end": [0.18, 0.19, 0.25],
    "late": [0.1801, 0.191, 0.245],
    "wobble": [0.0001, 0.004, 0.03],
    "floor": 0.175,
    "floor_is": "exact",
    "hover": [0.0051, 0.016, 0.07],
    "states": ["settled", "hovers", "hovers"],
    "level": 0.21,
    "to_updates": [40.0, 388.0, 2525.0],
    "to_rows": [577920.0, 12416.0, 2525.0],
    "to_seconds": [0.0216, 0.00132, 0.00177],
    "held_rows": 3096,
    "held": [0.182, 0.192, 0.26],
    "held_spread": [None, None, None],
    "best": "full",
    "best_clear": None,
}
SCHEDULES = BATCHES | {
    "vary": "schedule",
    "values": ["constant", "cosine", "linear"],
    "steps": [600, 600, 600],
    "end": [0.19, 0.176, 0.177],
    "late": [0.191, 0.1762, 0.178],
    "wobble": [0.004, 0.0001, 0.0001],
}
RULES = BATCHES | {
    "vary": "rule",
    "values": ["plain", "momentum:0.9", "adam"],
    "rates": [0.06, 0.03, 0.011],
    "rates_found": True,
    "to_updates": [2000.0, 795.0, 644.0],
    "best": "adam",
    "held": [0.154, 0.147, 0.144],
}
GRID = BATCHES | {
    "vary": "rate x rule",
    "values": [f"rate={r}, rule={rule}" for r in ("0.01", "0.1") for rule in ("plain", "momentum:0.9")],
    "grid": True,
    "steps": [600] * 4,
    "states": ["falling", "hovers", "hovers", "diverged"],
    "late": [0.25, 0.18, 0.19, None],
    "held": [0.26, 0.19, 0.2, None],
    "rules": ["plain", "momentum", "plain", "momentum"],
    "a": "rate",
    "b": "rule",
    "a_values": ["0.01", "0.1"],
    "b_values": ["plain", "momentum:0.9"],
    "memory": ["rate=0.01, rule=momentum:0.9", "rate=0.1, rule=momentum:0.9"],
    "memory_rule": ["momentum:0.9", "momentum:0.9"],
    "memory_base": ["plain", "plain"],
    "memory_rate": [0.01, 0.1],
    "memory_longer": [10.0, 10.0],
    "memory_adds_up": [True, True],
    "memory_late": [0.18, None],
    "effective_late": [0.19, None],
    "same_late": [0.25, 0.19],
}
ADAM = GRID | {"memory_adds_up": [False, False], "memory_rule": ["adam"] * 2, "memory_base": ["adam:0"] * 2}

# claim: figures where it holds with words that are said, and where it does not
CASES = {
    "settles": (
        (BATCHES, ["the trial with batch full settled", "32 and 1 hovered", "0.004 and 0.03"]),
        (
            BATCHES | {"states": ["falling", "rising", "diverged"]},
            ["None settled", "full was still on the way down", "32 was on the way up", "1 diverged"],
        ),
    ),
    "hover": (
        (BATCHES, ["The smaller the batch, the higher", "0.016 with batch 32", "0.07 with batch 1", "exact", "0.175"]),
        (
            BATCHES | {"hover": [0.02, 0.016, 0.07], "floor_is": "lowest"},
            ["did not always", "0.02 with batch full", "the lowest loss that any of them saw, 0.175"],
        ),
    ),
    "cheapest": (
        (
            BATCHES | {"to_rows": [1.0, 2.0, 3.0], "to_seconds": [0.1, 0.2, 0.3]},
            ["0.21", "cheapest way was batch full, whatever", "40 with full", "540 µs"],
        ),
        (BATCHES, ["depends on what is counted", "2,525 with 1", "12,416 with 32", "1.32 ms with 32", "0.7 µs"]),
    ),
    "all-finite": (
        (BATCHES, ["None of the 3 trials", "50 to 722,400 updates"]),
        (BATCHES | {"states": ["settled", "hovers", "diverged"]}, ["1 of 3 trials diverged", "batch 1", "ten times"]),
    ),
    "best": (
        (
            RULES | {"seeds": 3, "best_clear": True},
            ["rule adam ended with the lowest loss on the 3,096", "0.144", "0.147", "more than luck", "0.03 for mom"],
        ),
        (RULES | {"seeds": 3, "best_clear": False}, ["adam", "0.144", "3 seeds differ by as much", "no clear winner"]),
    ),
    "decay-helps": (
        (SCHEDULES, ["0.191", "600 updates", "0.004", "cosine", "0.176", "below where it hovers"]),
        (SCHEDULES | {"end": [0.19, 0.189, 0.19]}, ["cosine", "0.189", "no gain beyond"]),
    ),
    "rate-against-memory": (
        (
            GRID,
            [
                "rate / (1 − BETA)",
                "all of 2",
                "with momentum:0.9 the rate 0.1 diverged",
                "from 0.25 to 0.19 with plain",
            ],
        ),
        (
            GRID | {"memory_late": [0.25, 0.19]},
            ["came true in none of 2 trials", "the same rate came to 0.19, and 10 times that rate diverged"],
        ),
    ),
    "memory-helps": (
        (RULES, ["the rule adam took 644 updates", "plain rule 2,000", "0.21"]),
        (RULES | {"to_updates": [500.0, 795.0, 644.0]}, ["did not help", "644", "500"]),
    ),
}


def said(claim: str, figures: dict):
    return tell([c for c in CLAIMS if c.name == claim], figures)


def test_every_claim_has_its_cases():
    assert {claim.name for claim in CLAIMS} == set(CASES)


@pytest.mark.parametrize("claim", CASES)
@pytest.mark.parametrize("holds", [True, False])
def test_a_claim_holds_or_not_by_the_figures_and_quotes_them(claim, holds):
    figures, words = CASES[claim][0 if holds else 1]
    (sentence,) = said(claim, figures)
    assert sentence.holds is holds
    for word in words:
        assert word in sentence.text


SILENT = {
    "hover": [SCHEDULES, RULES, GRID, BATCHES | {"states": ["falling", "hovers", "diverged"]}],
    "decay-helps": [BATCHES, RULES, GRID, SCHEDULES | {"values": ["cosine", "linear", "step"]}],
    "memory-helps": [BATCHES, SCHEDULES, RULES | {"values": ["adam", "lion", "momentum"]}],
    "rate-against-memory": [BATCHES, RULES, GRID | {"memory": []}],
    "settles": [GRID],
    "cheapest": [GRID, BATCHES | {"vary": "seed"}, BATCHES | {"level": None}],
    "best": [BATCHES | {"vary": "seed"}, BATCHES | {"held": [0.2, 0.2, 0.3]}, BATCHES | {"best": None}],
}


@pytest.mark.parametrize("claim", SILENT)
def test_a_claim_says_nothing_where_the_figures_can_t_tell(claim):
    assert [said(claim, figures) for figures in SILENT[claim]] == [[]] * len(SILENT[claim])


def test_one_seed_may_be_luck_and_rows_that_were_not_held_out_are_named():
    (sentence,) = said("best", BATCHES | {"held_rows": 0})
    assert "may be luck" in sentence.text
    assert "training rows" in sentence.text


def test_memory_is_told_of_a_grid_by_the_lowest_losses():
    (sentence,) = said("memory-helps", GRID)
    assert sentence.holds
    assert "0.18 with memory (rate=0.01, rule=momentum:0.9) and 0.19 without" in sentence.text


def test_an_average_does_not_lengthen_the_steps():
    (sentence,) = said("rate-against-memory", ADAM | {"memory_late": [0.25, 0.19]})
    assert sentence.holds
    assert "the effective rate stays the rate" in sentence.text


def test_a_step_on_few_rows_that_stand_for_all_is_told():
    (sentence,) = said("cheapest", BATCHES | {"condensed": [True, False, False], "to_updates": [None, 388.0, 2525.0]})
    assert "With full a step looks at a few rows" in sentence.text
    assert "Not in the race: full" in sentence.text


def test_losses_that_differ_late_are_written_so_that_they_differ():
    (sentence,) = tell([claim for claim in CLAIMS if claim.name == "best"], BATCHES | {"held": [0.36001, 0.36004, 0.4]})
    assert "0.36001, before batch 32 with 0.36004" in sentence.text
