"""Questions are right about the record, the same for the same seed, and asked only where the record has the answer."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from fallline.explain.asking import held_out, level, new_weight, next_step, next_stretch, random_start
from fallline.explain.asking_rates import which_curve, which_rate
from fallline.explain.pictures import sparkline
from fallline.explain.question import Question
from fallline.explain.quiz import questions
from fallline.explain.topics.costs import rates_and_memory
from fallline.measurement import Measurement

FALL = np.geomspace(2, 0.1, 200)
ZIGZAG = np.where(np.arange(200) % 2, 1.5, 1.0) * FALL
STRAIGHT = np.column_stack([0.9 ** np.arange(1, 201.0), np.ones(200)])
CROSSING = np.column_stack([(-0.9) ** np.arange(1, 201.0), np.ones(200)])


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def many(make, run):
    return [question for seed in range(20) if (question := make(run, draw(seed))) is not None]


def test_the_same_seed_asks_the_same(a_run):
    assert questions(a_run(), 4) == questions(a_run(), 4)
    assert questions(a_run(), 4) != questions(a_run(), 5)


def test_as_many_are_asked_as_were_asked_for_and_none_twice(a_run):
    asked = questions(a_run(), 0, 12)
    assert len(asked) == 12
    assert len({question.text for question in asked}) == 12
    assert all(0 <= q.right < len(q.choices) == len(set(q.choices)) for q in asked)


def test_a_run_without_a_record_is_asked_nothing(a_run, a_trace):
    assert questions(a_run(a_trace(np.zeros(0)), start={}, metrics={}, rates=None)) == []


@pytest.mark.parametrize(("start", "right"), [(1.2, 1), (0.3, 0)])
def test_the_random_start_is_compared_with_the_trivial_answer(a_run, start, right):
    run = a_run(start={"loss": start, "trivial_loss": 0.5, "trivial": "always predicting the mean"})
    question = random_start(run, draw())
    assert question.right == right
    assert f"{start}" in question.shown


def test_a_step_goes_down_or_up_as_the_trace_says(a_run, a_trace):
    run = a_run(a_trace(ZIGZAG, full=True), settings={"rule": "momentum"})
    found = many(next_step, run)
    assert {question.choices[question.right] for question in found} == {"down", "up"}
    for question in found:
        before, after = _two(question.shown)
        assert (after > before) == (question.right == 1)


def _two(shown: str) -> tuple[float, float]:
    words = shown.split()
    return float(words[words.index("from") + 1]), float(words[words.index("to") + 1].rstrip(":"))


@pytest.mark.parametrize(("path", "choice"), [(STRAIGHT, "down"), (CROSSING, "overshoot: down, but past the floor")])
def test_a_step_past_the_floor_is_an_overshoot(a_run, a_trace, path, choice):
    run = a_run(a_trace(FALL, full=True, parameters=path))
    assert {question.choices[question.right] for question in many(next_step, run)} == {choice}


def test_single_steps_are_not_asked_about_where_batches_are_luck(a_run, a_trace):
    assert next_step(a_run(a_trace(FALL)), draw()) is None
    assert next_stretch(a_run(a_trace(FALL, full=True)), draw()) is None


def test_stretches_go_as_their_means_do(a_run, a_trace):
    rises = a_run(a_trace(FALL[::-1]))
    assert {question.choices[question.right] for question in many(next_stretch, rises)} == {"higher"}
    falls = a_run(a_trace(FALL))
    assert {question.choices[question.right] for question in many(next_stretch, falls)} == {"lower"}
    still = a_run(a_trace(1 + 0.5 * draw().normal(size=2000)))
    assert "about the same" in " ".join(q.choices[q.right] for q in many(next_stretch, still))


def test_the_right_level_is_among_others_far_from_it(a_run, a_trace):
    for question in many(level, a_run(a_trace(FALL, full=True))):
        values = [float(choice) for choice in question.choices]
        assert values[question.right] == pytest.approx(FALL[-1], rel=1e-2)
        assert values == sorted(values)
        assert min(np.diff(np.log(values))) > np.log(1.25)


def test_trials_with_three_outcomes_are_told_apart(a_run):
    found = many(which_rate, a_run())
    assert {question.right for question in found} == {0, 1, 2}
    for question in found:
        assert question.choices == ("0.001", "0.1", "1")
    assert which_rate(a_run(rates=None), draw()) is None


def test_curves_are_asked_about_where_they_were_measured(a_run):
    names = [f"rate={rate}, rule={rule}" for rate in ("0.0333", "0.1", "0.3") for rule in ("plain", "momentum:0.9")]
    frame = pl.DataFrame(
        {
            "trial": np.repeat(names, 5),
            "seed": [0] * 30,
            "step": [0, 1, 2, 3, 4] * 6,
            "loss": np.concatenate([np.geomspace(1, 0.5 / (i + 1), 5) for i in range(6)]),
        }
    )
    run = a_run()
    options = rates_and_memory({"rate": 0.1, "rule": "plain", "steps": 100, "batch": 10, "parameters": 4})
    assert which_curve(run, draw()) is None
    asked = []
    run.measured = lambda name, **given: asked.append((name, given)) or Measurement(name, frame, {})
    found = many(which_curve, run)
    assert asked[0] == ("compare", options)
    assert {question.right for question in found} == {0, 1, 2}
    assert found[0].choices == ("rate=0.0333", "rate=0.1", "rate=0.3")
    assert f"from {1}" in found[0].shown


def test_a_new_weight_is_the_old_one_less_rate_times_gradient(a_run, a_trace):
    run = a_run(a_trace(FALL, full=True, rate=0.2, parameters=STRAIGHT))
    run.parameter_names = ["slope", "bias"]
    question = new_weight(run, draw(1))
    assert "slope is" in question.text
    chosen = float(question.choices[question.right].replace("−", "-"))
    assert question.shown.endswith(f"= {question.choices[question.right]}.")
    assert any(abs(chosen - 0.9**k) < 1e-3 for k in range(1, 60))


def test_a_new_weight_is_not_asked_of_a_rule_with_a_memory(a_run, a_trace):
    run = a_run(a_trace(FALL, full=True, parameters=STRAIGHT), settings={"rule": "adam"})
    assert new_weight(run, draw()) is None


@pytest.mark.parametrize(("there", "choice"), [(0.3, "higher"), (0.1, "lower"), (0.201, "about the same (within 5%)")])
def test_rows_held_out_are_compared_with_the_training_rows(a_run, there, choice):
    question = held_out(a_run(metrics={"train": {"loss": 0.2}, "test": {"loss": there}}), draw())
    assert question.choices[question.right] == choice


QUESTION = Question("kind", "Which?", ("up", "down", "upside down"), 1, "It went down.")


@pytest.mark.parametrize(
    ("said", "place"), [("1", 0), (" 2\n", 1), ("Down", 1), ("up", 0), ("ups", 2), ("4", None), ("u", None), ("", None)]
)
def test_an_answer_is_a_number_or_the_beginning_of_a_choice(said, place):
    assert QUESTION.read(said) == place


def test_a_curve_as_a_line_of_text_marks_what_is_not_finite():
    assert sparkline(np.array([1.0, 2.0, np.nan, np.inf])) == "▁█××"
    assert sparkline(np.array([np.nan])) == "×"
    assert sparkline(np.array([3.0, 3.0])) == "▁▁"
    assert len(sparkline(np.arange(1.0, 1001.0))) == 40
