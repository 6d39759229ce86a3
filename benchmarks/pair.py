"""A pair of works that do the same, and the table that both do it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

FEATURES = 28


@dataclass(frozen=True)
class Pair:
    """A piece of work that both sides do; `reach` is the ratio ours / theirs that is asked for."""

    name: str
    ours: Callable[[], object]
    theirs: Callable[[], object]
    peer: str
    reach: float
    note: Callable[[float, float], str] = lambda ours, theirs: ""


@cache
def table(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal features and a target that a linear score decides, with noise."""
    random = np.random.default_rng(0)
    X = random.normal(size=(rows, FEATURES)).astype(np.float32)
    y = X @ random.normal(size=FEATURES).astype(np.float32) + random.normal(size=rows).astype(np.float32)
    return X, (y > 0).astype(np.float32)
