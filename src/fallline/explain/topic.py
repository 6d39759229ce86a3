"""What an explanation is made of, as data: words to define, claims on the record, and measurements to ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fallline.claim import Claim
from fallline.measurement import Figures


@dataclass(frozen=True)
class Define:
    """A word of the glossary, with what it is in this run."""

    word: str


@dataclass(frozen=True)
class Ask:
    """A measurement, and the claims that are told of it.

    claims: names in `fallline.told`, in the order in which they are told.
    options: how the instrument is asked, by the facts of the run.
    own: claims on the figures that are told nowhere else; they come first.
    instead: claims on the record that are told where it can't be measured.
    when: whether to ask at all, by the facts of the run.
    """

    instrument: str
    claims: tuple[str, ...] = ()
    options: Callable[[Figures], dict[str, Any]] = lambda facts: {}
    own: tuple[Claim, ...] = ()
    instead: tuple[Claim, ...] = ()
    when: Callable[[Figures], bool] = lambda facts: True


@dataclass(frozen=True)
class Topic:
    """One leaf of the tree, before a run is looked at. The order of `parts` is the order of the answer."""

    name: str
    step: str
    branch: str
    question: str
    parts: tuple[Define | Claim | Ask, ...]

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Its own claims on the record."""
        instead = [claim for ask in self.asks for claim in ask.instead]
        return tuple([part for part in self.parts if isinstance(part, Claim)] + instead)

    @property
    def asks(self) -> tuple[Ask, ...]:
        """The measurements that it may ask for."""
        return tuple(part for part in self.parts if isinstance(part, Ask))


def known(figures: Figures, *names: str) -> bool:
    """Whether all of these figures are there, and those that are numbers are finite."""
    found = [figures.get(name) for name in names]
    return all(value is not None and not _broken(value) for value in found)


def _broken(value: Any) -> bool:
    return isinstance(value, float) and not float("-inf") < value < float("inf")


def stated(name: str, needs: tuple[str, ...], said: Callable[[Figures], str]) -> Claim:
    """A sentence that only reads out figures: said when they are all known and it is not empty, else left out."""
    return Claim(name, lambda f: True if known(f, *needs) and said(f) else None, said, said)


def claim(
    name: str,
    needs: tuple[str, ...],
    holds: Callable[[Figures], bool],
    said: Callable[[Figures], str],
    measured: Callable[[Figures], str],
) -> Claim:
    """A claim on the record, undecided where one of the figures that it needs is not known."""
    return Claim(name, lambda f: bool(holds(f)) if known(f, *needs) else None, said, measured)


def either(
    name: str,
    needs: tuple[str, ...],
    holds: Callable[[Figures], bool],
    said: Callable[[Figures], str],
    measured: Callable[[Figures], str],
) -> Claim:
    """A claim of which neither case is the usual one."""
    return replace(claim(name, needs, holds, said, measured), usual=False)
