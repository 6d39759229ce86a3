"""Symptoms of what came out: worse than a constant, no better than chance, less than the data allow, out of reach."""

from __future__ import annotations

from fallline.diagnosis.detector import Detector
from fallline.diagnosis.diagnosis import Symptom
from fallline.diagnosis.look import Look
from fallline.numbers import count, number, share

WORSE = 0.01  # of the trivial predictor's loss
HELD_WORSE = 0.05  # of it, on held-out rows
SURE = 3.0  # standard errors
CHANCE = 0.01  # how often shuffled targets do as well, at most, before it is no chance
NOTHING = 0.05  # of what could be explained
PART = 2 / 3  # of what the reference explains
WORTH = 0.1  # of all that varies: below that there is nothing to be too weak for
OUTSIDE = 0.01  # of the training rows
REASONS = {
    "one": "The softmax of a single output is 1 whatever its score, so that every prediction is the same.",
    "negative counts": "The loss takes the logarithm of the prediction, but the output function {output} can be 0 or "
    "negative.",
    "no probability": "The loss takes the prediction for a probability, but the output function {output} leaves 0 to "
    "1, where the loss is no number.",
    "probabilities apart": "Each class has its own {output} output, and the loss looks at the true class only: saying "
    "1 for every class has no loss.",
    "one side": "The loss asks for a score of -1 or less for one of the classes, but the output function {output} is "
    "never below 0.",
}


def worse_than_trivial(look: Look) -> Symptom | None:
    """Always predicting the same would have done better."""
    known = look.checkup
    train, trivial = known["train_loss"], known["trivial_loss"]
    evidence = {name: known.get(name) for name in ("train_loss", "trivial_loss", "held_loss", "held_trivial_loss")}
    held, constant, surer = (known.get(name) for name in ("held_loss", "held_trivial_loss", "held_surer"))
    if not train <= trivial + WORSE * abs(trivial):
        where, ours, theirs = "training", train, trivial
    elif surer is not None and surer <= -SURE and held is not None and constant is not None:
        if held <= constant + HELD_WORSE * abs(constant):
            return None
        where, ours, theirs = "held-out", held, constant
    else:
        return None
    return Symptom(
        "worse-than-trivial",
        f"On {where} rows the loss is {number(ours)}; {look.figures.get('trivially', 'always predicting the same')} "
        f"has {number(theirs)}.",
        evidence,
        f"loss above that of the best constant prediction: by {share(WORSE)} on training rows, or by "
        f"{share(HELD_WORSE)} and {SURE:g} standard errors on held-out ones",
        "the best constant of the loss itself, which any model with a bias could be",
    )


def unlearnable(look: Look) -> Symptom | None:
    """Neither the model nor a flexible reference tells new rows better than shuffled targets do."""
    known = look.checkup
    own, other, reached = (known.get(name) for name in ("held_chance", "reference_chance", "reference_skill"))
    if (own is not None and own <= CHANCE) or other is None or reached is None:
        return None
    if other <= CHANCE or reached >= NOTHING:
        return None
    return Symptom(
        "unlearnable",
        "No better than with shuffled targets: "
        + ("" if own is None else f"the model's predictions of held-out rows agree with them as well by chance in "
           f"{share(own)} of the draws, ")
        + f"those of a flexible reference (trees, {count(known['reference_rows'])} rows) in {share(other)}; the "
        f"reference explains {share(max(reached, 0.0))} of rows that it was not fitted on.",
        {"model_chance": own, "reference_chance": other, "reference_skill": reached},
        f"both are matched by shuffled targets in more than {share(CHANCE)} of 200 draws, and the reference explains "
        f"less than {share(NOTHING)}",
        "permutation test (Ojala and Garriga, Journal of Machine Learning Research 11, 2010)",
    )  # fmt: skip


def too_weak(look: Look) -> Symptom | None:
    """The model does worse on the rows it was trained on than a flexible reference on rows it never saw."""
    known = look.checkup
    own, reached, chance = known.get("train_skill"), known.get("reference_skill"), known.get("reference_chance")
    if own is None or reached is None or chance is None or known.get("loss") in ("Quantile", "Absolute"):
        return None
    if chance > CHANCE or reached < WORTH or own >= PART * reached:
        return None
    return Symptom(
        "too-weak",
        f"The model explains {share(max(own, 0.0))} of its own training rows; a flexible reference (trees, "
        f"{count(known['reference_rows'])} rows) explains {share(reached)} of rows that it was not fitted on. More "
        "training won't change that: the architecture cannot hold the answer.",
        {"train_skill": own, "reference_skill": reached, "reference_chance": chance},
        f"the model explains less than {share(PART)} of what the reference does, which is {share(WORTH)} or more",
        "the wall of an architecture is its best training loss; the reference: Geurts, Ernst and Wehenkel, 2006",
    )


def wrong_output(look: Look) -> Symptom | None:
    """The output function, or the loss, can't express the target."""
    known = look.checkup
    output, outside = known["output"], known.get("target_outside")
    evidence = {name: known.get(name) for name in ("output", "loss", "output_low", "output_high", "target_low",
                                                    "target_high", "target_outside")}  # fmt: skip
    if known.get("wrong"):
        text = REASONS[known["wrong"]].format(output=output)
    elif outside is not None and outside >= OUTSIDE:
        text = (
            f"The output function {output} gives numbers from {number(known['output_low'])} to "
            f"{number(known['output_high'])}, but the target, as trained on, goes from {number(known['target_low'])} "
            f"to {number(known['target_high'])}: {share(outside)} of the training rows are out of reach."
        )
    else:
        return None
    return Symptom(
        "wrong-output",
        text,
        evidence,
        f"{share(OUTSIDE)} or more of the targets lie outside of what the output function can give, or what it gives "
        "is no prediction that the loss can grade",
        "the canonical output of each loss (McCullagh and Nelder, Generalized Linear Models, 1989); DeepDiagnosis's "
        "mismatch of output range",
    )


DETECTORS = {
    "wrong-output": Detector("wrong-output", wrong_output, ("table",)),
    "unlearnable": Detector("unlearnable", unlearnable, ("reference",)),
    "worse-than-trivial": Detector(
        "worse-than-trivial", worse_than_trivial, ("table",), ("diverged", "unlearnable", "overfitting")
    ),
    "too-weak": Detector(
        "too-weak",
        too_weak,
        ("table",),
        (
            *("diverged", "wrong-output", "symmetric-start", "dead-units", "saturated", "vanishing-gradient"),
            *("exploding-gradient", "rate-too-large", "oscillating", "rate-too-small", "stopped-early"),
            *("badly-scaled", "target-scale", "unlearnable"),
        ),
    ),
}
