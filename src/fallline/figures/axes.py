"""Axes and levels that several figures share: steps along the bottom, an honest scale up the side."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import altair as alt
import numpy as np

from fallline.figures.theme import halo

DECADES = 2  # a scale is logarithmic only where the values span more
CLOSE = 0.25  # of the largest value: values that lie closer together than this get an axis that need not start at 0
BELOW = 100  # times the lowest level: single steps further below it than this are cut off a logarithmic axis
ROOM = 0.07  # of the axis: words need about this much


@dataclass(frozen=True)
class Range:
    """The values that an axis spans, and how."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies: 0 at the bottom, 1 at the top."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def scale(self) -> alt.Scale:
        """As Vega-Lite has it."""
        domain = [self.low, self.high]
        return alt.Scale(type="log", domain=domain, nice=False) if self.log else alt.Scale(domain=domain, nice=False)

    def ticks(self) -> list[float]:
        """Where a logarithmic axis has its numbers."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        apart = next(n for n in (1, 2, 5, 10, 20, 50, 100, 200) if (last - first) <= 8 * n)
        parts = (1, 2, 5) if last - first <= 2 else (1,)
        ticks = [part * 10.0**power for power in range(first - first % apart, last + 1, apart) for part in parts]
        return [float(f"{tick:.0e}") for tick in ticks if self.low <= tick <= self.high]

    def format(self) -> str:
        """How the numbers along it are written: powers of ten where plain digits would be long."""
        size = max(abs(self.low), abs(self.high))
        return ",.4~r" if 1e-4 <= size < 1e8 and not self.log else ",~g" if self.log else ".3~g"


def is_finite(value: float | None) -> bool:
    """Whether there is a number, and a finite one."""
    return value is not None and bool(np.isfinite(value))


def levels_of(*series: Iterable[float | None]) -> np.ndarray:
    """All finite numbers of some series."""
    values = np.array([v for s in series for v in s if v is not None], float)
    return values[np.isfinite(values)]


def range_of(level: np.ndarray, every: np.ndarray | None = None) -> Range:
    """The range of measured values.

    Logarithmic when all values are positive and span more than two decades; else from 0, unless they lie so close
    together that nothing could be seen.

    Args:
        level: what the eye follows (means, validation, levels drawn across).
        every: the values of single steps too.
    """
    every = level if every is None else np.concatenate([level, every])
    level = level if len(level) else every
    low, high = float(every.min()), float(every.max())
    base = float(level.min())
    if low > 0 and high > base * 10**DECADES:
        return Range(max(low, base / BELOW) * 0.8, high * 1.25, log=True)
    width = high - low
    if width < CLOSE * max(abs(high), abs(low)):
        beside = 0.08 * width or 0.5 * abs(high) or 1.0
        return Range(low - beside if width else min(low, 0.0), high + beside)
    return Range(low - 0.05 * width if low < 0 else 0.0, high + 0.05 * width if high > 0 else 0.0)


def y_axis(field: str, title: str, span: Range) -> alt.Y:
    """A measured value up the side; the title says when the axis is logarithmic or has no 0."""
    if span.log:
        title += ", logarithmic"
    elif span.low > 0 or span.high < 0:
        title += ", not from 0"
    axis = alt.Axis(format=span.format(), tickCount=6, labelOverlap="greedy", labelSeparation=6)
    if span.log:
        axis = alt.Axis(format=span.format(), values=span.ticks())
    return alt.Y(field, scale=span.scale(), axis=axis, title=title)


def step_axis(field: str = "step:Q") -> alt.X:
    """Steps along the bottom, from 0: the random start."""
    axis = alt.Axis(format=",d", tickMinStep=1, tickCount=7, labelOverlap="greedy", labelSeparation=6)
    scale = alt.Scale(nice=False, zero=True)
    return alt.X(field, title="step (one update of the weights)", scale=scale, axis=axis)


def rule_across(value: float, words: str, colour: str, *, dash: list[int], above: bool) -> list[alt.Chart]:
    """A level drawn across the whole figure, with its words at the right end, above or below it."""
    base = alt.Chart(alt.InlineData(values=[{"level": value, "words": words}]))
    line = base.mark_rule(color=colour, strokeWidth=1.5, strokeDash=dash).encode(y="level:Q")
    at_end = base.encode(y="level:Q", x=alt.value("width"), text="words:N")
    return [line, *halo(at_end, colour, align="right", dx=-2, dy=-9 if above else 11)]


def rule_upright(step: float, words: str, colour: str, *, left: bool) -> list[alt.Chart]:
    """A step marked from top to bottom, with its words beside it, below where rising lines end."""
    base = alt.Chart(alt.InlineData(values=[{"step": step, "words": words}]))
    line = base.mark_rule(color=colour, strokeWidth=1.5, strokeDash=[2, 3]).encode(x="step:Q")
    beside = base.encode(x="step:Q", y=alt.YValue({"expr": "0.7 * height"}), text="words:N")
    return [line, *halo(beside, colour, align="right" if left else "left", dx=-6 if left else 6)]
