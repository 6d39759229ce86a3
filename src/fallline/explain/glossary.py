"""The one glossary: each word of the vocabulary in one plain sentence, and what it is in a run where that can be said.

Explanations take their definitions from here, so that a word means the same wherever it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fallline.measurement import Figures
from fallline.numbers import count, number


@dataclass(frozen=True)
class Word:
    """plain: what it means anywhere. here: what it is in a run, by its facts; "" where they can't tell."""

    plain: str
    here: Callable[[Figures], str] = lambda facts: ""


def define(name: str, facts: Figures | None = None) -> str:
    """What a word means, and what it is in the run that the facts are of.

    >>> define("target", {"target": "price"})
    'The target is the column to be predicted: here price.'
    """
    word = WORDS[name]
    here = word.here(facts) if facts else ""
    return f"{word.plain[:-1]}: here {here}." if here else word.plain


def _features(f: Figures) -> str:
    return f"{count(f['features'])} of them" if f.get("features") else ""


def _rate(f: Figures) -> str:
    if f.get("rate") is None:
        return ""
    return number(f["rate"]) + (
        "" if f.get("schedule") == "constant" else f" at first, on the schedule {f['schedule']}"
    )


def _batch(f: Figures) -> str:
    if f.get("full") is None:
        return ""
    rows = f["rows_train"]
    return f"all {count(rows)} training rows" if f["full"] else f"{count(f['batch'])} of {count(rows)} training rows"


def _epoch(f: Figures) -> str:
    if not f.get("epoch_steps"):
        return ""
    return f"{count(f['epoch_steps'])} step" + ("s" if f["epoch_steps"] > 1 else "")


def _penalty(f: Figures) -> str:
    given = [f"{name} = {number(f[name])}" for name in ("l1", "l2") if f.get(name)]
    return ", ".join(given) if given else "none" if "l1" in f else ""


WORDS = {
    "row": Word("A row, or example, is one line of the table: one case whose outcome is known."),
    "feature": Word("A feature is a number that the model reads of a row.", _features),
    "target": Word("The target is the column to be predicted.", lambda f: f.get("target", "")),
    "prediction": Word("A prediction is what the model makes of a row's features with the weights as they are."),
    "parameters": Word(
        "The parameters are all the numbers that training changes.",
        lambda f: f"{count(f['parameters'])} of them" if f.get("parameters") else "",
    ),
    "weights": Word("Weights are parameters that say how strongly one number counts for another."),
    "bias": Word("A bias is a parameter that is added whatever the features are."),
    "loss": Word(
        "The loss is one number that says how wrong the predictions are, and training makes it small.",
        lambda f: f.get("loss_words", ""),
    ),
    "penalty": Word("A penalty is added to the loss to keep weights small.", _penalty),
    "objective": Word("The objective is the loss and the penalty together, which is what each step lowers."),
    "metric": Word(
        "The metric, or final measure, is the number by which a person judges the predictions.",
        lambda f: f.get("metric_name", ""),
    ),
    "gradient": Word("The gradient is the list of all partial derivatives of the loss, one for each parameter."),
    "derivative": Word(
        "A derivative says how fast the loss changes when one number changes; with several parameters, and the others "
        "held still, it is called partial."
    ),
    "slope": Word("A slope is a derivative as it is seen on a picture of the loss against one weight."),
    "update": Word("An update is what is taken off each parameter in one step."),
    "rate": Word("The rate, or learning rate, is what a direction is multiplied by to make an update of it.", _rate),
    "rule": Word("The rule says how a gradient becomes the direction of an update.", lambda f: f.get("rule_words", "")),
    "schedule": Word("A schedule says how the rate changes over the steps.", lambda f: f.get("schedule", "")),
    "batch": Word("A batch is the rows that one step looks at.", _batch),
    "step": Word("A step is one update: predict, loss, gradient, update."),
    "epoch": Word("An epoch is as many steps as it takes to see every training row once.", _epoch),
    "leg": Word("A leg is the steps that are run in one compiled call before their record is written."),
    "trace": Word("The trace is the record of all steps, one line for each."),
    "run": Word("A run is one training with its settings, its trace and its model, kept in a folder."),
    "verdict": Word("The verdict says in words how a training ended.", lambda f: f.get("state", "")),
    "instrument": Word("An instrument is a measurement that can be made on a run."),
    "symptom": Word("A symptom is a sign that something is wrong with a run, with the figures that show it."),
    "remedy": Word("A remedy is a change of settings that may cure a symptom, to be tried before it is believed."),
    "explanation": Word("An explanation answers one question about a run, with the run's own numbers."),
    "evidence": Word("Evidence is the figures and the frame that a sentence rests on."),
    "minimum": Word("A minimum is a place where no small change of the parameters makes the loss smaller."),
    "validation rows": Word("Validation rows are kept away from training, and looked at while it goes on."),
    "test rows": Word("Test rows are kept away from training and opened once, at its end."),
    "overfitting": Word("Overfitting is learning the training rows by heart at the cost of all others."),
    "curvature": Word("Curvature says how fast the slope itself changes along a direction."),
    "momentum": Word("Momentum adds to each gradient a part of the directions before it, as a memory."),
    "noise floor": Word("The noise floor is the level that the loss hovers at because batches disagree."),
}
