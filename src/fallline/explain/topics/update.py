"""Step 3, the update: what one step does to the weights, in real numbers, and how much of it can be foreseen."""

from __future__ import annotations

from fallline.explain.parts import formula
from fallline.explain.topic import Ask, Define, Topic, either, stated
from fallline.measurement import Figures
from fallline.numbers import count, number

STEP, BRANCH = "model", "the update"
ALIKE = 1e-3  # relative: update lengths that differ by less are the same but for rounding


def over(steps: int) -> str:
    """the first step, or the first 50 steps."""
    return "the first step" if steps == 1 else f"the first {count(steps)} steps"


def _first(f: Figures) -> str:
    said = f"Each of the {count(f['parameters'])} parameters is changed in each step: {formula(f['rule_asked'])}."
    if f["clip"] is not None:
        said += f" A gradient longer than {number(f['clip'])} is first shortened to that."
    return said


W_NEW = Topic(
    "w-new",
    STEP,
    BRANCH,
    "w_new = w_old - rate * gradient: what is that in real numbers?",
    (
        stated("formula", ("rule_asked", "parameters"), _first),
        Define("rule"),
        Ask("step", ("re-adds", "loss-fell", "old-and-new")),
        Ask(
            "step",
            ("re-adds", "loss-fell", "old-and-new"),
            lambda f: {"step": (f["steps"] + 1) // 2},
            when=lambda f: f["steps"] > 2,
        ),
        Ask(
            "step",
            ("re-adds", "loss-fell", "old-and-new"),
            lambda f: {"step": f["steps"]},
            when=lambda f: f["steps"] > 1,
        ),
    ),
)

FORESEEN = Topic(
    "how-far-down",
    STEP,
    BRANCH,
    "Can one foresee how much a step will lower the loss?",
    (Ask("directions", ("predicted-change",)), Define("curvature")),
)


def _plain_steps(f: Figures) -> bool:
    product = f["first_rate"] * f["first_gradient_norm"]
    return abs(f["first_update_norm"] - product) <= ALIKE * abs(product)


LENGTH = Topic(
    "length-of-a-step",
    STEP,
    BRANCH,
    "How long is a step?",
    (
        either(
            "rate-times-gradient",
            ("first_rate", "first_gradient_norm", "first_update_norm", "some"),
            _plain_steps,
            lambda f: (
                f"As long as the rate times the gradient: over {over(f['some'])} "
                f"{number(f['first_rate'])} * {number(f['first_gradient_norm'])} = {number(f['first_update_norm'])} on "
                "average."
            ),
            lambda f: (
                f"Not as long as the rate times the gradient: over {over(f['some'])} that would be "
                f"{number(f['first_rate'] * f['first_gradient_norm'])} on average, but the updates were "
                f"{number(f['first_update_norm'])} long. The rule, {f['rule_words'].partition(',')[0]}, makes another "
                "direction of the gradient."
                if f["rule"] != "plain" or f["clip"] is not None
                else f"Over {over(f['some'])} the mean rate times the mean gradient is "
                f"{number(f['first_rate'] * f['first_gradient_norm'])}, the updates were "
                f"{number(f['first_update_norm'])} long: rate and gradient changed together."
            ),
        ),
        stated(
            "norm",
            ("parameters",),
            lambda f: (
                "The length, or norm, of a list of numbers is the root of the sum of their squares"
                + (": for one parameter, its size." if f["parameters"] == 1 else ".")
            ),
        ),
        Define("update"),
    ),
)

TOPICS = (W_NEW, LENGTH, FORESEEN)
