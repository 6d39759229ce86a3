"""The words on how a fit ended: every state, from the figures that lead to it, with those figures in the words."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.verdict import STATES, Figures, judge

# A fit that still improves: what each case below changes leads to another state.
IMPROVING = Figures(
    steps=1234,
    epochs=20.0,
    ended="epochs",
    kept=1234,
    start=2.5,
    end=1.0,
    trivial=2.0,
    start_gradient=3.0,
    end_gradient=0.5,
    last_fall=0.05,
    rate=0.25,
)

# What is changed, the state that follows, and what the sentences must name.
CASES = {
    "still falling": ({}, "improving", ["from 2.5 to 1", "1,234 steps", "5%", "epochs"]),
    "still falling towards a known answer": ({"optimum": 0.5}, "improving", ["The exact answer has 0.5"]),
    "too short to tell": ({"steps": 1, "last_fall": float("nan")}, "improving", ["from 2.5 to 1"]),
    "at the exact answer": (
        {"optimum": 0.9999},
        "converged",
        ["above the exact answer's 0.9999", "More steps gain nothing"],
    ),
    "at an exact answer of nought": (
        {"optimum": 0.0, "end": 1e-9, "trivial": 2.0},
        "converged",
        ["1.0e-09 above", "exact answer's 0"],
    ),
    "flat at a plateau": (
        {"ended": "plateau", "end_gradient": 1e-4, "last_fall": 0.0},
        "converged",
        ["no longer falls", "from 3 to 0.0001"],
    ),
    "flat when its steps ran out": ({"end_gradient": 1e-4, "last_fall": 0.0}, "converged", ["from 3 to 0.0001"]),
    "at rest whatever the loss did": ({"end_gradient": 1e-7, "last_fall": 0.5}, "converged", ["from 3 to 1e-07"]),
    "hovering at the noise of its batches": (
        {"ended": "plateau", "full": False, "last_fall": 0.0},
        "converged",
        ["hovers", "schedule", "batch"],
    ),
    "validation turned": (
        {"ended": "patience", "patience": 7, "kept": 900},
        "converged",
        ["7 evaluations", "step 900", "l2"],
    ),
    "a plateau with a steep gradient": (
        {"ended": "plateau", "last_fall": 0.0},
        "stalled",
        ["no longer falls", "0.5", "(it was 3 at the start)", "momentum"],
    ),
    "a plateau far from the exact answer": (
        {"ended": "plateau", "optimum": 0.5, "last_fall": 0.0},
        "stalled",
        ["yet the exact answer has 0.5", "momentum"],
    ),
    "a hover far from the exact answer": (
        {"ended": "plateau", "optimum": 0.5, "last_fall": 0.0, "full": False},
        "stalled",
        ["exact answer has 0.5", "schedule"],
    ),
    "hardly falling when its steps ran out": ({"last_fall": 1e-5}, "stalled", ["hardly falls", "0.001%"]),
    "exploded": (
        {"ended": "diverged", "worst": 1e9, "kept": 12, "steps": 40},
        "diverged",
        ["exploded", "from 2.5 to 1e+09", "step 40", "rate of 0.25", "step 12 are kept", "0.025"],
    ),
    "exploded above a known limit": (
        {"ended": "diverged", "worst": float("inf"), "stable": 0.2},
        "diverged",
        ["inf", "about 0.2 (2 / lambda_max)", "rate of 0.1"],
    ),
    "exploded below the limit where it ended": (
        {"ended": "diverged", "worst": 1e9, "stable": 0.5},
        "diverged",
        ["0.5 (2 / lambda_max)", "rate of 0.025"],
    ),
    "worse than the mean": ({"end": 2.1}, "worse than trivial", ["2.1", "always predicting the mean has 2"]),
    "worse than the median": (
        {"end": 2.1, "trivially": "always predicting the median"},
        "worse than trivial",
        ["always predicting the median has 2"],
    ),
    "stopped by hand": ({"ended": "interrupted"}, "interrupted", ["by hand", "1,234 steps", "20 epochs"]),
    "nothing to compare with": ({"trivial": float("nan"), "end": 99.0}, "improving", ["from 2.5 to 99"]),
    "no time left": ({"ended": "seconds"}, "improving", ["from 2.5 to 1"]),
}


@pytest.mark.parametrize("name", CASES)
def test_figures_lead_to_their_state_and_the_sentences_name_them(name):
    changed, state, said = CASES[name]
    verdict = judge(replace(IMPROVING, **changed))
    assert verdict.state == state
    for words in said:
        assert words in str(verdict)


def test_every_state_is_reached_here():
    assert {state for _, state, _ in CASES.values()} == set(STATES)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"ended": "interrupted"}, {"end": 99.0}),  # by hand: before being worse than trivial
        ({"ended": "diverged"}, {"end": 99.0}),
        ({"end": 2.1}, {"optimum": 2.1}),  # worse than trivial: before being at the exact answer
        ({"optimum": 1.0}, {"ended": "plateau", "last_fall": 0.0}),
    ],
)
def test_the_greater_harm_is_told_first(first, then):
    assert judge(replace(IMPROVING, **first, **then)).state == judge(replace(IMPROVING, **first)).state


finite = st.floats(1e-6, 1e6)


@given(
    ended=st.sampled_from(["plateau", "patience", "diverged", "seconds", "interrupted", "epochs"]),
    numbers=st.tuples(*[finite] * 6),
    last_fall=st.one_of(st.just(float("nan")), st.floats(-1, 1)),
    optimum=st.one_of(st.none(), st.floats(0, 1e6)),
    stable=st.one_of(st.none(), finite),
    full=st.booleans(),
)
def test_whatever_the_figures_there_is_a_verdict_in_sentences_with_a_next_thing_to_try(
    ended, numbers, last_fall, optimum, stable, full
):
    start, end, trivial, start_gradient, end_gradient, rate = numbers
    figures = Figures(
        100,
        5.0,
        ended,
        90,
        start,
        end,
        trivial,
        start_gradient,
        end_gradient,
        last_fall,
        rate,
        full,
        optimum,
        stable=stable,
    )
    verdict = judge(figures)
    assert verdict.state in STATES
    assert verdict.figures == asdict(figures) or last_fall != last_fall
    assert verdict.why.endswith(".")
    assert verdict.next.endswith(".")
    assert str(verdict).startswith(verdict.state.capitalize())
    assert json.loads(json.dumps(verdict.to_json()))["state"] == verdict.state


def test_a_loss_a_hair_above_the_exact_answer_is_said_in_plain_digits():
    verdict = judge(replace(IMPROVING, ended="plateau", end=0.5 + 1.7e-8, optimum=0.5))
    assert verdict.state == "converged"
    assert "less than 0.001% above the exact answer's 0.5" in verdict.why
