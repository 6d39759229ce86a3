"""What the trials of many rates show: a bracket of good ones or none, how it was tested, where the run stands."""

from __future__ import annotations

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number


def _trials(f: Figures) -> str:
    seeds = "1 seed" if f["seeds"] == 1 else f"{count(f['seeds'])} seeds"
    said = f"{count(f['trials'])} trainings of {count(f['steps'])} updates ({seeds} each rate)"
    if f["steps"] < f["steps_of"]:
        said += f", where the run made {count(f['steps_of'])}"
    if f["trained_rows"] < f["rows_of"]:
        said += f", on {count(f['trained_rows'])} of {count(f['rows_of'])} rows"
    return said


def _bracket(f: Figures) -> str:
    edge = f["lowest_diverged"]
    above = (
        f" From {number(edge, 3)} on some diverged, or ended above the start."
        if edge is not None
        else " No rate above them that was tried diverged."
    )
    return (
        f"Good rates lie from {number(f['low'], 3)} to {number(f['high'], 3)}, by {_trials(f)}: there the loss fell "
        f"from {number(f['start'])} to {number(f['best_loss'])}, or at most {number(f['tolerance'], 2)} above it."
        f"{above}"
    )


WHY = {
    "start": lambda f: f"no rate that stayed clear of divergence ended below the start, a loss of {number(f['start'])}",
    "seeds": lambda f: (
        f"with the best rate, {number(f['best'], 3)}, the loss fell by {number(f['start'] - f['best_loss'], 3)}, but "
        f"from seed to seed it differs by {number(f['noise'], 3)} (standard deviation)"
    ),
    "fresh": lambda f: (
        f"rates from {number(f['low'], 3)} to {number(f['high'], 3)} looked good, but with fresh seeds they did not "
        "come out so"
    ),
}


def _validated(f: Figures) -> str:
    broke = f["fresh_diverged"]  # or ended above its start
    return (
        f"{count(f['fresh_rates'])} rates inside the bracket were tried with {_fresh_seeds(f)} that had no part in "
        f"finding it: {count(f['fresh_good'])} of them came out as good, and "
        f"{'no training' if broke == 0 else '1 training' if broke == 1 else f'{count(broke)} trainings'} diverged or "
        "ended above the start"
    )


def _fresh_seeds(f: Figures) -> str:
    return "1 seed" if f["seeds"] == 1 else f"{count(f['seeds'])} seeds"


def _limit(f: Figures) -> str:
    start, end = f["stable_start"], f["stable_end"]
    where = (
        f"{number(start, 3)} at the start and {number(end, 3)} where training ended"
        if start is not None and end is not None
        else number(f["stable_rate"], 3)
    )
    formula = "2 / λ" if f["rule"] == "plain" else "what momentum makes of 2 / λ"
    return (
        f"A quadratic with the largest curvature λ found here bears rates up to {formula}: {where}. The bracket ends "
        f"at {number(f['high'], 3)}"
    )


def _below(f: Figures) -> bool | None:
    return None if f["stable_rate"] is None or f["high"] is None else f["high"] <= f["stable_rate"]


def _inside(f: Figures) -> bool | None:
    return f["low"] <= f["run_rate"] <= f["high"] if f["reliable"] else None


def _outside(f: Figures) -> str:
    side = "below" if f["run_rate"] < f["low"] else "above"
    times = f["low"] / f["run_rate"] if side == "below" else f["run_rate"] / f["high"]
    return (
        f"The run's rate of {number(f['run_rate'], 3)} lies {side} the bracket from {number(f['low'], 3)} to "
        f"{number(f['high'], 3)}, {number(times, 2)} times beyond its end."
    )


CLAIMS = (
    Claim(
        "bracket",
        lambda f: f["reliable"],
        _bracket,
        lambda f: f"No rate is reliable, by {_trials(f)}: {WHY[f['why']](f)}.",
    ),
    Claim(
        "validated",
        lambda f: f["validated"],
        lambda f: f"{_validated(f)}.",
        lambda f: f"{_validated(f)}: the bracket did not stand the test.",
    ),
    Claim(
        "run-inside",
        _inside,
        lambda f: (
            f"The run's rate of {number(f['run_rate'], 3)} lies in the bracket from {number(f['low'], 3)} to "
            f"{number(f['high'], 3)}."
        ),
        _outside,
    ),
    Claim(
        "below-stable-limit",
        _below,
        lambda f: f"{_limit(f)}, below it: what the trials say agrees with what the curvature says.",
        lambda f: (
            f"{_limit(f)}, above it: here the loss is no such quadratic throughout, so that the trials, not the "
            "curvature, say what works."
        ),
    ),
)
