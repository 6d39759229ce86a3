"""Step 3, the gradient: what it is, where it points, and how it is found."""

from __future__ import annotations

from fallline.explain.topic import Ask, Define, Topic, either, stated
from fallline.numbers import count

STEP, BRANCH = "model", "the gradient"

DERIVATIVE = Topic(
    "derivative-slope-or-gradient",
    STEP,
    BRANCH,
    "Is it a derivative, a slope or a gradient that we compute?",
    (
        either(
            "many-parameters",
            ("parameters",),
            lambda f: f["parameters"] > 1,
            lambda f: (
                f"A gradient: this model has {count(f['parameters'])} parameters, so each step computes "
                f"{count(f['parameters'])} partial derivatives, one for each, and that list is the gradient."
            ),
            lambda f: (
                "A derivative: this model has 1 parameter, so each step computes one number, and the gradient is that "
                "number alone."
            ),
        ),
        Define("derivative"),
        Define("gradient"),
        Define("slope"),
        Ask("slice", ("slope-is-derivative", "next-point", "whole-curve")),
    ),
)

STEEPEST = Topic(
    "steepest",
    STEP,
    BRANCH,
    "Does the gradient point up the steepest slope?",
    (Define("gradient"), Ask("directions", ("steepest",))),
)

MINUS = Topic(
    "times-minus-one",
    STEP,
    BRANCH,
    "Do we multiply the gradient by -1, and what happens if we don't?",
    (
        Ask("directions", ("times-minus-one",)),
        stated(
            "taken-off",
            ("rule_words",),
            lambda f: (
                "The gradient points uphill, so it is taken off the weights rather than added: the minus sign in "
                "w_new = w_old - rate * gradient is that -1."
                if f["rule"] == "plain"
                else "The gradient points uphill, so what is made of it is taken off the weights rather than added: "
                "the minus sign in w_new = w_old - rate * direction is that -1."
            ),
        ),
    ),
)

TO_MINIMUM = Topic(
    "points-to-minimum",
    STEP,
    BRANCH,
    "Does minus the gradient point to the minimum?",
    (Ask("directions", ("points-to-minimum",)), Ask("curvature", ("conditioning",)), Define("minimum")),
)

SECOND_POINT = Topic(
    "second-point",
    STEP,
    BRANCH,
    "Do we need a second point to get a slope?",
    (Ask("gradient-check", ("no-second-point", "agree", "best-h", "smaller-h-worse", "cost")),),
)

BETWEEN = Topic(
    "between-0-and-1",
    STEP,
    BRANCH,
    "Are gradients numbers between 0 and 1?",
    (Ask("gradients", ("not-between-0-and-1",)), Define("derivative")),
)

TOPICS = (DERIVATIVE, STEEPEST, MINUS, TO_MINIMUM, SECOND_POINT, BETWEEN)
