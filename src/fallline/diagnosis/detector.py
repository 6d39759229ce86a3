"""A detector: one predicate for one symptom, what it needs, and which other symptoms would explain what it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fallline.diagnosis.diagnosis import Diagnosis, Symptom
from fallline.diagnosis.look import Look


@dataclass(frozen=True)
class Detector:
    """id: the symptom's name. find: what is wrong, or None. needs: names of needs in `look.py`.

    after: symptoms that would be its cause. When one of them is found, this one is a consequence and not accused.
    """

    id: str
    find: Callable[[Look], Symptom | None]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def examine(look: Look, detectors: Iterable[Detector]) -> Diagnosis:
    """Ask every detector whose needs are met, in their order: causes before consequences, the gravest first."""
    found: dict[str, Symptom] = {}
    checked: list[str] = []
    not_checked: dict[str, str] = {}
    for detector in detectors:
        why = next((why for why in map(look.lacks, detector.needs) if why), None)
        if why is not None:
            not_checked[detector.id] = why
            continue
        checked.append(detector.id)
        symptom = detector.find(look)
        if symptom is not None and not any(cause in found for cause in detector.after):
            found[detector.id] = symptom
    return Diagnosis(list(found.values()), checked, not_checked)
