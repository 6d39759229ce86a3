"""The stretches of a run as chapters: fast falls, slow falls, plateaus, hovers and rises, told with their figures."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fallline.explain.explanation import Chapter
from fallline.explain.segments import noise_of, points_of, segments
from fallline.numbers import count, number

FLAT = 0.03  # of the whole fall: a stretch that changes by less is flat
HARDLY = 0.01  # in log loss, about 1 %: flat whatever the whole fall is
FAST, SLOW = 2.0, 0.5  # times the run's mean pace
ENDS = 0.2  # of a stretch, at most, at either end of it, whose mean is the level there
FEW = 200  # steps of that mean, at most
SURE = 3.0  # standard errors: a stretch whose change is less than its noise could make is flat


class Curve(NamedTuple):
    """The finite part of a trace, as arrays of steps; `flow` is what is cut: log loss where that can be taken."""

    loss: Float[np.ndarray, "steps"]
    flow: Float[np.ndarray, "steps"]
    gradient: Float[np.ndarray, "steps"] | None
    full: bool  # every step sees every row: no noise of batches


def curve_of(loss: np.ndarray, gradient: np.ndarray | None, full: bool) -> Curve:
    """The loss as a curve to cut: its logarithm when it is always above 0, else itself in units of its own height."""
    if len(loss) and loss.min() > 0:
        return Curve(loss, np.log(loss), gradient, full)
    height = float(np.ptp(loss)) if len(loss) else 0.0
    return Curve(loss, loss / height if height > 0 else np.zeros_like(loss), gradient, full)


def stretches(curve: Curve, most: int) -> list[Chapter]:
    """The curve's stretches as chapters; neighbours of one kind are one."""
    parts = segments(curve.flow, most)
    kinds = [_kind(curve, parts, place) for place in range(len(parts))]
    chapters, first = [], 0
    for place in range(len(parts)):
        if place + 1 == len(parts) or kinds[place + 1] != kinds[first]:
            chapters.append(_chapter(curve, kinds[first], parts[first][0], parts[place][1]))
            first = place + 1
    return chapters


def _levels(values: np.ndarray, first: int, last: int, full: bool) -> tuple[float, float, int]:
    """The value at either end of a stretch, and of how many steps it is the mean."""
    some = 1 if full else max(1, min(FEW, int(ENDS * (last - first + 1))))
    return float(values[first : first + some].mean()), float(values[last - some + 1 : last + 1].mean()), some


def _kind(curve: Curve, parts: list[tuple[int, int]], place: int) -> str:
    first, last = parts[place]
    flow, steps = curve.flow, len(curve.flow)
    smooth = points_of(flow).value
    fall = float(smooth.max() - smooth.min())
    begin, end = _line(flow[first : last + 1])
    noise = 0.0 if curve.full else noise_of(flow)
    chance = SURE * noise * (12 / (last - first + 1)) ** 0.5  # deviation of a fitted line's change by noise alone
    flat = max(FLAT * fall, HARDLY)
    falls_later = any(min(_line(flow[a : b + 1])) < min(begin, end) - flat for a, b in parts[place + 1 :])
    if abs(end - begin) <= flat or (abs(end - begin) <= chance and not falls_later):
        return "plateau" if falls_later or noise < HARDLY else "hover"
    if end > begin:
        return "rise"
    pace = ((begin - end) / max(last - first, 1)) / max(fall / steps, 1e-300)
    if len(parts) == 1 or SLOW <= pace <= FAST:
        return "steady fall"
    return "fast fall" if pace > FAST else "slow fall"


def _line(values: np.ndarray) -> tuple[float, float]:
    """The ends of the straight line nearest to the values."""
    if len(values) < 2:
        return float(values[0]), float(values[0])
    t = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(t @ values / (t @ t))
    middle = float(values.mean())
    return middle + slope * t[0], middle + slope * t[-1]


def _chapter(curve: Curve, kind: str, first: int, last: int) -> Chapter:
    begin, end, some = _levels(curve.loss, first, last, curve.full)
    inside = curve.loss[first : last + 1]
    figures: dict[str, Any] = {
        "loss_from": begin,
        "loss_to": end,
        "mean_of_steps": some,
        "loss_middle": float(np.median(inside)),
        "loss_low": float(np.quantile(inside, 0.25)),
        "loss_high": float(np.quantile(inside, 0.75)),
    }
    gradient = ""
    if curve.gradient is not None and np.isfinite(curve.gradient[first : last + 1]).all():
        g_from, g_to, _ = _levels(curve.gradient, first, last, curve.full)
        figures |= {"gradient_norm_from": g_from, "gradient_norm_to": g_to}
        gradient = _gradient(g_from, g_to)
    said = f"{when(first + 1, last + 1)}: {_said(kind, figures, last - first + 1)}{gradient}{_mean_of(some)}."
    return Chapter(kind, first + 1, last + 1, said, figures)


def _said(kind: str, f: dict[str, Any], steps: int) -> str:
    a, b = number(f["loss_from"]), number(f["loss_to"])
    if kind == "hover":
        return (
            f"the loss hovers about {number(f['loss_middle'])}, and no longer falls; half of the batches lie between "
            f"{number(f['loss_low'])} and {number(f['loss_high'])}"
        )
    if kind == "plateau":
        return f"a plateau, the loss stayed near {a}" + (f" (in the end {b})" if a != b else "")
    words = {
        "fast fall": "a fast fall, the loss fell",
        "slow fall": "a slow fall, the loss fell",
        "steady fall": "a steady fall, the loss fell",
        "rise": "a rise, the loss rose",
    }
    if (f["loss_to"] > f["loss_from"]) != (kind == "rise"):
        return f"an uneven stretch, the loss went from {a} to {b}"
    return f"{words[kind]} from {a} to {b}"


def _gradient(begin: float, end: float) -> str:
    a, b = number(begin, 3), number(end, 3)
    if a == b:
        return f"; the gradient's norm stayed at {a}"
    return f"; the gradient's norm {'fell' if end < begin else 'rose'} from {a} to {b}"


def _mean_of(some: int) -> str:
    return f" (means over {count(some)} steps)" if some > 1 else ""


def when(first: int, last: int) -> str:
    """Step 7, or steps 40 to 310."""
    return f"Step {count(first)}" if first == last else f"Steps {count(first)} to {count(last)}"
