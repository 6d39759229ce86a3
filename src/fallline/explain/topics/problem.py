"""Step 1, the problem: what is predicted, from what, and what an answer without a model would score."""

from __future__ import annotations

from fallline.explain.topic import Define, Topic, claim, stated
from fallline.measurement import Figures
from fallline.numbers import count, number, share
from fallline.words import measure

SHOWN = 6  # classes that are named


def _target(f: Figures) -> str:
    made = f"from {_columns(f['inputs'])} of {f['source']}, which become {count(f['features'])} features"
    if f["classes"]:
        named = ", ".join(map(str, f["classes"][:SHOWN])) + (", ..." if len(f["classes"]) > SHOWN else "")
        return f"{f['target']} is one of {count(len(f['classes']))} classes ({named}), and is predicted {made}."
    scaled = ""
    if f["target_mean"] and f["target_scaled"]:
        scaled = f" (its mean in the training rows is {number(f['target_mean'])})"
    return f"{f['target']} is a number{scaled}, and is predicted {made}."


def _columns(n: int) -> str:
    return "1 column" if n == 1 else f"{count(n)} columns"


def _task(f: Figures) -> str:
    if f["classes"]:
        return (
            "That makes it a classification: the model gives each class a score, and names the class that scores most."
        )
    return "That makes it a regression: the model gives a number, and how far off it is can be measured."


WHAT = Topic(
    "what-is-predicted",
    "problem",
    "what is asked",
    "What is predicted, and from what?",
    (
        Define("target"),
        stated("target", ("target", "inputs", "features", "source"), _target),
        stated("task", ("task",), _task),
        Define("row"),
        Define("feature"),
        Define("metric"),
    ),
)


def _less(f: Figures) -> str:
    below = f["trivial_loss"] - f["end_loss"]
    if f["trivial_loss"] > 0 and f["end_loss"] >= 0:
        return f"{share(below / f['trivial_loss'])} less"
    return f"{number(below)} less"


TRIVIAL = Topic(
    "trivial-answer",
    "problem",
    "what is asked",
    "What would a trivial answer score?",
    (
        stated(
            "trivial-loss",
            ("trivial", "trivial_loss"),
            lambda f: (
                f"A trivial answer looks at no column: {f['trivial']} has a loss of {number(f['trivial_loss'])} on the "
                "training rows."
            ),
        ),
        claim(
            "beats-trivial",
            ("trivial_loss", "end_loss"),
            lambda f: f["end_loss"] < f["trivial_loss"],
            lambda f: f"The model kept has {number(f['end_loss'])} on the same rows, {_less(f)}.",
            lambda f: f"The model kept has {number(f['end_loss'])} on the same rows, which is no better.",
        ),
        claim(
            "beats-trivial-on-rows-held-out",
            ("trivial_metric", "metric_value", "part_words"),
            lambda f: (
                (f["metric_value"] > f["trivial_metric"]) == (f["metric_better"] == "higher")
                and f["metric_value"] != f["trivial_metric"]
            ),
            lambda f: f"{_measured(f)} The model is better.",
            lambda f: f"{_measured(f)} The model is no better.",
        ),
    ),
)


def _measured(f: Figures) -> str:
    trivial, model = (measure(f["metric"], f[name]) for name in ("trivial_metric", "metric_value"))
    answer = "naming the commonest class each time" if f["metric"] == "accuracy" else "the trivial answer"
    return f"On the {count(f['part_rows'])} {f['part_words']}: {answer} has {trivial}, the model has {model}."


TOPICS = (WHAT, TRIVIAL)
