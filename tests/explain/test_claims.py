"""Every sentence on a run's own record is said where the record bears it out, and otherwise where it does not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fallline.claim import Claim, tell
from fallline.explain.facts import facts
from fallline.explain.topic import Define
from fallline.explain.topics import TOPICS

OTHER: dict[str, Any] = {"kinds": [["town", "category", "as you said"]], "columns": 1}
NO_TRIALS: dict[str, Any] = {"tried": None}
NETWORK: dict[str, Any] = {
    "network": True,
    "model_words": "a network with one hidden layer (16)",
    "parameters": 257,
}

# name: (changes with which it holds, words then), (changes with which it does not, words then; "" when nothing is said)
CASES: dict[str, tuple[dict[str, Any], str, dict[str, Any], str]] = {
    "target": ({}, "price is a number (its mean in the training rows is 300)", {"source": None}, ""),
    "task": ({}, "That makes it a regression", {"task": None}, ""),
    "trivial-loss": ({}, "always predicting the mean (300) has a loss of 0.5", {"trivial_loss": float("nan")}, ""),
    "beats-trivial": (
        {},
        "0.2 on the same rows, 60% less",
        {"end_loss": 0.6},
        "0.6 on the same rows, which is no better",
    ),
    "beats-trivial-on-rows-held-out": (
        {},
        "20 test rows, which training never saw: the trivial answer has RMSE 100, the model has RMSE 35.36. The model "
        "is better.",
        {"metric_value": 120.0},
        "the model has RMSE 120. The model is no better.",
    ),
    "kinds": ({}, "3 columns: 1 number, 1 category and 1 left aside", {"columns": 0}, ""),
    "taken-as": ({}, "town as category (text with 3 distinct values)", {"kinds": []}, ""),
    "nobody-said": ({}, "All kinds were found out", OTHER, "given by you for town"),
    "standardised": ({}, "size, for one, became (size - 50) / 20", {"scaled": 0}, "No column was standardised"),
    "no-gaps": ({"gaps": []}, "lacks a value", {}, "Values are missing in size (7 rows)"),
    "categories": ({}, "1 category became", {"categories": 0}, ""),
    "target-as-it-is": ({"target_scaled": False}, "as it is", {}, "price is divided by 50 after 300 is taken off"),
    "no-row-dropped": ({}, "all 140 rows", {"rows_dropped": 4}, "4 of 140 rows were left out"),
    "no-column-ignored": ({"ignored": []}, "No column", {}, "1 column was left out: id (an id by its name)"),
    "split": ({}, "100 rows to train", {"split": None}, ""),
    "few-gaps": ({}, "at worst 5% of a column (size)", {"gaps": [["size", 70, 0.5]]}, "size lacks 50% of its values"),
    "columns-independent": (
        {},
        "there is one best set",
        {"independent": False},
        "many sets of weights predict the same",
    ),
    "scales-alike": ({"scales": [2.0, 900.0]}, "2 to 900", {"scaled": 0}, "not standardised"),
    "enough-rows": (
        {},
        "100 training rows for 4 parameters, 25 for each",
        {"parameters": 80},
        "only 100 training rows",
    ),
    "random-start": ({}, "4 parameters are drawn with seed 3", {"parameters": None}, ""),
    "random-is-bad": ({}, "1.2, 2.4 times that of", {"start_loss": 0.4}, "0.4, which is no worse than"),
    "start-in-own-units": ({}, "off by 77.46", {"start_error": None}, ""),
    "learned": ({}, "100 steps later the loss is 0.2, 83.3% less", {"end_loss": 3.0}, "loss of 3: it learned nothing"),
    "model": ({}, "linear regression", {"model_words": None}, ""),
    "reason": ({}, "the slope is the error itself", {"loss": "own"}, ""),
    "measure": ({}, "its RMSE, in the units of price", {"metric": None}, ""),
    "both": ({}, "loss 0.25, RMSE 35.36", {"part_loss": None}, ""),
    "no-penalty": ({}, "There is no penalty", {"l2": 0.01}, "l2 = 0.01"),
    "exact-answer": (
        {},
        "by hand). Its loss is 0.1999",
        {"exact_loss": None, "loss": "log"},
        "for the log loss no formula",
    ),
    "descent-came-near": ({}, "0.0001 above, which is 0.0333%", {"exact_above": 0.1}, "0.1 above the exact answer's"),
    "one-answer": ({}, "by 2% of those ones' length.", {"exact_unique": False}, "that says little"),
    "why-walk": ({}, "a few rows at a time", {"rows_train": None}, ""),
    "many-parameters": (
        {},
        "4 partial derivatives",
        {"parameters": 1},
        "1 parameter, so each step computes one number",
    ),
    "taken-off": ({}, "w_old - rate * gradient is that -1", {"rule_words": None}, ""),
    "formula": ({}, "w_new = w_old - rate * gradient", {"rule_asked": None}, ""),
    "rate-times-gradient": (
        {"first_rate": 0.1, "first_gradient_norm": 2.0, "first_update_norm": 0.2},
        "0.1 * 2 = 0.2",
        {"first_rate": 0.1, "first_gradient_norm": 2.0, "first_update_norm": 0.7, "rule": "momentum"},
        "that would be 0.2 on average, but the updates were 0.7 long",
    ),
    "norm": ({}, "the root of the sum of their squares", {"parameters": None}, ""),
    "rate-chosen": ({}, "chosen by 5 short trials with rates from", NO_TRIALS, ""),
    "rate-given": (NO_TRIALS, "The rate 0.1 was given", {}, ""),
    "small-is-slow": ({}, "ended at a loss of 1.2, that with 0.1 at 0.21", {"tried_smallest_loss": 0.2}, "no worse"),
    "large-diverges": ({}, "or diverged, is 10", {"tried_broke": 0}, "up to 10"),
    "no-memory": (
        {},
        "no memory",
        {"rule": "momentum", "rule_words": "momentum, v = 0.9 * v"},
        "has a memory: momentum",
    ),
    "rate-shrank": ({"last_rate": 0.01}, "from 0.1 at most to 0.01", {}, "did not shrink: it was 0.1 in the end"),
    "updates-shrank": ({}, "though the rate stayed the same", {"last_update_norm": 9.0}, "did not get smaller"),
    "gradient-over-all-rows-fell": ({}, "from 2 at the start to 0.01", {"end_gradient": 3.0}, "did not fall: it was 2"),
    "can-be-drawn": ({"parameters": 2}, "drawn whole", {}, "4 dimensions"),
    "what-downhill-means": ({}, "minus the gradient is one", {"parameters": None}, ""),
    "linear-model": ({}, "Linear regression adds up", NETWORK, "hidden layer (16) with 257 parameters"),
    "theorem": ({}, "A theorem promises", {"model_words": None}, ""),
    "has-layers": (NETWORK, "one hidden layer (16)", {}, "Nothing is hidden"),
    "better-where-it-trained": ({}, "0.2 on the training rows and 0.25", {"part_loss": 0.1}, "0.1 on the 20 test rows"),
    "stopped": ({}, "after step 100, because its loss no longer fell", {"ended": None}, ""),
    "kept-the-last": ({}, "the last step, 100", {"kept": 60}, "those of step 60"),
    "verdict": ({}, "converged: the objective went from 1.2 to 0.2", {"why": None}, ""),
    "good": ({}, "RMSE 35.36 (on the training rows 31.62)", {"metric_value": float("nan")}, ""),
    "can-predict": ({}, "fallline predict a-run", {"finished": False}, "There is no model to use"),
    "in-python": ({}, 'open_run("runs/a-run")', {"finished": False}, ""),
    "columns-needed": ({}, "the columns size, town.", {"inputs": None}, ""),
    "ranges": ({}, "at least 3 in 4 have size from 10 to 90", {"ranges": []}, ""),
    "unknown-values": ({}, "town", {"level_names": []}, ""),
    "worth-using": ({}, "a loss of 0.2 against 0.5", {"end_loss": 0.7}, "should not be used at all: its loss"),
    "measure-again": (
        {},
        "RMSE 35.36 is what it had here; once it lies lastingly above 38.89",
        {"state": "diverged"},
        "",
    ),
    "drift": ({}, "new rows look different", {"features": None}, ""),
    "done-learning": ({}, "would gain little", {"state": "stalled"}, "verdict is stalled"),
}
CLAIMS: dict[str, Claim] = {claim.name: claim for topic in TOPICS for claim in topic.claims}


def said_of(record: dict[str, Any], name: str) -> tuple[str, bool | None]:
    told = tell([CLAIMS[name]], record)
    return (told[0].text, told[0].holds) if told else ("", None)


def test_every_claim_on_the_record_has_its_cases():
    assert set(CASES) == set(CLAIMS)
    assert sum(len(topic.claims) for topic in TOPICS) == len(CLAIMS), "two claims have one name"


@pytest.mark.parametrize("name", CASES)
def test_a_claim_follows_the_record(a_run, name):
    record = facts(a_run())
    with_it, words, without, other_words = CASES[name]
    said, holds = said_of(record | with_it, name)
    assert holds is True
    assert words in said
    said, holds = said_of(record | without, name)
    assert holds is (False if other_words else None)
    assert other_words in said


@pytest.mark.parametrize("name", CASES)
def test_a_record_that_knows_little_is_told_without_inventing_anything(a_run, name):
    said, _ = said_of(facts(a_run()) | dict.fromkeys(unknown(), None), name)
    assert not re.search(r"\bnan\b|None|not known|infinite", said)


def unknown() -> list[str]:
    """What a run that was killed does not know."""
    return [
        *("start_loss", "trivial_loss", "trivial", "end_loss", "start_error", "end_error", "exact_loss", "exact_above"),
        *("exact_weights", "exact_unique", "independent", "ended", "kept", "start_gradient", "end_gradient"),
        *("metric_value", "metric_train", "part", "part_loss", "trivial_metric", "metric_better", "tried"),
        *("first_loss", "last_loss", "first_update_norm", "last_update_norm", "first_gradient_norm", "rate"),
    ]


def test_losses_below_zero_are_compared_without_percentages(a_run):
    record = facts(a_run()) | {"start_loss": 0.5, "trivial_loss": -0.2, "end_loss": -0.9}
    assert "-70" not in said_of(record, "beats-trivial")[0]
    assert said_of(record, "beats-trivial")[0].endswith("0.7 less.")
    assert "%" not in said_of(record, "learned")[0]
    assert "more than that of" in said_of(record, "random-is-bad")[0]


def test_every_word_that_a_topic_defines_is_in_the_glossary():
    from fallline.explain.glossary import WORDS

    assert {part.word for topic in TOPICS for part in topic.parts if isinstance(part, Define)} <= set(WORDS)
