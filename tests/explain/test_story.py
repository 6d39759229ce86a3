"""A story tells what happened, where and how much; and does not tell what did not happen."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from fallline.explain.segments import segments
from fallline.explain.story import story
from fallline.verdict import Verdict

STEPS = np.arange(400)
NOISE = np.random.default_rng(0).normal(size=2000)
FALL = 0.1 + 2 * np.exp(-STEPS / 12)  # fast at first, then flat
PLATEAU = np.concatenate([np.geomspace(2, 1, 50), np.full(200, 1.0), np.geomspace(1, 0.01, 150)])
NOISY = 0.2 + 1.5 * np.exp(-np.arange(2000) / 50)
HOVER = NOISY * np.exp(0.3 * NOISE)
SPIKED = np.where(STEPS == 200, 5.0, FALL)
SPIKES = np.where(np.isin(STEPS, [150, 200, 250]), 4.0, FALL)
RINGING = 0.1 + np.exp(-STEPS / 60) * (1.2 + np.cos(STEPS))
EXPLODED = np.concatenate([np.geomspace(2, 1, 20), np.geomspace(1, 1e9, 30), [np.inf, np.nan]])
CROSSING = np.column_stack([(-0.9) ** np.arange(60.0), np.zeros(60)])
STRAIGHT = np.column_stack([0.9 ** np.arange(60.0), np.zeros(60)])
LOOKS = np.arange(40, 401, 40)


def looks(held) -> pl.DataFrame:
    held = np.asarray(held, float)
    return pl.DataFrame({"step": LOOKS, "epoch": LOOKS / 10, "validation_loss": held})


def diverged(steps: int) -> Verdict:
    return Verdict("diverged", "it exploded.", "Try less.", {"ended": "diverged", "kept": 12})


HAPPENS = {
    "fast fall": {"loss": FALL, "full": True},
    "slow fall": {"loss": np.concatenate([np.geomspace(2, 0.2, 40), np.geomspace(0.2, 0.1, 360)]), "full": True},
    "steady fall": {"loss": np.geomspace(2, 0.1, 400), "full": True},
    "plateau": {"loss": PLATEAU, "full": True},
    "hover": {"loss": HOVER},
    "rise": {"loss": np.concatenate([np.geomspace(1, 0.1, 200), np.geomspace(0.1, 0.5, 200)]), "full": True},
    "spike": {"loss": SPIKED, "full": True},
    "oscillation": {"loss": RINGING, "full": True},
    "rate drop": {"loss": FALL, "rate": np.where(STEPS < 200, 0.1, 0.05)},
    "rate rise": {"loss": FALL, "rate": np.minimum((STEPS + 1) / 100, 1) * 0.1},
    "validation turning": {"loss": FALL, "held": [1, 0.5, 0.4, 0.3, 0.32, 0.35, 0.4, 0.5, 0.6, 0.7]},
    "divergence": {"loss": EXPLODED, "full": True, "verdict": diverged(52)},
}
DOES_NOT = {
    "fast fall": {"loss": np.geomspace(2, 0.1, 400), "full": True},
    "slow fall": {"loss": np.geomspace(2, 0.1, 400), "full": True},
    "steady fall": {"loss": np.full(400, 0.5), "full": True},
    "plateau": {"loss": np.geomspace(2, 0.1, 400), "full": True},
    "hover": {"loss": np.geomspace(3, 0.01, 2000) * np.exp(0.3 * NOISE)},
    "rise": {"loss": FALL, "full": True},
    "spike": {"loss": HOVER},
    "oscillation": {"loss": FALL, "full": True, "parameters": None},
    "rate drop": {"loss": FALL, "rate": 0.1},
    "rate rise": {"loss": FALL, "rate": 0.1},
    "validation turning": {"loss": FALL, "held": np.linspace(1, 0.3, 10)},
    "divergence": {"loss": FALL, "full": True},
}


@pytest.fixture
def told(a_run, a_trace):
    def tell(*, held=None, verdict=None, **trace):
        changes = {"verdict": verdict} if verdict else {}
        if held is not None:
            changes["evaluations"] = looks(held)
        return story(a_run(a_trace(**trace), **changes))

    return tell


@pytest.mark.parametrize("kind", HAPPENS)
def test_what_happened_is_told(told, kind):
    assert kind in [chapter.kind for chapter in told(**HAPPENS[kind])]


@pytest.mark.parametrize("kind", DOES_NOT)
def test_what_did_not_happen_is_not_told(told, kind):
    assert kind not in [chapter.kind for chapter in told(**DOES_NOT[kind])]


@pytest.mark.parametrize("name", HAPPENS)
def test_a_story_has_3_to_12_chapters_in_time_order_with_their_steps(told, name):
    chapters = told(**HAPPENS[name])
    assert 3 <= len(chapters) <= 12
    assert chapters[0].kind == "start"
    assert chapters[-1].kind == "stop"
    firsts = [chapter.first for chapter in chapters[:-1]]
    assert firsts == sorted(firsts)
    for chapter in chapters:
        assert 1 <= chapter.first <= chapter.last <= len(HAPPENS[name]["loss"])
        assert f"{chapter.first:,}" in chapter.text
        assert f"{chapter.last:,}" in chapter.text
        assert not re.search(r"\bnan\b|None|not known|infinite", chapter.text)


def one(chapters, kind):
    return next(chapter for chapter in chapters if chapter.kind == kind)


def test_a_plateau_says_from_where_to_where_and_what_the_gradient_did(told):
    chapter = one(told(**HAPPENS["plateau"], gradient_norm=np.geomspace(0.8, 0.002, 400)), "plateau")
    assert abs(chapter.first - 51) <= 5
    assert abs(chapter.last - 250) <= 5
    assert "near 1" in chapter.text
    assert "the gradient's norm fell from" in chapter.text
    assert chapter.figures["gradient_norm_from"] > chapter.figures["gradient_norm_to"]


def test_falls_are_parted_where_the_pace_changes(told):
    chapters = told(**HAPPENS["slow fall"])
    assert abs(one(chapters, "fast fall").last - 40) <= 3
    assert "from 2 to 0.2" in one(chapters, "fast fall").text


def test_a_hover_says_its_level(told):
    chapter = one(told(**HAPPENS["hover"]), "hover")
    assert abs(chapter.figures["loss_middle"] - 0.2) < 0.02
    assert chapter.last == 2000


def test_a_spike_says_its_step_and_height(told):
    chapter = one(told(**HAPPENS["spike"]), "spike")
    assert (chapter.first, chapter.last) == (201, 201)
    assert "up to 5, 50 times its level" in chapter.text


def test_several_spikes_are_one_chapter(told):
    chapter = one(told(loss=SPIKES, full=True), "spike")
    assert (chapter.first, chapter.last) == (151, 251)
    assert "3 spikes" in chapter.text


def test_updates_that_go_back_on_each_other_are_an_oscillation(told):
    loss = np.geomspace(1, 0.1, 60)
    chapter = one(told(loss=loss, full=True, parameters=CROSSING), "oscillation")
    assert chapter.figures["cosine"] == pytest.approx(-1)
    assert (chapter.first, chapter.last) == (2, 60)
    straight = told(loss=loss, full=True, parameters=STRAIGHT)
    assert "oscillation" not in [chapter.kind for chapter in straight]


def test_noise_of_batches_is_no_oscillation(told):
    wander = np.random.default_rng(1).normal(size=(2000, 1))  # each update of such goes back on the last by half
    assert "oscillation" not in [chapter.kind for chapter in told(loss=HOVER, parameters=wander)]


def test_a_rate_that_drops_says_what_the_loss_did(told):
    chapter = one(told(**HAPPENS["rate drop"]), "rate drop")
    assert chapter.first == 201
    assert "from 0.1 to 0.05" in chapter.text
    assert "in the 50 steps before it" in chapter.text


def test_many_drops_are_one_chapter_and_a_cosine_is_a_slide(told):
    steps = one(told(loss=FALL, rate=0.1 * 0.5 ** (STEPS // 50)), "rate drop")
    assert steps.figures["drops"] == 7
    cosine = one(told(loss=FALL, rate=0.05 * (1 + np.cos(np.pi * STEPS / 400))), "rate drop")
    assert "little by little" in cosine.text
    assert (cosine.first, cosine.last) == (1, 400)


def test_validation_that_turned_says_where_and_by_how_much(told):
    chapter = one(told(**HAPPENS["validation turning"]), "validation turning")
    assert (chapter.first, chapter.last) == (160, 400)
    assert "lowest at step 160, 0.3, and had risen to 0.7" in chapter.text
    rising = told(loss=np.geomspace(0.1, 1, 400), held=HAPPENS["validation turning"]["held"])
    assert "went on falling" not in one(rising, "validation turning").text


def test_a_divergence_begins_where_the_loss_left_for_good(told):
    chapter = one(told(**HAPPENS["divergence"]), "divergence")
    assert 20 < chapter.first <= 24
    assert chapter.last == 52
    assert "not a finite number from step 51 on" in chapter.text


def test_a_training_that_broke_at_its_first_step_is_told(told):
    chapters = told(loss=[np.nan], full=True, verdict=diverged(1))
    assert [chapter.kind for chapter in chapters] == ["start", "divergence", "stop"]


def test_a_loss_below_zero_is_told_too(told):
    chapters = told(loss=FALL - 1.0, full=True)
    assert "fast fall" in [chapter.kind for chapter in chapters]
    assert "−0.9" in one(chapters, "plateau").text


def test_why_it_stopped_and_which_weights_are_kept(told):
    verdict = Verdict("converged", "", "", {"ended": "patience", "kept": 160})
    assert "had not been lower" in told(loss=FALL, verdict=verdict)[-1].text
    assert "The weights of step 160 are kept" in told(loss=FALL, verdict=verdict)[-1].text
    killed = Verdict("interrupted", "it was killed.", "")
    assert told(loss=FALL, verdict=killed)[-1].text == "Step 400: the record ends here."


def test_a_run_without_steps_has_a_story(a_run, a_trace):
    assert story(a_run(a_trace(np.zeros(0))))[0].text == "No step was recorded."


def test_lines_that_meet_are_cut_where_they_meet():
    lines = np.concatenate([np.linspace(0, -3, 100), np.linspace(-3, -3.2, 300)])
    (first, middle), *rest = segments(lines + 0.05 * NOISE[:400], 6)
    assert first == 0
    assert abs(middle - 99) <= 4
    assert len(rest) == 1


def test_noise_alone_is_one_stretch():
    assert segments(NOISE[:500], 8) == [(0, 499)]
