"""Step 3, the model before it learned, and the four words of a step: predict, loss, gradient, update."""

from __future__ import annotations

from typing import Any

from fallline.claim import Claim
from fallline.explain.topic import Ask, Define, Topic, claim, known, stated
from fallline.measurement import Figures
from fallline.numbers import count, number, share

STEP, BRANCH = "model", "before it learned"


def _start(f: Figures) -> str:
    if f["init"].startswith("constant"):
        return f"Before the first step all its weights are the same number ({f['init'].partition(':')[2]})."
    if f["init"].startswith("at:"):
        return "Before the first step its weights are those that it was told to start at."
    return (
        f"Before the first step the model is random: its {count(f['parameters'])} parameters are drawn with seed "
        f"{f['seed']} (biases begin at 0)."
    )


def _times(f: Figures) -> str:
    if f["trivial_loss"] > 0:
        return f"{number(f['start_loss'] / f['trivial_loss'], 3)} times that of {f['trivial']}"
    return f"more than that of {f['trivial']}"


BEFORE = Topic(
    "before-learning",
    STEP,
    BRANCH,
    "What did the model look like before it learned?",
    (
        stated("random-start", ("parameters", "init"), _start),
        claim(
            "random-is-bad",
            ("start_loss", "trivial_loss", "trivial"),
            lambda f: f["start_loss"] > f["trivial_loss"],
            lambda f: (
                f"Its predictions are bad: their loss is {number(f['start_loss'])}, {_times(f)} "
                f"({number(f['trivial_loss'])})."
            ),
            lambda f: (
                f"Its predictions have a loss of {number(f['start_loss'])}, which is no worse than that of "
                f"{f['trivial']} ({number(f['trivial_loss'])})."
            ),
        ),
        stated(
            "start-in-own-units",
            ("start_error", "end_error"),
            lambda f: (
                f"In the units of {f['target']} the start is off by {number(f['start_error'])} (root of the mean "
                f"squared error on the training rows), the model kept by {number(f['end_error'])}."
            ),
        ),
        claim(
            "learned",
            ("start_loss", "end_loss", "steps", "kept"),
            lambda f: f["end_loss"] < f["start_loss"],
            lambda f: (
                f"{count(f['kept'])} steps later the loss is {number(f['end_loss'])}"
                + (
                    f", {share(1 - f['end_loss'] / f['start_loss'])} less."
                    if 0 <= f["end_loss"] < f["start_loss"]
                    else "."
                )
            ),
            lambda f: (
                f"The weights kept, those of step {count(f['kept'])}, have a loss of {number(f['end_loss'])}: it "
                "learned nothing."
            ),
        ),
        Define("weights"),
        Define("bias"),
    ),
)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(number(v, 3) for v in value) + "]"
    return number(value) if isinstance(value, float | int) and not isinstance(value, bool) else str(value)


def _row(f: Figures) -> str:
    row = f["rows"][0]
    said = (
        f"In step {count(f['step'])} row {count(row['row'])} of the table, for one, got the prediction "
        f"{_cell(row['prediction'])}; its target is {_cell(row['target'])}"
    )
    return said + (f" (in the table: {_cell(row['own'])})." if row.get("own") is not None else ".")


def _has(f: Figures, name: str) -> bool | None:
    return True if f.get(name) and isinstance(f[name], list) else None


ONE_ROW = Claim("one-row", lambda f: _has(f, "rows"), _row, _row)
ONE_LOSS = Claim(
    "one-loss",
    lambda f: True if known(f, "loss", "batch") else None,
    lambda f: f"The loss of the step's {count(f['batch'])} rows is {number(f['loss'])}.",
    lambda f: "",
)

LOOP = Topic(
    "prediction-loss-update",
    STEP,
    BRANCH,
    "What is a prediction, a loss, an update, in this run?",
    (
        Define("step"),
        Define("prediction"),
        Define("loss"),
        Define("update"),
        stated("model", ("model_words",), lambda f: f"The model that predicts is {f['model_words']}."),
        Ask("step", ("re-adds",), own=(ONE_ROW, ONE_LOSS)),
    ),
)

TOPICS = (BEFORE, LOOP)
