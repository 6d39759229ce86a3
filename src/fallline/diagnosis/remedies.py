"""Candidate remedies for each symptom, as small data, and their trial beside an unchanged control.

A remedy is a change of settings, mostly of one; "/10" and "*8" are relative to what the run had. None is advised
before it was tried: see `try_remedies`. No JAX is needed to know them, only to try them.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from fallline.diagnosis.diagnosis import Symptom, Tried
from fallline.numbers import count, number

if TYPE_CHECKING:
    from fallline.instruments.remedy import Outcome
    from fallline.training import Training

Remedy = dict[str, Any]  # setting -> value

LEAVE_OUT, BEST = "leave_out", "best"
SCALED: tuple[Remedy, ...] = ({"standardize": True}, {"standardize": True, "rate": "auto"})
ADAM: Remedy = {"rule": "adam", "rate": "auto"}  # a rate means something else to another rule
REMEDIES: dict[str, tuple[Remedy, ...]] = {
    "diverged": ({"rate": "auto"}, {"rate": "/10"}, {"clip": 1.0}, *SCALED),
    "oscillating": ({"rate": "/3"}, {"rule": "momentum:0.9", "rate": "/10"}, {"rate": "auto"}),
    "rate-too-small": ({"rate": "*10"}, {"rate": "auto"}, {"rate": "*100"}),
    "rate-too-large": ({"rate": "/3"}, {"rate": "/10"}, {"rate": "auto"}, {"schedule": "cosine"}),
    "saturated": ({"activation": "relu"}, {"init": "auto"}, *SCALED, {"rate": "/10"}),
    "vanishing-gradient": ({"activation": "relu"}, {"activation": "relu", "init": "he"}, {"init": "auto"}, ADAM),
    "exploding-gradient": ({"clip": 1.0}, {"rate": "/10"}, {"init": "auto"}, *SCALED),
    "dead-units": ({"activation": "gelu"}, {"activation": "tanh"}, {"rate": "/10"}, {"init": "auto"}),
    "badly-scaled": (*SCALED, ADAM),
    "noise-floor": ({"schedule": "cosine"}, {"batch": "*8"}, {"average": "tail"}, {"rate": "/10"}),
    "stopped-early": ({"steps": "*4"}, {"rate": "*3"}, {"rate": "auto"}),
    "overfitting": ({"steps": BEST}, {"l2": "more"}, {"model": "smaller"}),
    "too-weak": ({"model": "wider", "rate": "auto"},),
    "worse-than-trivial": ({"rate": "auto"}, {"bias": True}, *SCALED, {"loss": "auto", "output": "auto"}),
    "unlearnable": (),  # no setting finds what is not in the columns
    "loss-metric-disagree": (),  # another loss or measure has to be chosen, and which one is no matter of trials
    "target-scale": SCALED,
    "class-imbalance": ({"class_weight": "balanced"},),
    "constant-feature": ({LEAVE_OUT: None},),
    "duplicate-feature": ({LEAVE_OUT: None},),
    "leaking-feature": ({LEAVE_OUT: None},),
    "symmetric-start": ({"init": "auto"},),
    "wrong-output": ({"output": "auto"}, {"loss": "auto", "output": "auto"}),
}
MOST = 8  # remedies tried, the first of each symptom before the second of any


def candidates(symptoms: Sequence[str | Symptom], most: int = MOST) -> list[Remedy]:
    """The remedies worth a trial, those of the gravest symptom first; columns to leave out are the evidence's.

    >>> candidates(["rate-too-small", "noise-floor"], 3)
    [{'rate': '*10'}, {'schedule': 'cosine'}, {'rate': 'auto'}]
    """
    each = [_with_columns(symptom) for symptom in symptoms]
    found: list[Remedy] = []
    for turn in range(max(map(len, each), default=0)):
        for remedies in each:
            if turn < len(remedies) and remedies[turn] not in found:
                found.append(remedies[turn])
    return found[:most]


def _with_columns(symptom: str | Symptom) -> list[Remedy]:
    name = symptom if isinstance(symptom, str) else symptom.id
    evidence = {} if isinstance(symptom, str) else symptom.evidence
    columns = list(evidence.get("columns") or [second for _, second in evidence.get("pairs") or []])
    found = [{LEAVE_OUT: columns} if LEAVE_OUT in remedy else remedy for remedy in REMEDIES.get(name, ())]
    return [remedy for remedy in found if remedy.get(LEAVE_OUT) != []]


def try_remedies(
    training: Training, symptoms: Sequence[str | Symptom], *, seeds: Sequence[int] = (0, 1, 2), most: int = MOST
) -> list[Tried]:
    """Carry out candidate remedies as trial runs, each beside the unchanged control: same seeds, same batches.

    Args:
        symptoms: what was found, the gravest first. A column can be left out only where a Symptom's evidence names it.

    Returns: those that could be tried, best first by what they did to the held-out loss. A remedy has helped only when
        it was better by more than the seeds differ.
    """
    from fallline.engine import precision
    from fallline.instruments.remedy import carry_out

    names = [symptom if isinstance(symptom, str) else symptom.id for symptom in symptoms]
    with precision(training.ready.settings.precision):
        outcomes = carry_out(
            training, candidates(symptoms, most), seeds=list(seeds), balanced="class-imbalance" in names
        )
    ranked = sorted(outcomes, key=lambda outcome: (not outcome.helped, _mean(outcome.losses)))
    return [
        Tried(o.name, o.losses, o.control, list(seeds), o.helped, _text(o, "leaking-feature" in names)) for o in ranked
    ]


def _mean(losses: list[float]) -> float:
    return fmean(losses) if losses else float("inf")


def _text(o: Outcome, leaks: bool) -> str:
    after = f"{o.measure} was {_loss(o.losses)} with it and {_loss(o.control)} without"
    seeds = "with 1 seed" if len(o.losses) == 1 else f"on average over {count(len(o.losses))} seeds"
    length = "" if o.steps >= o.steps_of else f", in trials of {count(o.steps)} updates where the run made more"
    if leaks and o.name.startswith("leave out"):
        return (
            f"{o.name}: {after}, {seeds}{length}. If those columns are not known before the target is, the loss "
            "without them is the one to believe."
        )
    said = "helped" if o.helped else "did not help" if _worse(o) else "did not help by more than seeds differ"
    return f"{o.name} {said}: {after}, {seeds}{length}."


def _worse(o: Outcome) -> bool:
    return not _mean(o.losses) < _mean(o.control)


def _loss(losses: list[float]) -> str:
    mean = _mean(losses)
    if mean < float("inf"):
        return number(mean)
    broke = sum(loss == float("inf") for loss in losses)
    return "not finite (diverged)" if broke == len(losses) else f"not finite ({count(broke)} of {count(len(losses))})"
