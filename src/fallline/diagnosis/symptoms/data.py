"""Symptoms of the data as it was trained on: scales, classes, columns that say nothing, twice, or too much."""

from __future__ import annotations

from fallline.diagnosis.detector import Detector
from fallline.diagnosis.diagnosis import Symptom
from fallline.diagnosis.look import Look
from fallline.numbers import number, share

ILL = 1e3  # condition number, from which plain descent needs thousands of steps
GAIN = 10.0  # times fewer steps with scaled columns
APART = 10.0  # times: the largest column's root mean square against the smallest's, or against the bias's 1
LARGE = 100.0  # root mean square of a target: a squared loss of 5,000 at the start
SMALL = 0.01  # standard deviation of a target
RATIO = 9.0  # of the commonest class to the rarest: highly imbalanced
OTHERS = 0.95  # of the target: what the other columns together explain, at most
LEFT = 0.2  # of what the others leave unexplained: what a leaking column leaves, at most


def badly_scaled(look: Look) -> Symptom | None:
    """Columns of very different sizes make a long narrow valley, which scaling would have rounded."""
    known = look.checkup
    if known.get("standardize") or not look.known("condition", "condition_scaled"):
        return None
    raw, scaled = known["condition"], known["condition_scaled"]
    largest, smallest = known["largest"], known["smallest"]
    bias = look.settings.get("bias", True)
    apart = max(largest, 1.0 if bias else 0.0) / max(min(smallest, 1.0 if bias else smallest), 1e-300)
    if not (raw >= ILL and raw >= GAIN * scaled and apart >= APART):
        return None
    return Symptom(
        "badly-scaled",
        f"The columns were taken as they are: {known['largest_name']} has a root mean square of {number(largest)}, "
        f"{known['smallest_name']} one of {number(smallest)}. The features' condition number is {number(raw, 3)}; "
        f"standardised it would be {number(scaled, 3)}, and plain descent needs about {number(raw / scaled, 2)} times "
        "fewer steps.",
        {
            "condition": raw,
            "condition_scaled": scaled,
            "gain": raw / scaled,
            "largest": [known["largest_name"], largest],
            "smallest": [known["smallest_name"], smallest],
        },
        f"condition number {ILL:g} or more, {GAIN:g} times what standardised columns have, with columns (or the bias's "
        f"1) {APART:g} times apart",
        "plain descent needs steps in proportion to the condition number (Nesterov, Introductory Lectures, 2004)",
    )


def target_scale(look: Look) -> Symptom | None:
    """The target was trained on in units in which its numbers are far from 1."""
    known = look.checkup
    if known.get("loss") in ("Poisson", "PoissonOfCount") or known.get("output") == "exp":
        return None  # their score is a logarithm
    spread, mean = known["target_sd"], known["target_mean"]
    size = (spread**2 + mean**2) ** 0.5
    if not (size >= LARGE or 0 < spread <= SMALL):
        return None
    return Symptom(
        "target-scale",
        f"The target was trained on with a mean of {number(mean)} and a standard deviation of {number(spread)}: losses "
        "and gradients are as far from 1 as that, and so must rates and weights be.",
        {"target_sd": spread, "target_mean": mean},
        f"root mean square of the target as trained on {LARGE:g} or more, or standard deviation {SMALL:g} or less",
        "AUTOTRAINER calls a loss of 1,000 abnormal data (Zhang and others, ICSE 2021); start weights are made for "
        "signals of variance 1 (Glorot and Bengio, 2010)",
    )


def class_imbalance(look: Look) -> Symptom | None:
    """A class is rare, and counts no more for it."""
    known = look.checkup
    weights = [weight for weight in known["class_weights"] if weight > 0]
    ratio = max(weights) / min(weights)
    missed = known.get("rarest_recognised")
    if not ratio > RATIO:
        return None
    seen = "" if missed is None else f" {share(missed)} of its held-out rows are recognised."
    return Symptom(
        "class-imbalance",
        f"The class {known['rarest']} has {share(known['rarest_share'])} of the training rows, the commonest "
        f"{share(known['commonest_share'])}.{seen} Always saying the commonest is right as often.",
        {
            "rarest": known["rarest"],
            "rarest_share": known["rarest_share"],
            "commonest_share": known["commonest_share"],
            "ratio": ratio,
            "rarest_recognised": missed,
        },
        f"the commonest class weighs more than {RATIO:g} times the rarest",
        "a ratio above 9 is highly imbalanced (Fernandez and others, Fuzzy Sets and Systems 159, 2008)",
    )


def constant_feature(look: Look) -> Symptom | None:
    """A column is the same in every row and can't tell one from another."""
    columns = (look.run.get("data") or {}).get("columns") or []
    found = [c["name"] for c in columns if c["kind"] == "ignore" and c["why"].startswith(("constant", "every value"))]
    found += [name for name in look.checkup.get("constant") or [] if name not in found]
    if not found:
        return None
    named = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if found[5:] else "")
    return Symptom(
        "constant-feature",
        f"The same value, or none, stands in every row of {named}: nothing can be learned from that.",
        {"columns": found},
        "one distinct value, or none, among the training rows",
        "a feature without variance has no gradient that the bias does not have as well",
    )


def duplicate_feature(look: Look) -> Symptom | None:
    """Two columns say the same."""
    pairs = look.checkup.get("twins") or []
    if not pairs:
        return None
    named = "; ".join(f"{a} and {b}" for a, b in pairs[:5]) + (f"; {len(pairs) - 5} more pairs" if pairs[5:] else "")
    return Symptom(
        "duplicate-feature",
        f"Columns that say the same: {named}. How a weight is shared out between them is left to chance, and neither "
        "can be read by itself.",
        {"pairs": pairs},
        "correlation beyond 0.9999 either way, or each value of one goes with one value of the other",
        "the answer is not unique when columns depend on each other (Golub and Van Loan, Matrix Computations, 5.5)",
    )


def leaking_feature(look: Look) -> Symptom | None:
    """One column alone tells the target, and the others together do not come near: it may be the target itself."""
    known = look.checkup
    telling, others, renamed = known.get("telling") or [], known.get("others_skill"), known.get("renamed") or []
    left = LEFT * (1 - others) if others is not None and others <= OTHERS else -1.0
    both = zip(telling, known.get("telling_scores") or [], strict=True)
    leaks = [(name, score) for name, score in both if 1 - score <= left or name in renamed]
    if not leaks:
        return None
    named = ", ".join(f"{name} ({share(score)})" for name, score in leaks)
    together = "" if others is None else f" The others together, in a flexible reference: {share(max(others, 0.0))}."
    return Symptom(
        "leaking-feature",
        f"Alone these columns tell of the target, on rows that they were not fitted on: {named}.{together} "
        "Are they known before the target is?",
        {"columns": [name for name, _ in leaks], "alone": [score for _, score in leaks], "others": others},
        "one column tells 98% or more of the target by itself (R squared; classes: balanced share recognised, guessing "
        f"being 0), all others together {share(OTHERS)} at most, and it leaves a fifth of what they leave, or less; or "
        "it has a value for each class, one to one",
        "leakage: Kaufman and others, ACM TKDD 6, 2012",
    )


DETECTORS = {
    "badly-scaled": Detector("badly-scaled", badly_scaled, ("table",)),
    "target-scale": Detector("target-scale", target_scale, ("regression",)),
    "class-imbalance": Detector("class-imbalance", class_imbalance, ("classes",)),
    "constant-feature": Detector("constant-feature", constant_feature, ("data",)),
    "duplicate-feature": Detector("duplicate-feature", duplicate_feature, ("table",)),
    "leaking-feature": Detector("leaking-feature", leaking_feature, ("table",)),
}
