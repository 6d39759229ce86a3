"""What the loss curves of several trials say: who settled, how high who hovers, who came first by what count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from fallline.fit import SetUp
from fallline.instruments.varied import Varied
from fallline.measurement import Figures
from fallline.shortcut import as_parameters
from fallline.step import objective
from fallline.stopping import WORSE
from fallline.training import Training

LAST = 0.2  # of the way: where a trial ends up is judged by its last fifth
FEWEST = 4  # looks in the last fifth: with fewer nothing is said of it
SETTLED = 1e-3  # of the fall since the start: what the loss may still move; less can't be seen in a picture of it
TREND = 2.0  # standard errors: a smaller trend is none
HALF = 0.5  # of the largest fall: trials that fell less than that don't take part in a race to a common level


class Curves(NamedTuple):
    """The losses of one trial along its way."""

    name: str
    step: np.ndarray  # [points]
    rows: np.ndarray  # [points]
    loss: np.ndarray  # [seeds, points]
    held: np.ndarray | None  # [seeds, points]

    @property
    def diverged(self) -> bool:
        """It ended, with some seed, nowhere, or far higher than it began."""
        return not bool((self.loss[:, -1] <= WORSE * (np.abs(self.loss[:, 0]) + 1e-12)).all())

    @property
    def last(self) -> np.ndarray:
        """[seeds, points of the last fifth]"""
        return self.loss[:, self.step >= (1 - LAST) * self.step[-1]]


def curves_of(frame: pl.DataFrame, names: Sequence[str]) -> list[Curves]:
    """A frame of trials as curves, in the order of the names."""
    found = []
    for name in names:
        mine = frame.filter(pl.col("trial") == name)
        seeds = mine["seed"].n_unique()
        loss, held = (mine[column].to_numpy().reshape(seeds, -1) for column in ("loss", "validation_loss"))
        step, rows = (mine[column].to_numpy()[: loss.shape[1]] for column in ("step", "rows"))
        found.append(Curves(name, step, rows, loss, None if mine["validation_loss"].null_count() else held))
    return found


def figures_of(
    training: Training, varied: list[Varied], curves: list[Curves], made: list[SetUp], each: Sequence[float | None]
) -> Figures:
    """The figures of a comparison; a list has an entry for each trial, None where it is not known.

    vary, values (the trials' names), grid, seeds, rows, rows_of (those that losses are taken over), held_rows, steps,
    rows_seen, batches, rates, rates_found, us_per_step, condensed (its steps look at few rows that have the loss of
    all), start, end, late (mean loss over the last fifth), wobble (its standard deviation there), floor and
    floor_is ("exact" or "lowest"), hover (late above the floor), states (see `state_of`),
    level (a loss that all in the race reached), to_updates, to_rows, to_seconds (until then), held, held_spread
    (over seeds), best (the lowest on held-out rows), best_clear (by more than seeds differ; None with one seed).
    """
    floor, floor_is = _floor(training, varied, curves)
    late = [None if c.diverged else float(c.last.mean()) for c in curves]
    falls = [float(c.loss.mean(axis=0)[0] - c.loss.mean(axis=0).min()) for c in curves if not c.diverged]
    level = _level(curves, max(falls, default=0.0))
    reached = [None if level is None else _reached(c, level) for c in curves]
    return {
        "vary": " x ".join(v.name for v in varied),
        "values": [c.name for c in curves],
        "grid": len(varied) == 2,
        "seeds": len(curves[0].loss),
        "rows": len(training.judged().share),
        "rows_of": len(training.ready.whole.share),
        "steps": [int(c.step[-1]) for c in curves],
        "rows_seen": [int(c.rows[-1]) for c in curves],
        "batches": [ready.walk.batches.size for ready in made[: len(curves)]],
        "rates": [float(ready.rate) for ready in made[: len(curves)]],
        "rates_found": any(v.name in ("rule", "model") for v in varied) and all(v.name != "rate" for v in varied),
        "us_per_step": [None if s is None else 1e6 * s for s in each[: len(curves)]],
        "condensed": [ready.condensed for ready in made[: len(curves)]],
        "start": [_number(c.loss[:, 0].mean()) for c in curves],
        "end": [None if c.diverged else _number(c.loss[:, -1].mean()) for c in curves],
        "late": late,
        "wobble": [None if c.diverged else float(c.last.std(axis=1).mean()) for c in curves],
        "floor": floor,
        "floor_is": floor_is,
        "hover": [None if one is None or floor is None else one - floor for one in late],
        "states": [state_of(c) for c in curves],
        "level": level,
        "to_updates": [None if at is None else at[0] for at in reached],
        "to_rows": [None if at is None else at[1] for at in reached],
        "to_seconds": [
            None if at is None or s is None else at[0] * s for at, s in zip(reached, each, strict=False)
        ],
    } | _held_out(training, curves)  # fmt: skip


def state_of(c: Curves) -> str:
    """Where a loss is in its last fifth: settled, hovers, falling, rising, diverged; short where it can't be told."""
    if c.diverged:
        return "diverged"
    if c.last.shape[1] < FEWEST:
        return "short"
    moves = np.diff(c.last, axis=1)
    fall = (c.loss[:, 0] - c.loss.min(axis=1)).mean()
    if np.ptp(c.last, axis=1).max() <= SETTLED * fall:
        return "settled"
    # a trend is what the halves of the last fifth differ by, beyond what the moves between looks let expect
    half = c.last.shape[1] // 2
    trend = float((c.last[:, -half:].mean(axis=1) - c.last[:, :half].mean(axis=1)).mean())
    error = float(np.sqrt((moves**2).mean() / (half * len(c.last))))
    if abs(trend) <= TREND * error:
        return "hovers"
    return "falling" if trend < 0 else "rising"


def _floor(training: Training, varied: list[Varied], curves: list[Curves]) -> tuple[float | None, str]:
    """The lowest loss there is, where it is known, else the lowest that was seen."""
    seen = np.concatenate([c.loss.ravel() for c in curves])
    lowest = float(np.min(seen, where=np.isfinite(seen), initial=np.inf))
    exact, parts = training.ready.exact, training.parts
    if exact is None or getattr(parts.penalty, "l2", 0.0) or any(each.name == "model" for each in varied):
        return (lowest if np.isfinite(lowest) else None), "lowest"
    least = float(objective(parts, as_parameters(exact, training.start), training.judged()))
    return (least, "exact") if least <= lowest else (lowest, "lowest")  # it is exact for all rows, not for some


def _level(curves: list[Curves], largest: float) -> float | None:
    """The lowest mean loss of the one that came least far, of those with half of the largest fall or more."""
    means = [c.loss.mean(axis=0) for c in curves if not c.diverged]
    able = [float(mean.min()) for mean in means if mean[0] - mean.min() >= max(HALF * largest, 1e-300)]
    return max(able) if able else None


def _reached(c: Curves, level: float) -> tuple[float, float] | None:
    """Updates and rows until the mean loss is first no higher than the level, with a line between two looks."""
    mean = c.loss.mean(axis=0)
    below = np.flatnonzero(mean <= level)
    if c.diverged or not len(below):
        return None
    at = int(below[0])
    if at == 0:
        return 0.0, 0.0
    part = (mean[at - 1] - level) / (mean[at - 1] - mean[at]) if np.isfinite(mean[at - 1]) else 1.0
    steps, rows = (float(v[at - 1] + part * (v[at] - v[at - 1])) for v in (c.step, c.rows))
    return steps, rows


def _held_out(training: Training, curves: list[Curves]) -> Figures:
    """Who ended lowest on the held-out rows; on the training rows where there are none."""
    there = all(c.held is not None for c in curves)
    ends = [np.asarray(c.held if there else c.loss)[:, -1] for c in curves]
    ends = [np.where(np.isfinite(end) & (not c.diverged), end, np.inf) for c, end in zip(curves, ends, strict=True)]
    order = sorted(range(len(ends)), key=lambda place: ends[place].mean())
    part = training.part("validation") if there else None
    clear = None
    if len(ends) > 1 and len(ends[0]) > 1 and np.isfinite(ends[order[0]]).all():
        clear = clearly_lower(ends[order[0]], ends[order[1]])
    return {
        "held_rows": 0 if part is None else len(part.share),
        "held": [_number(end.mean()) for end in ends],
        "held_spread": [_number(end.std(ddof=1)) if len(end) > 1 and np.isfinite(end).all() else None for end in ends],
        "best": curves[order[0]].name if np.isfinite(ends[order[0]]).all() else None,
        "best_clear": clear,
    }


def clearly_lower(low: np.ndarray, high: np.ndarray) -> bool:
    """Whether one of two paired series, a pair a seed, is lower by more than the seeds differ.

    That is so when the mean of the differences is more than two of its standard errors, or when all seeds agree and
    it is more than one. What is not finite counts as infinitely high.

    >>> clearly_lower(np.array([1.0, 1.1]), np.array([2.0, 2.2])), clearly_lower(np.array([1.0, 2.0]), np.ones(2))
    (True, False)
    """
    low, high = (np.where(np.isfinite(a), a, np.inf) for a in (low, high))
    if np.isinf(low).any():
        return False
    if np.isinf(high).any():
        return bool((low < high).all())
    apart = high - low
    if len(apart) < 2:
        return False
    error = apart.std(ddof=1) / np.sqrt(len(apart))
    return bool(apart.mean() > 2 * error or ((apart > 0).all() and apart.mean() > error))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
