"""The same start and seed with one thing varied, all at once: what the change does, and what it costs.

A loss is looked at over all training rows (20,000 of them at most) along the way, so that a small batch is judged by
the same rows as a large one. What is counted on the way is threefold: updates, rows seen, and seconds.
"""

from __future__ import annotations

import jax
import numpy as np
import polars as pl

from fallline.errors import SettingsError, unknown
from fallline.fit import SetUp
from fallline.instruments.compared import curves_of, figures_of
from fallline.instruments.memory import memory_figures, twins_of
from fallline.instruments.trials import POINTS, Trial, seconds_a_step, try_out
from fallline.instruments.varied import Varied, cells, parse
from fallline.measurement import Measurement
from fallline.settings import batch_size
from fallline.training import Training

STEPS = 2000  # updates of a trial, at most, unless asked otherwise
EPOCHS = 50  # of trials with different batches, at most, unless the training itself had more
FEWEST = 50  # updates of a trial, whatever they cost
SECONDS = 1.0  # that all trials together should take, about
RATES = ("found", "own")
ORDER = ["trial", "seed", "step", "epoch", "rows", "seconds", "loss", "validation_loss"]


def measure_compare(training: Training, *, vary: str | None, rates: str, steps: int | None, seeds: int) -> Measurement:
    """Trials that differ in one setting, or a grid of two: their losses along the way.

    Trials with different batches see the same number of rows, all others make the same number of updates, unless
    `steps` says how many updates each makes. They have the training's own rate, except those whose rule or model
    differs: each of these has the rate that trials of its own find for it, unless `rates` is "own". A rule that finds
    its own rate needs none.

    Returns: a frame of trial, seed, step, epoch, rows (seen), seconds (null in a grid), loss and validation_loss; of
    a grid also a, b (the values) and twin (the trial that this one was made to be compared with, see `memory.py`).
    Figures: see `compared.figures_of`, and `memory.memory_figures` of a grid.

    Raises: SettingsError for what can't be varied.
    """
    varied = parse(vary)
    if rates not in RATES:
        raise SettingsError(unknown("choice of rates", rates, RATES))
    chosen = cells(training, varied, own=rates == "own")
    twins = twins_of(varied, chosen)
    trials = [cell.trial for cell in chosen] + [twin.trial for twin in twins]
    drawn = [training.ready.settings.seed + n for n in range(max(seeds, 1))]
    if varied[0].name == "seed":
        trials, drawn = trials[:1], [int(value) for value in varied[0].values]
    lengths = _lengths(training, trials, varied, steps, len(drawn))
    frame, made = _walk_all(training, trials, lengths, drawn)
    if varied[0].name == "seed":
        frame = frame.with_columns(pl.col("seed").cast(pl.String).alias("trial"))
        made, lengths = made * len(drawn), lengths * len(drawn)
    each = [None] * len(made) if len(varied) == 2 else _seconds(made, lengths)
    names = [cell.trial.name for cell in chosen]
    known = {
        "trial": names + [twin.trial.name for twin in twins],
        "each": each,
        "a": [cell.values[0] for cell in chosen] + [twin.values[0] for twin in twins],
        "b": [cell.values[-1] for cell in chosen] + [twin.values[-1] for twin in twins],
        "twin": [None] * len(chosen) + [twin.of for twin in twins],
    }
    beside = pl.DataFrame(known, schema_overrides={"each": pl.Float64, "twin": pl.String})
    frame = frame.join(beside, on="trial", how="left", maintain_order="left")
    frame = frame.with_columns((pl.col("step") * pl.col("each")).alias("seconds"))
    curves = curves_of(frame, names)
    figures = figures_of(training, varied, curves, made, each)
    figures["rates_found"] = figures["rates_found"] and rates == "found"
    if len(varied) == 2:
        figures |= memory_figures(varied, chosen, curves, twins, curves_of(frame, [t.trial.name for t in twins]))
    return Measurement("compare", frame.select(ORDER + (["a", "b", "twin"] if len(varied) == 2 else [])), figures)


def _lengths(training: Training, trials: list[Trial], varied: list[Varied], steps: int | None, seeds: int) -> list[int]:
    """The updates of each trial."""
    if steps is not None:
        return [steps] * len(trials)
    rows = len(training.ready.rows.weight)
    sizes = [batch_size(trial.settings, rows) for trial in trials]
    parameters = sum(np.size(leaf) for leaf in jax.tree.leaves(training.start))
    cost = [seeds * (1e-6 + 1.5e-10 * size * parameters) for size in sizes]  # of an update, measured on one core
    if any(each.name == "batch" for each in varied):
        own = training.steps * training.ready.walk.batches.size / rows
        epochs = SECONDS / sum(one * rows / size for one, size in zip(cost, sizes, strict=True))
        seen = float(np.clip(epochs, 1, max(own, EPOCHS))) * rows
        return [max(1, round(seen / size)) for size in sizes]
    most = min(training.steps or STEPS, STEPS)
    return [int(np.clip(SECONDS / sum(cost), min(FEWEST, most), most))] * len(trials)


def _walk_all(
    training: Training, trials: list[Trial], lengths: list[int], seeds: list[int]
) -> tuple[pl.DataFrame, list[SetUp]]:
    """The frames of all trials, those of one length at once, and how each was set up with the first seed."""
    frames, made = {}, {}
    for length in sorted(set(lengths)):
        same = [place for place, own in enumerate(lengths) if own == length]
        seen, tried = try_out(
            training, [trials[p] for p in same], seeds=seeds, steps=length, points=min(POINTS, length)
        )
        for place, first in zip(same, tried[:: len(seeds)], strict=True):
            frames[place], made[place] = seen.filter(pl.col("trial") == trials[place].name), first.ready
    every = range(len(trials))
    return pl.concat([frames[place] for place in every]), [made[place] for place in every]


def _seconds(made: list[SetUp], lengths: list[int]) -> list[float]:
    """What an update of each trial takes; trials of the same parts and batch are timed once."""
    found: dict[tuple, float] = {}
    each = []
    for ready, length in zip(made, lengths, strict=True):
        kind = (ready.parts, ready.walk.batches.size, ready.condensed)
        if kind not in found:
            found[kind] = seconds_a_step(ready, length, min(POINTS, length))
        each.append(found[kind])
    return each
