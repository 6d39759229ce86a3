"""Fine-tuning by successive halving: many variants for few steps, the better half for twice as many, and so on.

Karnin, Koren and Somekh, Almost Optimal Exploration in Multi-Armed Bandits (2013); Jamieson and Talwalkar (2016) for
training. Each round costs about as much as the one before, and most of it goes to the variants that do well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from fallline.settings import hidden_of
from fallline.shortlist.candidate import Candidate, described

TUNED = 2  # models whose variants are tried
RATES = (1 / 3, 1.0, 3.0)  # times the rate that was found
SCHEDULES = ("cosine", "constant")
PENALTIES = (1e-3, 1e-2)  # l2
WIDTHS = (0.5, 2.0)  # times the units of every hidden layer
LEFT = 2  # variants that the last round compares


def variants(candidate: Candidate) -> Iterator[Candidate]:
    """The candidate with its rate and schedule varied together, then its penalty, then the width of its layers."""
    settings, rate = candidate.settings, candidate.rate
    assert settings is not None
    assert rate is not None
    for schedule in SCHEDULES:
        for times in RATES:
            yield _variant(candidate, rate * times, schedule=schedule)
    for l2 in PENALTIES:
        yield _variant(candidate, rate, l2=settings.l2 + l2)
    hidden = hidden_of(settings)
    for times in WIDTHS if hidden else ():
        units = ",".join(str(max(1, round(n * times))) for n in hidden)
        yield _variant(candidate, rate, model=f"mlp:{units}")


def _variant(candidate: Candidate, rate: float, **changed: object) -> Candidate:
    settings = candidate.settings.model_copy(update=changed)  # pyright: ignore[reportOptionalMemberAccess]
    return replace(candidate, model=settings.model, settings=settings, rate=rate, words=described(settings, rate))


def ranked(candidates: list[Candidate]) -> list[Candidate]:
    """The best first: by the mean loss over the seeds, the smaller model where that is equal."""
    return sorted(candidates, key=lambda c: (c.mean if np.isfinite(c.mean) else np.inf, c.parameters))


def all_variants(best: list[Candidate]) -> list[Candidate]:
    """The variants of all of them, each once."""
    found: dict[tuple, Candidate] = {}
    for candidate in best:
        for each in variants(candidate):
            s = each.settings
            found.setdefault((each.model, each.rate, s.schedule, s.l2), each)  # pyright: ignore[reportOptionalMemberAccess]
    return list(found.values())


def halve(
    candidates: list[Candidate], steps: int, walk: Callable[[Candidate, int, int], Candidate]
) -> Iterator[list[Candidate]]:
    """What each round came to, the best first; `walk` takes a candidate, its steps and its round, from 1."""
    number = 1
    while True:
        done = ranked([walk(candidate, steps, number) for candidate in candidates])
        yield done
        if len(done) <= LEFT:
            return
        candidates, steps, number = done[: max(LEFT, len(done) // 2)], 2 * steps, number + 1
