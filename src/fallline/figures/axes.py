"""Axes and levels that several figures share: steps along the bottom, an honest scale up the side."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt
import numpy as np

from fallline.figures.theme import haloed

DECADES = 2  # a scale is logarithmic only where the values span more
CLOSE = 0.25  # of the largest value: values that lie closer together than this get an axis that need not start at 0
BELOW = 100  # times the lowest level: single steps further below it than this are cut off a logarithmic axis


def is_finite(value: float | None) -> bool:
    """Whether there is a number, and a finite one."""
    return value is not None and bool(np.isfinite(value))


def levels_of(*series: Iterable[float | None]) -> np.ndarray:
    """All finite numbers of some series."""
    values = np.array([v for s in series for v in s if v is not None], float)
    return values[np.isfinite(values)]


def value_scale(level: np.ndarray, every: np.ndarray) -> alt.Scale:
    """The scale up the side.

    Logarithmic when all values are positive and span more than two decades; else from 0, unless they lie so close
    together that nothing could be seen.

    Args:
        level: what the eye follows (means, validation, levels drawn across).
        every: the values of single steps too.
    """
    every = np.concatenate([level, every])
    if not len(every):
        return alt.Scale()
    lowest, highest = every.min(), every.max()
    base = level.min() if len(level) else lowest
    if lowest > 0 and highest > base * 10**DECADES:
        return alt.Scale(type="log", domain=[max(lowest, base / BELOW) * 0.8, highest * 1.25], nice=False)
    close = highest - lowest < CLOSE * max(abs(highest), abs(lowest))
    return alt.Scale(zero=not close, padding=8)


def is_log(scale: alt.Scale) -> bool:
    """Whether a scale from `value_scale` is logarithmic."""
    return scale.to_dict().get("type") == "log"


def y_axis(field: str, title: str, scale: alt.Scale) -> alt.Y:
    """A measured value up the side; the title says when the scale is logarithmic."""
    log = is_log(scale)
    axis = alt.Axis(format="~g" if log else ",~r", tickCount=6, labelOverlap="greedy")
    return alt.Y(field, scale=scale, axis=axis, title=f"{title}, logarithmic" if log else title)


def step_axis(field: str = "step:Q") -> alt.X:
    """Steps along the bottom."""
    axis = alt.Axis(format=",d", tickMinStep=1, labelOverlap="greedy")
    return alt.X(field, title="step (one update of the weights)", scale=alt.Scale(nice=False, zero=False), axis=axis)


def rule_across(value: float, words: str, colour: str, *, dash: list[int], above: bool) -> list[alt.LayerChart]:
    """A level drawn across the whole figure, with its words at the right end, above or below it."""
    base = alt.Chart(alt.InlineData(values=[{"level": value, "words": words}]))
    line = base.mark_rule(color=colour, strokeWidth=1.5, strokeDash=dash).encode(y="level:Q")
    at_end = base.encode(y="level:Q", x=alt.value("width"), text="words:N")
    return [alt.layer(line), haloed(at_end, colour, align="right", dx=-2, dy=-9 if above else 11)]


def rule_upright(step: float, words: str, colour: str) -> list[alt.LayerChart]:
    """A step marked from top to bottom, with its words at the top, to the left."""
    base = alt.Chart(alt.InlineData(values=[{"step": step, "words": words}]))
    line = base.mark_rule(color=colour, strokeWidth=1.5, strokeDash=[2, 3]).encode(x="step:Q")
    at_top = base.encode(x="step:Q", y=alt.value(0), text="words:N")
    return [alt.layer(line), haloed(at_top, colour, align="right", baseline="top", dx=-6, dy=4)]
