"""What an explanation is: a question, an answer that follows its measurements, and the way to measure them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fallline.claim import Sentence
from fallline.measurement import Measurement

STEPS = ("problem", "data", "model", "deployment")  # of a project


@dataclass(frozen=True)
class Explanation:
    """One leaf of the tree.

    answer: the sentences in order; one whose claim did not hold says what was measured instead.
    evidence: the measurements that they quote; none where the run's own record is enough.
    commands: what measures them again.
    missing: what could not be measured, and why; empty when all was.
    """

    name: str
    step: str  # one of STEPS
    branch: str  # of the step, such as "the gradient"
    question: str
    answer: tuple[Sentence, ...]
    evidence: tuple[Measurement, ...] = ()
    commands: tuple[str, ...] = ()
    missing: str = ""

    def to_json(self) -> dict[str, Any]:
        """All but the frames."""
        return {
            "name": self.name,
            "step": self.step,
            "branch": self.branch,
            "question": self.question,
            "answer": [{"claim": s.claim, "text": s.text, "holds": s.holds, "usual": s.usual} for s in self.answer],
            "evidence": [measurement.to_json() for measurement in self.evidence],
            "commands": list(self.commands),
            "missing": self.missing,
        }


@dataclass(frozen=True)
class Chapter:
    """Some steps of a run in which one thing happened: its sentence, and the figures in it."""

    kind: str  # such as "plateau"
    first: int
    last: int
    text: str
    figures: dict[str, Any]
