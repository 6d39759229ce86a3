"""The story of a run: its trace told in time order, every sentence with its steps and figures. No JAX, no table.

The loss is cut into a few straight stretches (`segments.py`), told by `chapters.py`; what happens beside them is found
by `events.py`. A story has at most 12 chapters.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fallline.explain.chapters import curve_of, stretches
from fallline.explain.events import oscillation, spikes, turning
from fallline.explain.explanation import Chapter
from fallline.explain.parts import STOPPED
from fallline.explain.rate_events import rate_changes
from fallline.explain.recorded import column
from fallline.numbers import count, number
from fallline.stopping import good_steps

MOST = 12  # chapters
SHORT = 5  # steps before a divergence that are too few to cut
FEWEST_STRETCHES = 3  # that are left to the loss however much happens beside it
ORDER = ("start", "divergence", "rate rise", "rate drop")  # of what begins at one step; the others follow, stop last


def story(run: Any) -> list[Chapter]:
    """What happened in a run, in time order. `run` is anything with a trace; the rest is told where it is known."""
    trace = run.trace
    if trace.is_empty():
        return [Chapter("stop", 0, 0, "No step was recorded.", {})]
    loss = column(trace, "loss")
    gradient = column(trace, "gradient_norm") if "gradient_norm" in trace.columns else None
    full = _full(run, trace)
    good = _good(loss, run.verdict.state == "diverged")
    curve = curve_of(loss[:good], None if gradient is None else gradient[:good], full)
    beside = [_start(run, loss)]
    if good < len(loss):
        beside.append(_divergence(run, loss, good))
    if good:
        beside += spikes(curve) + oscillation(curve, _parameters(trace, good))
        beside += turning(getattr(run, "evaluations", None), loss[:good])
    if "rate" in trace.columns:
        beside += rate_changes(column(trace, "rate"), loss)
    stop = _stop(run, len(loss))
    short = good < len(loss) and good < SHORT
    told = [] if short else stretches(curve, max(MOST - len(beside) - 1, FEWEST_STRETCHES))
    return [*sorted(beside + told, key=_place), stop]


def _place(chapter: Chapter) -> tuple[int, int, int]:
    kind = ORDER.index(chapter.kind) if chapter.kind in ORDER else len(ORDER)
    return chapter.first, kind, -chapter.last


def _full(run: Any, trace: Any) -> bool:
    """Every step saw every row."""
    if "epoch" in trace.columns:
        return bool(abs(trace["epoch"][0] - 1.0) < 1e-9)
    return bool(run.settings["batch"] == "full")


def _parameters(trace: Any, good: int) -> np.ndarray | None:
    if "parameters" not in trace.columns or trace["parameters"].null_count():
        return None
    found = trace["parameters"].head(good).to_numpy()
    return found if np.isfinite(found).all() else None


def _good(loss: np.ndarray, diverged: bool) -> int:
    """How many steps come before the loss leaves for good: all, unless it exploded."""
    broken = np.flatnonzero(~np.isfinite(loss))
    end = int(broken[0]) if len(broken) else len(loss)
    if not diverged and end == len(loss):
        return end
    near = good_steps(loss[:end], float(loss[0]))
    under = np.flatnonzero(loss[:near] <= loss[0])
    return int(under[-1]) + 1 if len(under) else 0


def _start(run: Any, loss: np.ndarray) -> Chapter:
    known = getattr(run, "start", None)
    start: dict[str, Any] = known if isinstance(known, dict) else {}
    figures: dict[str, Any] = {"first_loss": float(loss[0])}
    if not np.isfinite(loss[0]):
        return Chapter("start", 1, 1, "Step 1: its loss is not a finite number.", figures)
    said = f"Step 1: its rows have a loss of {number(loss[0])} at the start"
    if start.get("loss") is not None and start.get("trivial_loss") == start.get("trivial_loss") is not None:
        figures |= {"start_loss": start["loss"], "trivial_loss": start["trivial_loss"]}
        said += (
            f"; all training rows have {number(start['loss'])}, and {start['trivial']} would have "
            f"{number(start['trivial_loss'])}"
        )
    return Chapter("start", 1, 1, said + ".", figures)


def _divergence(run: Any, loss: np.ndarray, good: int) -> Chapter:
    rest = loss[good:]
    finite = rest[np.isfinite(rest)]
    broken = np.flatnonzero(~np.isfinite(loss))
    first, last = good + 1, len(loss)
    worst = float(finite.max()) if len(finite) else None
    begin = float(loss[max(good - 1, 0)])
    figures: dict[str, Any] = {"loss_from": begin if np.isfinite(begin) else None, "worst": worst}
    not_finite = int(broken[0]) + 1 if len(broken) else None
    figures["not_finite_from"] = not_finite
    said = [f"went from {number(begin)} to {number(worst)}"] if worst is not None and np.isfinite(begin) else []
    said += [f"is not a finite number from step {count(not_finite)} on"] if not_finite is not None else []
    steps = f"Step {count(first)}" if first == last else f"Steps {count(first)} to {count(last)}"
    rate = run.trace["rate"][-1] if "rate" in run.trace.columns else None
    with_rate = f" with a rate of {number(rate)}" if rate is not None else ""
    text = f"{steps}: divergence, the loss {' and '.join(said)}{with_rate}."
    return Chapter("divergence", first, last, text, figures)


def _stop(run: Any, steps: int) -> Chapter:
    figures = run.verdict.figures
    ended = figures.get("ended")
    known = {"ended": ended, "kept": figures.get("kept"), "state": run.verdict.state}
    if ended is None:
        return Chapter("stop", steps, steps, f"Step {count(steps)}: the record ends here.", known)
    text = f"Step {count(steps)}: the training stopped, because {STOPPED.get(ended, 'it ended')}."
    if figures.get("kept") is not None and figures["kept"] != steps:
        text += f" The weights of step {count(figures['kept'])} are kept."
    return Chapter("stop", steps, steps, f"{text} Verdict: {run.verdict.state}.", known)
