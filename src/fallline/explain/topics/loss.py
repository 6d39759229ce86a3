"""Step 3, what training minimises: the loss, how it differs from the measure, and whether one can just solve it."""

from __future__ import annotations

from fallline.explain.parts import WHY, why_not_exact
from fallline.explain.topic import Ask, Define, Topic, claim, either, stated
from fallline.measurement import Figures
from fallline.numbers import count, number, share
from fallline.verdict import NEAR_EXACT
from fallline.words import measure

STEP, BRANCH = "model", "the loss"
NO_SLOPE = ("accuracy", "balanced_accuracy", "f1", "auc", "median_error")  # steps: flat nearly everywhere


def _metric(f: Figures) -> str:
    if f["metric"] in NO_SLOPE[:3]:
        return (
            f"It is judged by its {f['metric_name']}, which counts rows: a small change of a weight mostly changes no "
            "row's class, so that the measure has no slope to walk down, and the loss stands in for it."
        )
    if f["metric"] == "auc":
        return (
            "It is judged by its AUC, which looks only at the order of the rows: a small change of a weight mostly "
            "leaves it, so that there is no slope to walk down, and the loss stands in for it."
        )
    units = f", in the units of {f['target']}" if f["metric"] in ("rmse", "mae", "median_error") else ""
    return (
        f"It is judged by its {f['metric_name']}{units}, which a person can read; no step is made to improve that "
        "number, but the loss."
    )


def _both(f: Figures) -> str:
    return (
        f"On the {count(f['part_rows'])} {f['part_words']}: loss {number(f['part_loss'])}, "
        f"{measure(f['metric'], f['metric_value'])}."
    )


WHY_LOSS = Topic(
    "why-this-loss",
    STEP,
    BRANCH,
    "Why is this loss used, and how does it differ from the final measure?",
    (
        Define("loss"),
        stated("reason", ("loss",), lambda f: WHY.get(f["loss"].partition(":")[0], "")),
        stated("measure", ("metric", "metric_name"), _metric),
        stated("both", ("part_loss", "metric_value", "part_words"), _both),
        either(
            "no-penalty",
            ("l1", "l2"),
            lambda f: not f["l1"] and not f["l2"],
            lambda f: "There is no penalty, so that the objective is the loss.",
            lambda f: (
                "A penalty on the weights ("
                + ", ".join(f"{name} = {number(f[name])}" for name in ("l1", "l2") if f[name])
                + ") is added to the loss; their sum is the objective, and that is what each step lowers."
            ),
        ),
    ),
)


def _gain(f: Figures) -> float:
    return f["trivial_loss"] - f["exact_loss"]


def _no_formula(f: Figures) -> str:
    return f"There is no exact answer to go to at once: {why_not_exact(f['loss'], f['network'], f['l1'])}."


SOLVE = Topic(
    "just-solve-it",
    STEP,
    BRANCH,
    "Why not just solve it?",
    (
        either(
            "exact-answer",
            ("finished", "loss", "network"),
            lambda f: f["exact_loss"] is not None,
            lambda f: (
                f"Here one can: the squared loss of a linear model has an exact answer, found at once by solving "
                f"equations ({f['exact_method']}). Its loss is {number(f['exact_loss'])}, and "
                + ("with the penalty counted no weights do better." if f["l2"] else "no weights have a lower one.")
            ),
            _no_formula,
        ),
        claim(
            "descent-came-near",
            ("exact_loss", "exact_above", "trivial_loss"),
            lambda f: _gain(f) > 0 and f["exact_above"] <= NEAR_EXACT * _gain(f),
            lambda f: (
                f"Descent came near it: its loss is {number(f['end_loss'])}, {number(f['exact_above'], 3)} above, "
                f"which is {share(max(f['exact_above'], 0) / _gain(f))} of what the exact answer gains over "
                "the trivial one."
                if f["exact_above"] >= 0
                else f"Descent came near it: its loss is {number(f['end_loss'])}."
            ),
            lambda f: (
                f"Descent ended short of it: its loss is {number(f['end_loss'])}, {number(f['exact_above'], 3)} above "
                "the exact answer's."
            ),
        ),
        either(
            "one-answer",
            ("exact_unique", "exact_weights"),
            lambda f: f["exact_unique"],
            lambda f: f"The weights differ from the exact ones by {share(f['exact_weights'])} of those ones' length.",
            lambda f: (
                f"The weights differ from the exact ones by {share(f['exact_weights'])} of those ones' length, but "
                "that says little: some features can be worked out from the others, so that many sets of weights have "
                "the same loss."
            ),
        ),
        stated(
            "why-walk",
            ("rows_train",),
            lambda f: (
                "Walking downhill is worth learning all the same: it needs a few rows at a time rather than all, and "
                "works for every loss that has a slope, formula or not."
            ),
        ),
        Ask("curvature", ("convex",)),
    ),
)

TOPICS = (WHY_LOSS, SOLVE)
