"""Questions that turn the tool round: what will the next step do? Their answers follow from the record of the run.

A question is data, so that the command line and a page can ask it. Which steps it is about depends on the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fallline.explain import asking, asking_rates
from fallline.explain.question import Question

MAKERS: tuple[Callable[[Any, np.random.Generator], Question | None], ...] = (
    asking.random_start,
    asking.next_step,
    asking.next_stretch,
    asking.level,
    asking_rates.which_rate,
    asking_rates.which_curve,
    asking.new_weight,
    asking.held_out,
)
ROUNDS = 20  # of all kinds, at most
USUAL = 5  # questions


def questions(run: Any, seed: int = 0, most: int = USUAL) -> list[Question]:
    """Up to `most` questions about a run, of as many kinds as can be asked; fewer where the record gives no more."""
    draw = np.random.default_rng(seed)
    found: list[Question] = []
    for _ in range(ROUNDS):
        for make in MAKERS:
            question = make(run, draw)
            if question is not None and all(question.text != other.text for other in found):
                found.append(question)
            if len(found) >= most:
                return found
    return found
