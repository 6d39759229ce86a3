"""A claim: a sentence that a measurement may contradict. The sentence follows the measurement, never the reverse."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fallline.measurement import Figures


@dataclass(frozen=True)
class Claim:
    """What is expected, how to tell whether it holds, and what to say in either case.

    holds: True or False by the figures; None when they can't tell, and then nothing is said.
    usual: whether it is what one expects. Where neither case is (a model with a penalty, or without), none is marked.
    """

    name: str
    holds: Callable[[Figures], bool | None]
    said: Callable[[Figures], str]  # when it holds
    measured: Callable[[Figures], str]  # when it does not: what was measured instead
    usual: bool = True


@dataclass(frozen=True)
class Sentence:
    """What was said of a claim, and whether it held."""

    claim: str
    text: str
    holds: bool
    usual: bool = True

    @property
    def otherwise(self) -> bool:
        """Whether it tells of something that one would expect differently."""
        return self.usual and not self.holds


def tell(claims: Iterable[Claim], figures: Figures) -> list[Sentence]:
    """A sentence for each claim that the figures can decide.

    >>> up = Claim("up", lambda f: f["b"] > f["a"], lambda f: f"up to {f['b']}", lambda f: f"down to {f['b']}")
    >>> [sentence.text for sentence in tell([up], {"a": 1, "b": 0})]
    ['down to 0']
    """
    sentences = []
    for claim in claims:
        holds = claim.holds(figures)
        if holds is not None:
            said = claim.said if holds else claim.measured
            sentences.append(Sentence(claim.name, said(figures), bool(holds), claim.usual))
    return sentences
