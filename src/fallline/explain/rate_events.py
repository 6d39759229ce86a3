"""What the schedule does in a run: where it lowers the rate at once, and where it lets it slide."""

from __future__ import annotations

from typing import Any

import numpy as np

from fallline.explain.chapters import when
from fallline.explain.explanation import Chapter
from fallline.numbers import count, number

DROP = 0.95  # a rate that falls below this part of the rate before it, and by much more than in the steps about it
SUDDEN = 10.0  # times as much, has dropped rather than slid
SLID = 0.9  # of its largest: a rate that goes lower has been shrunk


def rate_changes(rate: np.ndarray, loss: np.ndarray) -> list[Chapter]:
    """Where the schedule lowered or raised the rate."""
    if len(rate) < 2 or not np.isfinite(rate).all() or rate.min() < 0:
        return []
    change = np.abs(np.diff(rate))
    about = np.maximum(np.append(0.0, change[:-1]), np.append(change[1:], 0.0))
    jumps = np.flatnonzero((rate[1:] < DROP * rate[:-1]) & (change > SUDDEN * about)) + 1
    if len(jumps):
        return _jumps(rate, loss, jumps)
    top, found = int(rate.argmax()), []
    if rate[0] < SLID * rate[top]:
        found.append(_slide("rate rise", rate, 0, top))
    if rate[top:].min() < SLID * rate[top]:
        found.append(_slide("rate drop", rate, top, len(rate) - 1))
    return found


def _slide(kind: str, rate: np.ndarray, first: int, last: int) -> Chapter:
    a, b = float(rate[first]), float(rate[last])
    did = "raised" if kind == "rate rise" else "lowered"
    text = (
        f"{when(first + 1, last + 1)}: the schedule {did} the rate little by little, from {number(a)} to {number(b)}."
    )
    return Chapter(kind, first + 1, last + 1, text, {"rate_from": a, "rate_to": b})


def _jumps(rate: np.ndarray, loss: np.ndarray, jumps: np.ndarray) -> list[Chapter]:
    if len(jumps) > 2:
        first, last = int(jumps[0]), int(jumps[-1])
        a, b = float(rate[first - 1]), float(rate[last])
        text = (
            f"{when(first + 1, last + 1)}: the schedule lowered the rate {count(len(jumps))} times, "
            f"from {number(a)} to {number(b)}."
        )
        return [Chapter("rate drop", first + 1, last + 1, text, {"drops": len(jumps), "rate_from": a, "rate_to": b})]
    return [_jump(rate, loss, int(at)) for at in jumps]


def _jump(rate: np.ndarray, loss: np.ndarray, at: int) -> Chapter:
    a, b = float(rate[at - 1]), float(rate[at])
    some = min(50, at, len(loss) - at)
    figures: dict[str, Any] = {"rate_from": a, "rate_to": b}
    seen = ""
    if some > 0:
        figures |= {
            "loss_before": float(loss[at - some : at].mean()),
            "loss_after": float(loss[at : at + some].mean()),
        }
        steps = f"{count(some)} steps" if some > 1 else "step"
        seen = (
            f"; the loss was {number(figures['loss_before'])} in the {steps} before it and "
            f"{number(figures['loss_after'])} in the {steps} from it on"
        )
    text = f"Step {count(at + 1)}: the schedule lowered the rate from {number(a)} to {number(b)}{seen}."
    return Chapter("rate drop", at + 1, at + 1, text, figures)
