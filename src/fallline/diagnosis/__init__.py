"""What is wrong with a run, why, and the fix that was tried: symptoms (one predicate each), remedies, trials.

`diagnose` examines a run, `diagnose_history` another trainer's log. Neither needs JAX once a run's checkup is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fallline.diagnosis.diagnosis import Diagnosis, Symptom, Tried

__all__ = ["Diagnosis", "Symptom", "Tried", "diagnose", "diagnose_history"]

SEEDS = (0, 1, 2)


def diagnose(run: Any, *, tried: bool = False, seeds: Sequence[int] = SEEDS) -> Diagnosis:
    """Everything that is wrong with a run, with evidence; what was checked, and what could not be.

    Args:
        run: a `Run`. Its checkup is read from its folder, or made now when the table is at hand.
        tried: whether candidate fixes are carried out beside an unchanged control.
        seeds: of those trials.

    Raises: RunError when a fix is to be tried and the run's table is not at hand.
    """
    from fallline.diagnosis.detector import examine
    from fallline.diagnosis.look import look_at_run
    from fallline.diagnosis.symptoms import DETECTORS

    found = examine(look_at_run(run), DETECTORS)
    if not tried or found.healthy:
        return found
    from fallline.diagnosis.remedies import try_remedies

    return replace(found, tried=try_remedies(run.training, found.symptoms, seeds=seeds))


def diagnose_history(source: Any) -> Diagnosis:
    """The same for a bare loss curve: a log file, a data frame, or columns by name. Fewer things can be checked.

    Raises: DataError when no column is a loss.

    >>> found = diagnose_history({"epoch": range(1, 7), "loss": [1.0, 1.9, 7.0, 90.0, 3e4, float("nan")]})
    >>> [symptom.id for symptom in found.symptoms]
    ['diverged']
    """
    from fallline.diagnosis.detector import examine
    from fallline.diagnosis.history import look_at_history
    from fallline.diagnosis.symptoms import DETECTORS

    return examine(look_at_history(source), DETECTORS)
