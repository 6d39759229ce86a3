"""Curves as one line of text, for the terminal."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

BARS = "▁▂▃▄▅▆▇█"
WIDE = 40  # signs


def sparkline(values: np.ndarray, wide: int = WIDE) -> str:
    """A curve as bars; on a logarithmic scale where it is above 0 throughout. × stands for what is not finite.

    >>> sparkline(np.array([1.0, 2.0, 4.0, 8.0]))
    '▁▃▆█'
    """
    values = np.asarray(values, float)
    if len(values) > wide:
        edges = np.linspace(0, len(values), wide + 1).astype(int)
        values = np.array([values[a:b].mean() for a, b in pairwise(edges)])
    finite = np.isfinite(values)
    if not finite.any():
        return "×" * len(values)
    shown = values[finite]
    shown = np.log(shown) if shown.min() > 0 else shown
    height = float(np.ptp(shown))
    place = np.zeros(len(values), int)
    place[finite] = ((shown - shown.min()) / height * (len(BARS) - 1)).round().astype(int) if height > 0 else 0
    return "".join(BARS[p] if ok else "×" for p, ok in zip(place, finite, strict=True))
