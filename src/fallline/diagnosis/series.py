"""What a noisy series of numbers does: its level in blocks, its noise, its swings, its fall at the end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Series = Float[np.ndarray, "rows"]

TINY = 1e-300


def blocks(values: Series, count: int = 50) -> Series:
    """The means of up to `count` equal stretches; what is left over at the end goes into the last one.

    >>> blocks(np.arange(7.0), 3).tolist()
    [0.5, 2.5, 5.0]
    """
    size = max(1, len(values) // count)
    whole = max(1, len(values) // size)
    edges = np.arange(whole) * size
    lengths = np.diff(np.append(edges, len(values)))
    return np.add.reduceat(values, edges) / lengths if len(values) else values


def noise(values: Series) -> float:
    """The standard deviation of what differs from one value to the next, a trend left out; robust against spikes.

    The median size of second differences over 0.6745 * sqrt(6), which is the standard deviation for normal noise.
    """
    if len(values) < 3:
        return 0.0
    return float(np.median(np.abs(np.diff(values, 2))) / (0.6745 * np.sqrt(6)))


class Tail(NamedTuple):
    """What a series did in its last tenth, against the tenth before."""

    before: float
    last: float
    error: float  # standard error of the difference
    rows: int  # in a tenth

    @property
    def fall(self) -> float:
        """Relative to the level before; negative when it rose."""
        return (self.before - self.last) / max(abs(self.before), TINY)

    @property
    def surely(self) -> float:
        """The fall in standard errors."""
        return (self.before - self.last) / max(self.error, 1e-12 * max(abs(self.before), TINY))


def tail(values: Series, part: float = 0.1) -> Tail:
    """The last tenth of a series and the tenth before; single values where there are fewer than 20."""
    count = max(1, int(len(values) * part))
    before, last = values[-2 * count : -count], values[-count:]
    bends = np.diff(values[-max(4 * count, 8) :], 2)
    spread = float(np.sqrt(np.mean(bends**2) / 6)) if len(bends) else 0.0  # not robust: rare spikes move means too
    return Tail(float(before.mean()), float(last.mean()), spread * np.sqrt(2 / count), count)


class Swings(NamedTuple):
    """How a series goes up and down. turns: share of the places where it turns round."""

    turns: float
    rises: float  # all that it rose, added up
    reach: float  # from its start, or its highest, to its lowest
    width: float  # the middle size of a change from one value to the next


def swings(values: Series) -> Swings:
    """Up and down, between neighbours."""
    change = np.diff(values)
    change = change[change != 0]
    if len(change) < 2:
        return Swings(0.0, 0.0, 0.0, 0.0)
    turned = float(np.mean(np.sign(change[1:]) != np.sign(change[:-1])))
    return Swings(turned, float(change[change > 0].sum()), float(np.ptp(values)), float(np.median(np.abs(change))))


def peaks(values: Series, height: float) -> int:
    """How often the series rises by more than `height` and falls again by as much.

    >>> peaks(np.array([3.0, 0, 2, 0, 2, 1.5, 1.8, 0]), 1.0)
    2
    """
    low = high = values[0] if len(values) else 0.0
    count, rising = 0, False
    for value in values:
        low, high = min(low, value), max(high, value)
        if not rising and value > low + height:
            rising, high = True, value
        elif rising and value < high - height:
            count, rising, low = count + 1, False, value
    return count


def longest(there: np.ndarray) -> tuple[int, int]:
    """First place and length of the longest stretch of True; (0, 0) when there is none.

    >>> longest(np.array([True, False, True, True]))
    (2, 2)
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(int), [0]])))
    if len(edges) == 0:
        return 0, 0
    lengths = edges[1::2] - edges[::2]
    best = int(np.argmax(lengths))
    return int(edges[2 * best]), int(lengths[best])
