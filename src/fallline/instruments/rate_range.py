"""Which learning rates are good: the final loss of many whole trainings, and a bracket rather than a point.

A rate is good when its trainings end about as low as the best, with every seed, and well below those that diverge.
Whether that is worth anything is put to the test by trainings inside the bracket with seeds that had no part in finding
it. "None is reliable" is an answer: nothing got lower than the start, or the seeds differ more than the rates do, or
fresh seeds don't bear it out. On a quadratic the plain rule diverges above 2 / lambda_max, momentum above
2 (1 + BETA) / lambda_max (Cohen et al., 2021, appendix B): a check that knows nothing of the trials.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
import polars as pl

from fallline.instruments.spectrum import ends
from fallline.instruments.trials import Trial, try_out
from fallline.measurement import Figures, Measurement
from fallline.rules import Rule
from fallline.survey import Rows
from fallline.training import Training
from fallline.types import Parameters

RATES = 16  # of a round; all rounds are of one shape, and so of one compiled call
WIDEST = (1e-8, 1e2)  # of the first round, 4.6 times apart; the second looks closer
CLOSER = 6.0  # times the best rate of the first round, up and down: as far as the second goes
BEHIND_FALL, BEHIND_LOSS = 0.02, 0.05  # of the best one's fall, and of its loss: what a good rate may end above it
SEEN = (
    1e-3  # of the best one's fall: less can't be seen in a picture, so that a good rate may always end that far above
)
EDGE = 2.0  # times: a good rate is at most the lowest that diverged, over this; the edge of stability is no place to be
BORNE_OUT = 0.9  # of the rates tried inside the bracket must come out as good with fresh seeds
STEPS = 2000  # of a trial, at most
SECONDS, FEWEST, ROWS = 1.5, 40, 256  # all trials together, about; steps and rows of a trial whatever they cost


class Round(NamedTuple):
    """Trials of some rates, each with the same seeds."""

    rates: np.ndarray  # [rates]
    start: np.ndarray  # [seeds] loss before the first step
    loss: np.ndarray  # [rates, seeds] at the end, infinite where it diverged


def measure_rate_range(training: Training, *, steps: int | None, seeds: int) -> Measurement:
    """The bracket of good rates.

    A trial counts as diverged when its loss ends not finite or above its start.

    Returns: a frame of rate, seed, loss (null where it is not finite), diverged, and kind ("found", or "validated": a
    trial inside the bracket with a fresh seed). Figures: reliable, why (not: "start", "seeds" or "fresh"), low and
    high (of the bracket), best (the rate), best_loss, start (median losses), tolerance, noise (standard deviation over
    seeds at the best rate), lowest_diverged, validated, fresh_rates, fresh_good, fresh_diverged, fresh_worst, run_rate,
    rule, full, stable_start, stable_end (2 / lambda_max, or what it is for momentum; None for other rules), stable_rate
    (the smaller), trials, seeds, steps, steps_of (the run's), trained_rows, rows, rows_of.
    """
    count = max(seeds, 1)
    length, rows = _bounded(training, steps, RATES * count * 3)
    first = training.ready.settings.seed
    found_by, fresh = [first + n for n in range(count)], [first + count + n for n in range(count)]

    def walk(rates: np.ndarray, seeds: list[int]) -> Round:
        settings = training.ready.settings
        trials = [Trial(f"{n}", settings, float(rate)) for n, rate in enumerate(rates)]
        seen, _ = try_out(training, trials, seeds=seeds, steps=length, points=1, rows=rows)
        losses = seen["loss"].to_numpy().reshape(len(rates), len(seeds), -1)
        end, start = losses[:, :, -1], losses[0, :, 0]
        return Round(rates, start, np.where(np.isfinite(end) & (end <= start), end, np.inf))

    coarse = walk(np.geomspace(*WIDEST, RATES), found_by)
    near = coarse.rates[np.argmin(np.median(coarse.loss, axis=1))]
    fine = walk(near * np.geomspace(1 / CLOSER, CLOSER, RATES), found_by)
    rates, loss = np.concatenate([coarse.rates, fine.rates]), np.concatenate([coarse.loss, fine.loss])
    upwards = np.argsort(rates)
    found = Round(rates[upwards], coarse.start, loss[upwards])
    figures = bracket(found)
    frames = [_frame(found, found_by, "found")]
    if figures["low"] is not None:
        inside = walk(np.geomspace(figures["low"], figures["high"], RATES), fresh)
        figures |= borne_out(figures, inside)
        frames.append(_frame(inside, fresh, "validated"))
    trained = len((rows or training.ready.rows).weight)
    asked = {"steps": length, "steps_of": training.steps, "trained_rows": trained, "seeds": count}
    sizes = {"rows": len(training.judged().share), "rows_of": len(training.ready.whole.share)}
    asked |= {"trials": sum(map(len, frames)), "run_rate": training.ready.rate, "rule": training.ready.settings.rule}
    asked["full"] = training.ready.walk.batches.full
    return Measurement("rate-range", pl.concat(frames), figures | asked | sizes | _stable(training))


def bracket(found: Round) -> Figures:
    """The good rates about the best one; None of them where nothing can be relied on. `found.rates` go upwards."""
    middle = np.median(found.loss, axis=1)
    every = found.loss.max(axis=1)
    start = float(np.median(found.start))
    place = int(np.argmin(middle))
    broken = np.flatnonzero(np.isinf(every) & (found.rates > found.rates[place]))
    edge = float(found.rates[broken[0]]) if len(broken) else None
    stable = np.isfinite(every) & (found.rates <= (np.inf if edge is None else edge / EDGE))
    figures: Figures = {
        "reliable": False, "why": None, "low": None, "high": None, "best": None, "best_loss": None, "start": start,
        "tolerance": None, "noise": None, "lowest_diverged": edge, "validated": None, "fresh_rates": 0,
        "fresh_good": None, "fresh_diverged": None, "fresh_worst": None,
    }  # fmt: skip
    if not (stable & (middle < start)).any():
        return figures | {"why": "start"}
    place = int(np.argmin(np.where(stable, middle, np.inf)))
    noise = float(found.loss[place].std(ddof=1)) if found.loss.shape[1] > 1 else 0.0
    fall = start - float(middle[place])
    tolerance = max(min(BEHIND_FALL * fall, BEHIND_LOSS * abs(float(middle[place]))), SEEN * fall, noise)
    figures |= {"best": float(found.rates[place]), "best_loss": float(middle[place])}
    figures |= {"tolerance": tolerance, "noise": noise}
    if noise >= fall:
        return figures | {"why": "seeds"}
    good = stable & (middle <= middle[place] + tolerance)
    low = high = place
    while low > 0 and good[low - 1]:
        low -= 1
    while high + 1 < len(good) and good[high + 1]:
        high += 1
    return figures | {"low": float(found.rates[low]), "high": float(found.rates[high])}


def borne_out(figures: Figures, inside: Round) -> Figures:
    """Whether trials inside the bracket come out as good with seeds that had no part in finding it.

    As good: not more than twice the tolerance above the best that was found, or that they themselves have.
    """
    middle = np.median(inside.loss, axis=1)
    good = middle <= max(figures["best_loss"], float(middle.min())) + 2 * figures["tolerance"]
    diverged = int(np.isinf(inside.loss).sum())
    validated = diverged == 0 and bool(good.mean() >= BORNE_OUT)
    worst = float(middle.max())
    return {
        "validated": validated,
        "reliable": validated,
        "why": None if validated else "fresh",
        "fresh_rates": len(middle),
        "fresh_good": int(good.sum()),
        "fresh_diverged": diverged,
        "fresh_worst": worst if np.isfinite(worst) else None,
    }


def _bounded(training: Training, steps: int | None, lanes: int) -> tuple[int, Rows | None]:
    """Steps of a trial, and fewer rows where every step would see all of very many."""
    ready = training.ready
    size = sum(np.size(leaf) for leaf in jax.tree.leaves(training.start))
    seen = len(ready.table.share) if ready.walk.batches.full else ready.walk.batches.size
    each = 1.5e-10 * size * lanes  # seconds a step and row; and about 1e-6 a step and trial: as measured on one core
    length = steps if steps is not None else min(training.steps or STEPS, STEPS)
    affordable = SECONDS / (1e-6 * lanes + each * seen)
    if affordable >= length or not ready.walk.batches.full or ready.condensed:
        return (length if steps is not None else int(max(min(length, affordable), min(FEWEST, length)))), None
    length = length if steps is not None else min(length, 10 * FEWEST)
    keep = int(np.clip((SECONDS / length - 1e-6 * lanes) / each, min(ROWS, seen), seen))
    if keep == len(ready.rows.weight):
        return length, None
    some = np.linspace(0, len(ready.rows.weight) - 1, keep).round().astype(int)
    return length, Rows(*jax.tree.map(lambda a: np.asarray(a)[some], tuple(ready.rows)))


def _frame(found: Round, seeds: list[int], kind: str) -> pl.DataFrame:
    losses = found.loss.ravel()
    return pl.DataFrame(
        {
            "rate": np.repeat(found.rates, len(seeds)),
            "seed": np.tile(seeds, len(found.rates)),
            "loss": pl.Series([float(v) if np.isfinite(v) else None for v in losses], dtype=pl.Float64),
            "diverged": ~np.isfinite(losses),
            "kind": [kind] * len(losses),
        }
    )


def _stable(training: Training) -> Figures:
    """The largest stable rate on a quadratic that bends as the objective does at the start, and in the end."""
    times = _allowed(training.parts.rule)

    def limit(parameters: Parameters) -> float | None:
        if times is None:
            return None
        top = float(ends(training.parts, parameters, training.judged(), 1e-4).largest)
        return 2 * times / top if np.isfinite(top) and top > 0 else None

    start, end = limit(training.start), limit(training.kept)
    known = [rate for rate in (start, end) if rate is not None]
    return {"stable_start": start, "stable_end": end, "stable_rate": min(known, default=None)}


def _allowed(rule: Any) -> float | None:
    """The rule's largest stable rate as a multiple of 2 / lambda_max; None where no such limit is known."""
    if not isinstance(rule, Rule) or rule.clip is not None:
        return None
    beta = rule.numbers[0] if rule.numbers else 0.9
    return {"plain": 1.0, "momentum": 1 + beta, "nesterov": (1 + beta) / (1 + 2 * beta)}.get(rule.name)
