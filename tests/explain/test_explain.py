"""An explanation is composed of words, the record, and what was measured; and says what could not be measured."""

from __future__ import annotations

import itertools

import polars as pl
import pytest

from fallline.catalogue import INSTRUMENTS, asked
from fallline.claim import Claim, Sentence
from fallline.diagnosis.diagnosis import Diagnosis, Symptom
from fallline.errors import SettingsError
from fallline.explain import explain, headline, tell
from fallline.explain.explanation import STEPS, Explanation
from fallline.explain.facts import facts
from fallline.explain.glossary import WORDS, define
from fallline.explain.topics import TOPICS
from fallline.measurement import Measurement

ASKED_FOR = [  # by the learner's questions
    *("before-learning", "prediction-loss-update", "why-this-loss", "just-solve-it", "derivative-slope-or-gradient"),
    *("steepest", "times-minus-one", "points-to-minimum", "w-new", "learning-rate", "rate-against-memory"),
    *("towards-the-minimum", "becomes-zero", "between-0-and-1", "second-point", "whole-set-row-or-batch"),
    *("schedules", "thousands-of-weights", "can-hold-the-answer", "any-function", "memorised", "what-stopped-it"),
    *("what-is-predicted", "trivial-answer", "inferred", "changed", "left-out", "looks-wrong"),
    *("how-to-use", "not-to-be-trusted", "when-to-retrain"),
]


@pytest.fixture
def measured(a_run, monkeypatch):
    """A run on which anything can be measured, and what was: every claim that is asked for holds."""
    run, made = a_run(), []

    def measure(instrument, **options):
        made.append((instrument, asked(instrument, options)))
        return Measurement(instrument, pl.DataFrame(), {"rows": 3}, asked(instrument, options))

    run.measure = measure
    monkeypatch.setattr(
        tell, "told", lambda found, *names: [Sentence(n, f"{found.instrument}: {n}.", True) for n in names]
    )
    return run, made


def test_every_question_of_a_learner_has_its_explanation():
    assert set(ASKED_FOR) <= {topic.name for topic in TOPICS}
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert all(topic.question.endswith("?") for topic in TOPICS)


def test_the_steps_of_a_project_come_in_order_and_most_is_on_the_model():
    steps = [topic.step for topic in TOPICS]
    assert steps == sorted(steps, key=STEPS.index)
    assert set(steps) == set(STEPS)
    assert steps.count("model") > len(steps) / 2


def test_branches_are_not_torn_apart():
    branches = [topic.branch for topic in TOPICS]
    assert sum(a != b for a, b in itertools.pairwise(branches)) + 1 == len(set(branches))


def test_each_measurement_is_made_once_and_shared(measured):
    run, made = measured
    told = explain(run)
    assert [explanation.name for explanation in told] == [topic.name for topic in TOPICS]
    assert len(made) == len({(name, *sorted(options.items())) for name, options in made}) > 10
    assert not any(explanation.missing for explanation in told)
    directions = [e for e in told if "directions" in [m.instrument for m in e.evidence]]
    assert len(directions) >= 3


def test_measurements_are_announced_before_they_are_made(measured):
    run, made = measured
    seen = []
    explain(run, watch=lambda which, of, instrument: seen.append((which, of, instrument)))
    assert [instrument for _, _, instrument in seen] == [instrument for instrument, _ in made]
    assert [which for which, _, _ in seen] == list(range(1, len(made) + 1))
    assert {of for _, of, _ in seen} == {len(made)}


def test_what_was_measured_before_is_read_rather_than_measured(measured):
    run, made = measured
    run.measured = run.measure
    explain(run, watch=lambda *seen: pytest.fail("it was measured"))
    before = len(made)
    run.measured = lambda instrument, **options: None
    told = explain(run, measuring="nothing")
    assert len(made) == before
    assert "not measured so far" in next(e for e in told if e.name == "steepest").missing


def test_headlines_need_few_measurements(measured):
    run, made = measured
    told = {explanation.name: explanation for explanation in explain(run, measuring="headlines")}
    assert {instrument for instrument, _ in made} == {"directions", "gradient-check", "compare", "gradients"}
    assert headline(told["steepest"]) == "directions: steepest."
    assert headline(told["can-hold-the-answer"]).startswith("Linear regression")
    assert "not measured so far" in told["can-hold-the-answer"].missing


def test_one_explanation_has_its_answer_evidence_and_commands(measured):
    run, made = measured
    (told,) = explain(run, ["second-point"])
    assert [sentence.claim for sentence in told.answer][:2] == ["no-second-point", "agree"]
    assert [measurement.instrument for measurement in told.evidence] == ["gradient-check"]
    assert told.commands == ("fallline gradient-check a-run",)
    assert [instrument for instrument, _ in made] == ["gradient-check"]
    assert told.to_json()["evidence"][0]["figures"] == {"rows": 3}


def test_the_first_a_middle_and_the_last_step_are_spelled_out(measured):
    run, made = measured
    explain(run, ["w-new"])
    assert made == [("step", {}), ("step", {"step": 50}), ("step", {"step": 100})]


def test_a_run_of_one_step_spells_out_that_step(a_run, a_trace):
    told = explain(a_run(a_trace([1.0])), ["w-new"])[0]
    assert told.commands == ("fallline step a-run",)


def test_what_can_not_be_measured_is_named_with_the_reason_and_the_rest_is_told(a_run):
    told = explain(a_run(), ["just-solve-it"])[0]
    assert told.missing == "curvature: The table is no longer at hand. Put it back."
    assert told.evidence == ()
    assert len(told.answer) >= 3


def test_every_explanation_says_something_or_says_why_not(a_run):
    for told in explain(a_run()):
        assert headline(told)
        assert told.answer or told.missing


def test_a_headline_is_about_the_run_rather_than_a_word(a_run):
    told = explain(a_run(), ["what-is-predicted"])[0]
    assert told.answer[0].claim == "word:target"
    assert headline(told).startswith("price is a number")
    bare = Explanation("a", "model", "b", "c?", (), missing="step: gone.")
    assert headline(bare) == "Not known: step: gone."


def test_an_unknown_name_is_refused_with_the_near_ones(a_run):
    with pytest.raises(SettingsError, match="Did you mean steepest"):
        explain(a_run(), ["steepst"])


def test_what_a_diagnosis_found_wrong_with_the_data_is_told_there(a_run):
    found = Diagnosis(
        [
            Symptom("leaking-feature", "size gives the price away.", {}, "", ""),
            Symptom("oscillating", "It swings.", {}, "", ""),
        ],
        [],
        {},
    )
    told = explain(a_run(), ["looks-wrong"], diagnosis=found)[0]
    assert [s.text for s in told.answer if s.claim.startswith("diagnosis:")] == ["size gives the price away."]
    assert not any(s.claim.startswith("diagnosis:") for s in explain(a_run(), ["looks-wrong"])[0].answer)


def test_every_instrument_is_asked_with_options_that_it_has(a_run):
    record = facts(a_run())
    for ask in (ask for topic in TOPICS for ask in topic.asks):
        assert ask.instrument in INSTRUMENTS
        assert isinstance(asked(ask.instrument, ask.options(record)), dict)


def test_trials_are_short_where_a_training_is_long_or_dear(a_run):
    from fallline.explain.topics.costs import trial_steps

    long = {"steps": 100_000, "parameters": 4}
    assert trial_steps(long, 100) == 2000
    assert trial_steps(long | {"parameters": 100_000}, 100) == 150
    assert trial_steps(long | {"parameters": 100_000}, 100_000) == 40
    assert trial_steps(long | {"steps": 7}, 100) == 200


def test_layers_are_asked_only_of_a_network_and_a_surface_only_of_more_than_one_parameter(a_run):
    linear = {topic.name: topic for topic in TOPICS}
    record = facts(a_run())
    assert not linear["inside-the-network"].asks[0].when(record)
    assert linear["inside-the-network"].asks[0].when(record | {"network": True})
    assert not linear["thousands-of-weights"].asks[0].when(record | {"parameters": 1})


# claims on a measurement's own figures: (figures with which they are said, words), figures with which they are not
STEP = {
    "step": 7,
    "batch": 32,
    "rule": "plain",
    "rate": 0.1,
    "loss": 0.25,
    "rows": [{"row": 12, "prediction": 0.5, "target": -0.25, "own": 270000.0}],
    "weights": [{"name": "w", "old": 1.5, "gradient": 5.0, "update": 0.5, "new": 1.0}],
}
OWN = {
    "one-row": (
        STEP,
        "row 12 of the table, for one, got the prediction 0.5; its target is −0.25 (in the table: 270,000)",
        {},
    ),
    "one-loss": (STEP, "The loss of the step's 32 rows is 0.25.", {}),
}
OWN_CLAIMS: dict[str, Claim] = {c.name: c for topic in TOPICS for ask in topic.asks for c in ask.own}


@pytest.mark.parametrize("name", OWN_CLAIMS)
def test_a_step_is_read_out_where_its_figures_are_there(name):
    figures, words, without = OWN[name]
    claim = OWN_CLAIMS[name]
    assert claim.holds(figures) is True
    assert words in claim.said(figures)
    assert claim.holds(without) is None


def test_vectors_and_classes_are_read_out_too():
    row = {"row": 3, "prediction": [0.1, 0.9], "target": [0.0, 1.0], "own": "yes"}
    said = OWN_CLAIMS["one-row"].said(STEP | {"rows": [row]})
    assert "the prediction [0.1, 0.9]; its target is [0, 1] (in the table: yes)" in said


def test_ranges_are_told_as_what_training_saw_where_that_is_recorded(a_run):
    seen = [{"name": "size", "kind": "number", "why": "", "distinct": 9, "missing": 0, "range": [3.0, 97.0]}]
    (told,) = explain(a_run(data={"columns": seen}), ["not-to-be-trusted"])
    assert told.answer[0].text == "Do not trust it outside the range that it was trained on: size from 3 to 97."


VOCABULARY = {
    *("row", "feature", "target", "prediction", "parameters", "weights", "loss", "penalty", "objective"),
    *("metric", "gradient", "derivative", "slope", "rate", "rule", "schedule", "batch", "step"),
    *("epoch", "leg", "trace", "run", "verdict", "instrument", "symptom", "remedy", "explanation"),
    "evidence",
}


def test_the_glossary_has_the_whole_vocabulary_in_one_sentence_each(a_run):
    assert set(WORDS) >= VOCABULARY
    record = facts(a_run())
    for word in WORDS:
        for said in (define(word), define(word, record), define(word, {})):
            assert said.endswith(".")
            assert said.count(". ") == 0
            assert word.split()[0].rstrip("s") in said.lower()


def test_words_are_told_with_what_they_are_in_the_run(a_run):
    record = facts(a_run())
    assert define("target", record).endswith("here price.")
    assert "half of (prediction - target)²" in define("loss", record)
    assert define("rule", facts(a_run(settings={"rule": "momentum:0.8"}))).count("0.8") == 1
    assert define("batch", record).endswith("here 10 of 100 training rows.")
    assert define("batch", facts(a_run(settings={"batch": "full"}))).endswith("here all 100 training rows.")


def test_classes_are_told_as_classes(a_run):
    target = {"name": "kept", "task": "classes", "mean": 0.0, "scale": 1.0, "classes": [0, 1]}
    run = a_run(
        data={"target": target},
        metric="accuracy",
        metrics={"train": {"loss": 0.4, "accuracy": 0.9}, "test": {"loss": 0.5, "accuracy": 0.85}},
        predictions=pl.DataFrame({"part": ["test"] * 20, "actual": [0] * 12 + [1] * 8, "predicted": [0] * 20}),
        settings={"model": "logistic", "loss": "log"},
        exact=None,
    )
    text = " ".join(s.text for e in explain(run) for s in e.answer)
    assert "kept is one of 2 classes (0, 1)" in text
    assert "naming the commonest class each time has accuracy 60%, the model has accuracy 85%" in text
    assert "no row's class" in text
    assert "below 76.5%, a tenth worse" in text
    assert "nan" not in text.split()
