"""How measurements are asked that train again: long enough to see the difference, short enough to wait for."""

from __future__ import annotations

from typing import Any

from fallline.measurement import Figures

STEPS = 2000  # of a trial, at most
WORK = 1.5e9  # rows times parameters that all steps of a trial may look at, about a fifth of a second on one core
SHORT = 200  # steps of a trial of which there are many
LEAST = 40  # steps of a trial, whatever it costs
TELLING = 200  # steps of a trial, however few the run made, unless they cost too much
APART = 3.0  # times: how far the rates of a small grid stand apart


def trial_steps(f: Figures, rows: int) -> int:
    """Steps of a trial whose steps see so many rows: as many as the run made, up to bounds of number and of work."""
    own = max(f.get("steps") or 0, TELLING)
    return int(max(min(own, STEPS, WORK / max(rows * (f.get("parameters") or 1), 1)), LEAST))


def small_batch(f: Figures) -> int:
    """The run's own batch, or 32 rows where each step saw all; never more than there are."""
    return min(32 if f["full"] else int(f["batch"]), f["rows_train"])


def batches(f: Figures) -> dict[str, Any]:
    """compare: the whole set, a batch, one row."""
    sizes = dict.fromkeys(["full", str(small_batch(f)), "1"])
    return {"vary": f"batch={','.join(sizes)}", "steps": trial_steps(f, f["rows_train"])}


def schedules(f: Figures) -> dict[str, Any]:
    """compare: a constant rate, and one that shrinks."""
    own = f["schedule"] if f["schedule"] not in ("constant", "cosine") else None
    names = ["constant", *([own] if own else []), "cosine"]
    return {"vary": f"schedule={';'.join(names)}", "steps": trial_steps(f, f["batch"])}


def rates_and_memory(f: Figures) -> dict[str, Any]:
    """compare: a small grid of rates and of how strongly the past counts."""
    rates = ",".join(f"{f['rate'] * factor:.3g}" for factor in (1 / APART, 1, APART))
    rules = "adam:0,0.999;adam:0.9,0.999" if f["rule"] in ("adam", "adamw") else "plain;momentum:0.9"
    return {"vary": f"rate={rates} x rule={rules}", "steps": trial_steps(f, f["batch"])}


def rate_range(f: Figures) -> dict[str, Any]:
    """rate-range: short trainings, each twice so that luck shows."""
    return {"steps": trial_steps(f, f["batch"]), "seeds": 2}


def capacity(f: Figures) -> dict[str, Any]:
    """capacity: many networks, each with many rates, so that each training is short."""
    return {"steps": min(trial_steps(f, f["batch"]), SHORT)}
