"""Who won, and why: the simplest candidate within one standard error of the best.

The rule is that of Breiman, Friedman, Olshen and Stone (Classification and Regression Trees, 1984, section 3.4.3). The
standard error is that of the difference of two candidates: over the validation rows, which both saw, and over the
seeds, which make each of them a little better or worse by luck. One that a simpler candidate beats does not win a tie.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fallline.numbers import count, number
from fallline.shortlist.candidate import EXACT, TRIVIAL, Candidate
from fallline.shortlist.tuning import ranked


class Won(NamedTuple):
    """The winner, the candidate with the lowest loss (often the same), and the sentences that say why."""

    winner: Candidate
    lowest: Candidate
    why: list[str]


def behind(one: Candidate, other: Candidate) -> tuple[float, float]:
    """How much higher the loss of one is than that of the other, and the standard error of that."""
    apart = one.losses - other.losses
    rows = float(apart.std(ddof=1) / math.sqrt(len(apart))) if len(apart) > 1 else 0.0
    seeds = [c.spread / math.sqrt(len(c.validation)) for c in (one, other) if c.spread is not None]
    return one.mean - other.mean, math.hypot(rows, *seeds)


def choose(candidates: list[Candidate], references: list[Candidate]) -> Won | None:
    """The winner among the best of each model; None when all of them diverged."""
    best: dict[str, Candidate] = {}
    for each in ranked([c for c in candidates if np.isfinite(c.mean)]):
        best.setdefault(each.model, each)
    if not best:
        return None
    lowest = next(iter(best.values()))
    beaten = [c for c in best.values() if any(o.parameters <= c.parameters and o.mean < c.mean for o in best.values())]
    tied = [c for c in best.values() if behind(c, lowest)[0] <= behind(c, lowest)[1] and not _in(c, beaten)]
    winner = min(tied, key=lambda c: (c.parameters, c.mean))
    return Won(winner, lowest, _why(winner, lowest, list(best.values()), references))


def _in(candidate: Candidate, others: list[Candidate]) -> bool:
    return any(candidate is other for other in others)


def _why(winner: Candidate, lowest: Candidate, best: list[Candidate], references: list[Candidate]) -> list[str]:
    rows = count(len(winner.losses))
    said = [
        f"{winner.name} won: a mean loss of {number(winner.mean)} on {rows} validation rows, {_over(winner)}.",
    ]
    if winner is not lowest:
        apart, error = behind(winner, lowest)
        said.append(
            f"The lowest was {lowest.name} with {number(lowest.mean)}, but that is only {number(apart)} ± "
            f"{number(error, 2)} (standard error) below, a tie: within one standard error the simpler one wins, "
            f"{_size(winner)} against {_size(lowest)}."
        )
    others = [c for c in best if c is not winner and c is not lowest]
    for other in others[:1]:
        apart, error = behind(other, winner)
        said.append(
            f"Of the other models {other.name} came nearest, with {number(other.mean)}{_against(apart, error)}"
            f"{', and it has ' + _size(other) + ' to ' + _size(winner) if abs(apart) <= error else ''}."
        )
    for other in references:
        name = {TRIVIAL: "Always predicting the same", EXACT: "The exact answer of the linear model"}[other.model]
        apart, error = behind(other, winner)
        said.append(f"{name} has {number(other.mean)}{_against(apart, error)}.")
        if other.model == TRIVIAL and apart <= error:
            said.append("So no candidate is clearly better than a constant: these features hardly tell the target.")
    return said


def _over(winner: Candidate) -> str:
    if winner.spread is None:
        return "with one seed, so that luck can't be told from skill"
    return f"which spreads by {number(winner.spread, 2)} over {len(winner.validation)} seeds (standard deviation)"


def _size(candidate: Candidate) -> str:
    return "1 parameter" if candidate.parameters == 1 else f"{count(candidate.parameters)} parameters"


def _against(apart: float, error: float) -> str:
    if not math.isfinite(apart):
        return ""
    side = "higher" if apart > 0 else "lower"
    tie = "" if abs(apart) > error else ", a tie"
    return f", {number(abs(apart))} ± {number(error, 2)} {side}{tie}"
