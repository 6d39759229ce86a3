"""The same training on fewer rows: would more rows help?

Each size is trained for as many steps as the others, with the run's own settings and rate, so that what differs is
the rows and not the number of updates. The rows of a size are among those of every larger one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array

from fallline.instruments.trials import Trial, try_out
from fallline.measurement import Figures
from fallline.survey import Rows
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts

SIZES = (0.1, 0.2, 0.4, 0.7, 1.0)
FEWEST = 10  # rows that are trained on
STEPS = 1_500  # at most
WORK = 4e10  # floating-point operations, about
SEEDS = 2


def learning_curve(training: Training, validation: Batch, seed: int) -> tuple[Figures, pl.DataFrame]:
    """Trainings on parts of the rows: their losses on the rows that they saw, and on the validation rows.

    Figures: curve_rows, curve_train, curve_validation (a number each size), curve_gain (of the validation loss, from
    the third size to all rows) and its standard error, row by row; doubling: what the loss fell when rows doubled, by
    a straight line through the last three sizes against the logarithm of their rows.
    """
    whole: Any = training.ready.rows
    count = len(whole.weight)
    order = np.random.default_rng(seed).permutation(count)
    sizes = sorted({max(min(FEWEST, count), round(part * count)) for part in SIZES})
    steps = _steps(training, sizes)
    settings = training.ready.settings
    parameters, each_train, each_held = [], [], []
    for size in sizes:
        chosen = np.sort(order[:size])
        rows = Rows(*(np.asarray(a)[chosen] for a in whole))
        batch = training.ready.walk.batches
        asked = settings.model_copy(
            update={"batch": "full" if batch.full else min(batch.size, size), "rate": training.ready.rate}
        )
        same = rows if size < count else None
        _, ends = try_out(
            training, [Trial("same", asked)], seeds=range(seed, seed + SEEDS), steps=steps, points=1, rows=same
        )
        share = np.zeros(count)
        share[chosen] = np.asarray(whole.weight)[chosen] / np.asarray(whole.weight)[chosen].sum()
        parameters.append(jax.tree.map(lambda *a: jnp.stack(a), *(end.parameters for end in ends)))
        each_train.append(share)
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *parameters)
    losses = _rows(training.parts, stacked, training.ready.whole)
    train = [float(share @ each) for share, each in zip(each_train, np.asarray(losses, np.float64), strict=True)]
    each_held = np.asarray(_rows(training.parts, stacked, validation), np.float64)
    held = each_held @ np.asarray(validation.share, np.float64)
    frame = pl.DataFrame({"rows": sizes, "train_loss": train, "validation_loss": held})
    return _figures(sizes, train, held, each_held, np.asarray(validation.share, np.float64), steps), frame


def _steps(training: Training, sizes: list[int]) -> int:
    """As many as the run made, within bounds of work."""
    batches = training.ready.walk.batches
    size = sum(leaf.size for leaf in jax.tree.leaves(training.start))
    rows = batches.size * len(sizes) if not batches.full or training.ready.condensed else sum(sizes)
    return int(max(1, min(training.steps, STEPS, max(WORK / (6 * SEEDS * size * rows), 50))))


@partial(jax.jit, static_argnames="parts")
def _rows(parts: Parts, parameters: Parameters, batch: Batch) -> Array:
    """[sizes, rows] the loss of each row, the mean over the seeds."""

    def one(p: Parameters) -> Array:
        return parts.loss.rows(parts.model.predict(p, batch.features), batch.target)  # pyright: ignore

    return jax.lax.map(lambda seeds: jax.lax.map(one, seeds).mean(axis=0), parameters)


def _figures(
    sizes: list[int], train: list[float], held: np.ndarray, each: np.ndarray, share: np.ndarray, steps: int
) -> Figures:
    figures: Figures = {
        "curve_rows": sizes,
        "curve_train": train,
        "curve_validation": [float(v) for v in held],
        "curve_steps": steps,
        "curve_seeds": SEEDS,
        "curve_from": None,
        "curve_gain": None,
        "curve_gain_error": None,
        "doubling": None,
    }
    if len(sizes) < 3 or not np.isfinite(held).all():
        return figures
    last = slice(-3, None)
    apart = each[-3] - each[-1]
    mean = float(share @ apart)
    slope = np.polyfit(np.log2(np.array(sizes[last], float)), held[last], 1)[0]
    return figures | {
        "curve_from": sizes[-3],
        "curve_gain": mean,
        "curve_gain_error": float(np.sqrt(np.sum(share**2 * (apart - mean) ** 2))),
        "doubling": float(-slope),
    }
