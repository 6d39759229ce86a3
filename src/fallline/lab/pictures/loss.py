"""The loss over the steps. Its axis reaches from 0 to what the start, the lines and all that was walked need: it grows
with a training and never closes in on it, so that one that is stuck looks stuck."""

from __future__ import annotations

import numpy as np
import polars as pl

from fallline.figures.downsample import mean_of_blocks
from fallline.figures.live.loss import draw_loss
from fallline.lab.look import Drawn, Look
from fallline.lab.pictures.left import Words, height_of, words_apart
from fallline.lab.pictures.picture import (
    Axes,
    Picture,
    ends,
    last_step,
    looks_at,
    recorded,
    span,
    until,
    validated,
    veil,
)
from fallline.numbers import count, number

NOISY = 60  # steps from which on batches have a mean line
TALL = 3.0  # times the first loss: what is above leaves the picture, and is told in words


def look_loss(look: Look) -> Drawn:
    """The loss of all that was walked, validation, branches, and the lines that can't be passed."""
    training = look.training
    batches = training.ready.walk.batches
    trace = training.trace.head(until(look))
    noisy = not batches.full and trace.height >= NOISY
    means = trace.head(0)[["step", "loss"]]
    if noisy:
        means = look.once(f"means {trace.height}", lambda: _means(trace))
    held = looks_at(look, "validation_loss", "loss")
    here = trace["loss"][look.step]
    exact = None if training.ready.exact is None else training.ready.exact.loss
    trivial = look.trivial if look.trivial is not None and np.isfinite(look.trivial) else None
    every = training.trace["loss"].to_numpy()
    start = float(every[0])
    reach = [
        v for losses in (every, *(b.trace["loss"].to_numpy() for b in look.branches)) for v in _calm(losses, start)
    ]
    levels = [exact, trivial, start, *held["loss"].to_list(), *reach]
    log = look.shown.log and min((v for v in levels if v is not None), default=0) > 0
    low, high = span(levels, log=log)
    axes = (0.0, last_step(look)), (low, high)
    over = ~np.isfinite(every[: look.step + 1]) | (every[: look.step + 1] > high)
    broken = [f"beyond the picture from step {count(int(np.argmax(over)))}"] if over.any() else []
    data = {
        "steps": recorded(look, "loss", "loss"),
        "veil": veil(look),
        "means": means.with_columns(pl.col("loss").cast(pl.Float64)),
        "held": held,
        "exact": _line(exact, "exact answer", exact is not None and low <= exact <= high),
        "trivial": _line(trivial, "always the same answer", trivial is not None and trivial <= high),
        "here": pl.DataFrame({"step": [look.step], "loss": [float(here)], "shown": [min(max(float(here), low), high)]}),
        "broken": pl.DataFrame({"words": broken}, schema={"words": pl.String}),
        **_branches(look, axes, log, exact, trivial),
    }
    options = {"log": log, "full": batches.full, "noisy": noisy, "held": validated(look)}
    of = {"steps": until(look), "held": look.evaluations.height}
    return Drawn(options, data, ends(*axes), _said(look, here, exact), of)


def _means(trace: pl.DataFrame) -> pl.DataFrame:
    return mean_of_blocks(trace[["step", "loss"]])[0].with_columns(pl.col("step") - 1)


def _calm(losses: np.ndarray, start: float) -> list[float]:
    """The least and the largest of the losses that the picture makes room for."""
    there = losses[np.isfinite(losses) & (losses <= TALL * abs(start) + 1e-300)]
    return [float(there.min()), float(there.max())] if there.size else []


def _line(level: float | None, words: str, there: bool) -> pl.DataFrame:
    rows = [{"loss": level, "words": f"{words} {number(level, 4)}"}] if there and level is not None else []
    return pl.DataFrame(rows, schema={"loss": pl.Float64, "words": pl.String})


def _branches(look: Look, axes: Axes, log: bool, exact: float | None, trivial: float | None) -> dict[str, pl.DataFrame]:
    """Paths that were left, their names clear of those of the lines."""
    empty = pl.DataFrame(schema={"step": pl.Int64, "loss": pl.Float64, "branch": pl.String})
    each = [
        b.trace.filter(pl.col("step") > b.since).select(
            (pl.col("step") - 1).cast(pl.Int64), pl.col("loss").cast(pl.Float64), pl.lit(b.name).alias("branch")
        )
        for b in look.branches
    ]
    lines = ((height_of(exact, axes[1], log), -11), (height_of(trivial, axes[1], log), 7))  # px to their own words
    taken = [Words(0.4, 1.0, height + aside) for height, aside in lines if height is not None]
    thin = [frame[:: -(-frame.height // 200)] for frame in each]
    last = pl.concat([empty, *(frame.tail(1) for frame in thin)])
    return {
        "branches": pl.concat([empty, *thin]),
        "branches_ends": words_apart(last, ("step", "loss"), axes, log=log, taken=taken),
    }


def _said(look: Look, here: float, exact: float | None) -> str:
    of = "" if look.training.ready.walk.batches.full else " of the next batch"
    said = [f"At step {count(look.step)} the loss{of} is {number(here, 4)}"]
    if look.step:
        said.append(f"it began at {number(look.training.trace['loss'][0], 4)}")
    if exact is not None:
        said.append(f"the exact answer has {number(exact, 4)}")
    if look.branches:
        said.append(f"{count(len(look.branches))} left {'path is' if len(look.branches) == 1 else 'paths are'} dashed")
    return "; ".join(said) + "."


LOSS = Picture("loss", "Loss at each step", look_loss, draw_loss, lambda look: True)
