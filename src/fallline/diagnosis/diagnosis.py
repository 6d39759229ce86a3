"""What a diagnosis is: the symptoms with their evidence, what was looked at and what was not, and what was tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Symptom:
    """Something wrong.

    steps: first and last step that show it, or None when it is no matter of steps.
    evidence: the figures that the rule looked at. rule: the rule with its threshold. source: where the rule is from.
    text: the finding in plain words, with the figures in it.
    """

    id: str
    text: str
    evidence: dict[str, Any]
    rule: str
    source: str
    steps: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "id": self.id,
            "text": self.text,
            "steps": self.steps,
            "evidence": self.evidence,
            "rule": self.rule,
            "source": self.source,
        }


@dataclass(frozen=True)
class Tried:
    """One remedy, carried out beside an unchanged control: the held-out losses, a pair for each seed."""

    remedy: str  # such as "rate=0.05"
    held_out_loss: list[float]  # of each seed
    control_loss: list[float]
    seeds: list[int]
    helped: bool  # better than the control by more than the seeds differ
    text: str

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return dict(vars(self))


@dataclass(frozen=True)
class Diagnosis:
    """symptoms, the gravest first; checked: ids that were; not_checked: {id: why not}; tried: best first."""

    symptoms: list[Symptom]
    checked: list[str]
    not_checked: dict[str, str]
    tried: list[Tried] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Nothing that was checked is wrong."""
        return not self.symptoms

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "symptoms": [symptom.to_json() for symptom in self.symptoms],
            "checked": self.checked,
            "not_checked": [{"id": name, "why": why} for name, why in self.not_checked.items()],
            "tried": [each.to_json() for each in self.tried],
            "healthy": self.healthy,
        }
