"""How a fit ended, in words, with the figures behind them and the next thing to try.

No training ends without one. The order of the questions is the order of the harm: was it interrupted, did it blow
up, is it worse than predicting the same for every row, has it arrived, has it got stuck; if none, it still improves.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

STATES = ("converged", "improving", "stalled", "diverged", "worse than trivial", "interrupted")

NEAR_EXACT = 5e-3  # of the loss that the exact answer gains over the trivial one
NEAR_FLAT = 1e-3  # of the start's gradient norm, over all rows, with the loss at rest
HARDLY = 1e-3  # relative fall of the objective in the last tenth of a training, below which it is no progress
LEAST = 1e-5  # of the exact answer's loss: less than that above it is said to be less
STILL = 1e-6  # of the start's gradient norm: at rest whatever the loss does


@dataclass(frozen=True)
class Verdict:
    """state: one of STATES, or running. why: sentences with figures. next: what to try. figures: the numbers used."""

    state: str
    why: str
    next: str
    figures: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.state.capitalize()}: {self.why} {self.next}".strip()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Figures:
    """What a verdict is judged on. Objectives are over all training rows."""

    steps: int
    epochs: float
    ended: str  # a stopping reason
    kept: int  # the step whose weights are kept
    start: float  # objective of the random start
    end: float  # objective of the weights kept
    trivial: float  # loss of the best constant prediction; nan when there is none to compare with
    start_gradient: float  # gradient norm over all rows
    end_gradient: float
    last_fall: float  # relative fall of the mean objective over the last tenth of the training
    rate: float  # the last one
    full: bool = True  # every step saw every row
    optimum: float | None = None  # objective of the exact answer
    worst: float = float("nan")  # the largest or first non-finite objective that a step saw
    stable: float | None = None  # 2 / lambda_max, when it was measured
    patience: int = 0
    trivially: str = "always predicting the mean"


def judge(f: Figures) -> Verdict:
    """The verdict that the figures give."""
    figures = asdict(f)
    gained = f.trivial - f.optimum if f.optimum is not None and f.trivial == f.trivial else None
    above = (f.end - f.optimum) if f.optimum is not None else None
    near = above is not None and above <= NEAR_EXACT * max(abs(gained if gained else f.optimum or 0.0), 1e-12)
    flat = f.end_gradient <= NEAR_FLAT * max(f.start_gradient, 1e-12)
    moved = f"from {f.start:.4g} to {f.end:.4g}"

    if f.ended == "interrupted":
        return Verdict(
            "interrupted",
            f"stopped by hand after {f.steps:,} steps ({f.epochs:.3g} epochs); the objective went {moved}.",
            "The weights of the last finished leg are kept; to go further, resume the run or train again.",
            figures,
        )
    if f.ended == "diverged":
        limit = "" if f.stable is None else f" The largest stable rate is about {f.stable:.3g} (2 / lambda_max)."
        return Verdict(
            "diverged",
            f"the objective exploded, from {f.start:.4g} to {f.worst:.4g} at step {f.steps:,} with a rate of "
            f"{f.rate:.4g}.{limit} The weights of step {f.kept:,} are kept.",
            f"Try a rate of {_smaller(f)}, or rate auto, which chooses one by trial runs; standardised columns allow "
            "larger rates.",
            figures,
        )
    if f.end > f.trivial + 1e-6 * abs(f.trivial) + 1e-9 * abs(f.start):
        return Verdict(
            "worse than trivial",
            f"after {f.steps:,} steps the loss is {f.end:.4g}, but {f.trivially} has {f.trivial:.4g}.",
            "Even the exact answer of this model is: give it a bias, or better features."
            if near
            else "Try rate auto, standardised columns, or a loss and output that can express the target.",
            figures,
        )
    if near:
        return Verdict(
            "converged",
            f"the objective went {moved} in {f.steps:,} steps, {_distance(f)} the exact answer's {f.optimum:.4g}.",
            _closer(f, above or 0.0),
            figures,
        )
    if f.ended == "patience":
        return Verdict(
            "converged",
            f"the validation loss has not been lower for {f.patience} evaluations; the weights of step "
            f"{f.kept:,}, where it was lowest, are kept. The objective went {moved}.",
            "A smaller model, a penalty (l2) or more rows may push the turning point further out.",
            figures,
        )
    still = f.end_gradient <= STILL * max(f.start_gradient, 1e-300)
    if f.ended == "plateau" or still or (flat and f.last_fall < 1e-3):
        if above is not None and not near:
            return Verdict(
                "stalled",
                f"the objective went {moved} and no longer falls, yet the exact answer has {f.optimum:.4g}.",
                _unstick(f),
                figures,
            )
        if flat or not f.full:
            hover = "" if flat or f.full else " It hovers at the noise of its batches."
            return Verdict(
                "converged",
                f"the objective went {moved} and no longer falls; the gradient's norm over all rows fell from "
                f"{f.start_gradient:.4g} to {f.end_gradient:.4g}.{hover}",
                "More steps gain nothing; a decaying schedule, such as cosine, or a larger batch lowers the hover."
                if hover
                else "More steps gain nothing on the training rows.",
                figures,
            )
        return Verdict(
            "stalled",
            f"the objective went {moved} and no longer falls, yet the gradient's norm over all rows is "
            f"{f.end_gradient:.4g} (it was {f.start_gradient:.4g} at the start).",
            _unstick(f),
            figures,
        )
    if f.last_fall < HARDLY:
        return Verdict(
            "stalled",
            f"the objective went {moved} in {f.steps:,} steps and hardly falls any more (it {_moved(f.last_fall)} in "
            f"the last tenth of them), yet the gradient's norm over all rows is {f.end_gradient:.4g} (it was "
            f"{f.start_gradient:.4g} at the start).",
            _unstick(f),
            figures,
        )
    gap = "" if above is None else f" The exact answer has {f.optimum:.4g}."
    return Verdict(
        "improving",
        f"the objective went {moved} in {f.steps:,} steps and fell by {100 * max(f.last_fall, 0):.2g}% in the "
        f"last tenth of them.{gap}",
        "Give it more epochs, or a larger rate if it does not get unstable.",
        figures,
    )


def _moved(fall: float) -> str:
    return f"rose by {-100 * fall:.2g}%" if fall < 0 else f"fell by {100 * fall:.2g}%"


def _smaller(f: Figures) -> str:
    if f.stable is not None and f.stable < f.rate:
        return f"{f.stable / 2:.2g}"
    return f"{f.rate / 10:.2g}"


def _distance(f: Figures) -> str:
    above = f.end - (f.optimum or 0.0)
    if not f.optimum:
        return f"{above:.1e} above"
    part = above / abs(f.optimum)
    if part > 1:
        return f"{part:.2g} times itself above"
    return f"{100 * part:.2g}% above" if part >= LEAST else f"less than {100 * LEAST:g}% above"


def _closer(f: Figures, above: float) -> str:
    if above > 1e-4 * abs(f.optimum or 0.0) and not f.full:
        return "The rest is the hover of its batches: a decaying schedule, such as cosine, takes it away."
    return "More steps gain nothing on the training rows; a better fit needs better features or another model."


def _unstick(f: Figures) -> str:
    if f.full:
        return "Try a larger rate, rule momentum, or standardised columns: some directions are much flatter."
    return "Try a decaying schedule, such as cosine, a larger batch or averaged weights: the last ones hover."
