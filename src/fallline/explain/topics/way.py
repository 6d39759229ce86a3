"""Step 3, the way down: how gradients shrink, what batches do, and what downhill means with many weights."""

from __future__ import annotations

from fallline.explain.topic import Ask, Define, Topic, claim, either, stated
from fallline.explain.topics import costs
from fallline.measurement import Figures
from fallline.numbers import count, number, share

STEP, BRANCH = "model", "the way down"


def _shrank(f: Figures) -> bool:
    return f["last_update_norm"] < f["first_update_norm"]


def _means(f: Figures) -> str:
    return f" (means over {count(f['some'])} steps)" if f["some"] > 1 else ""


def _rate_alike(f: Figures) -> str:
    same = abs(f["last_rate"] - f["first_rate"]) <= 1e-6 * f["first_rate"]
    return "though the rate stayed the same" if same else f"and the rate went to {number(f['last_rate'])}"


SHRANK = claim(
    "updates-shrank",
    ("first_update_norm", "last_update_norm", "first_rate", "last_rate", "some"),
    _shrank,
    lambda f: (
        f"The updates were {number(f['first_update_norm'])} long at first and {number(f['last_update_norm'])} in the "
        f"end{_means(f)}, {_rate_alike(f)}."
    ),
    lambda f: (
        f"The updates did not get smaller: they were {number(f['first_update_norm'])} long at first and "
        f"{number(f['last_update_norm'])} in the end{_means(f)}."
    ),
)
FELL = claim(
    "gradient-over-all-rows-fell",
    ("start_gradient", "end_gradient"),
    lambda f: f["end_gradient"] < f["start_gradient"],
    lambda f: (
        f"Over all training rows the gradient's norm fell from {number(f['start_gradient'])} at the start to "
        f"{number(f['end_gradient'])} with the weights kept, {share(f['end_gradient'] / f['start_gradient'])} of it."
    ),
    lambda f: (
        f"Over all training rows the gradient's norm did not fall: it was {number(f['start_gradient'])} at the start "
        f"and is {number(f['end_gradient'])} with the weights kept."
    ),
)

TOWARDS = Topic(
    "towards-the-minimum",
    STEP,
    BRANCH,
    "How do gradients change on the way to the minimum, and why do the steps get smaller?",
    (Ask("gradients", ("norm-fell", "smaller-steps"), instead=(SHRANK,)), Define("gradient")),
)

ZERO = Topic(
    "becomes-zero",
    STEP,
    BRANCH,
    "Does the gradient become zero?",
    (
        Ask("gradients", ("becomes-zero",), instead=(FELL,)),
        Ask("noise", ("floor",)),
        Define("noise floor"),
    ),
)

BATCH = Topic(
    "whole-set-row-or-batch",
    STEP,
    BRANCH,
    "The whole set, one row, or a batch in each step?",
    (
        Define("batch"),
        Define("epoch"),
        Ask("compare", ("settles", "hover", "cheapest", "all-finite"), costs.batches),
        Ask("noise", ("spread", "noise-scale", "batch-pays")),
    ),
)

THOUSANDS = Topic(
    "thousands-of-weights",
    STEP,
    BRANCH,
    "With many weights nobody can draw the hill: what does downhill mean, and how honest is a picture of it?",
    (
        either(
            "can-be-drawn",
            ("parameters",),
            lambda f: f["parameters"] <= 2,
            lambda f: (
                f"With {count(f['parameters'])} parameter{'s' if f['parameters'] > 1 else ''} the loss can be drawn "
                "whole."
            ),
            lambda f: (
                f"With {count(f['parameters'])} parameters the loss lies over a space of {count(f['parameters'])} "
                "dimensions, and every picture of it is a cut or a shadow."
            ),
        ),
        stated(
            "what-downhill-means",
            ("parameters",),
            lambda f: (
                "Downhill needs no picture: it is any small change of all parameters at once that makes the loss "
                "smaller, and minus the gradient is one."
            ),
        ),
        Ask("surface", ("captured", "honest", "downhill"), when=lambda f: f["parameters"] > 1),
    ),
)

TOPICS = (TOWARDS, ZERO, BATCH, THOUSANDS)
