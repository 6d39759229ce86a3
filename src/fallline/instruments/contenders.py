"""Models of several sizes, trained alike on the same few rows, each at the rate that was best for it.

All rates of a model are walked side by side with every seed, as whole trainings in one compiled call. The rate is
chosen by the loss on a fifth of the training rows that are set aside for it, so that a large network is not given the
rate with which it memorises best, and the held-out rows that judge remain unseen by the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from fallline.data import Split
from fallline.fit import set_up
from fallline.instruments.trials import Trial, try_out
from fallline.settings import Settings
from fallline.survey import Rows
from fallline.table import Table
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts

ROWS = 5_000  # to train on, at most
HELD = 20  # validation rows; where there are fewer, a fifth of the training rows is set aside instead
FIFTH = 5  # every so many rows are set aside
BATCH = 64  # rows
ALIKE: dict[str, Any] = {
    "rule": "adam",
    "schedule": "cosine",
    "rate": 1.0,
    "l1": 0.0,
    "l2": 0.0,
    "clip": None,
    "average": None,
    "epochs": 1,
    "seconds": None,
}
# of Adam: 2.4 apart on standardised columns, where a step of about `rate` in each weight suits; else wider
RATES, WIDE = np.geomspace(5e-4, 0.1, 7), np.geomspace(1e-3, 1e2, 11)


class Contender(NamedTuple):
    """A model at its best rate. Losses are means over the seeds."""

    model: str
    parts: Parts
    parameters: Parameters  # [seeds, ...]
    rate: float | None
    place: int  # of the rate on its ladder
    train_loss: float
    spread: float | None  # standard deviation of the held-out loss over the seeds
    losses: Float[np.ndarray, "rows"]  # of the held-out rows
    count: int  # parameters

    @property
    def held_loss(self) -> float:
        return float(self.losses.mean())


def few_rows(training: Training, most: int = ROWS) -> Training:
    """The same training on fewer rows, split anew: `train` trains, `validation` chooses, `test` judges.

    The rows that judge are the validation rows; where there are too few, a fifth of the training rows. Those of the
    run's own test part are left alone.
    """
    table: Any = training.table
    train, held = table.split.train, table.split.validation
    if len(train) > most:
        train = train[np.linspace(0, len(train) - 1, most).round().astype(int)]
    if len(held) < HELD:
        held, train = train[::FIFTH], _but_a_fifth(train)
    few: Table = replace(table, split=Split(_but_a_fifth(train), train[::FIFTH], held, table.split.how))
    settings = training.ready.settings.model_copy(
        update={"batch": min(BATCH, len(few.split.train)), "rate": 1.0, "average": None, "l1": 0.0, "l2": 0.0}
    )
    parts = replace(training.parts, averaged=False)
    ready = set_up(parts, settings, rows_of(training, few, few.split.train), parameters=training.start, rate=1.0)
    return replace(training, ready=ready, table=few)


def _but_a_fifth(rows: np.ndarray) -> np.ndarray:
    return np.delete(rows, slice(None, None, FIFTH))


def rows_of(training: Training, table: Table, index: np.ndarray) -> Rows:
    """Rows of the table as the training has them."""
    dtype = np.float32 if training.ready.settings.precision == 32 else np.float64
    return table.rows(index, training.parts.model.outputs, dtype)


class Walked(NamedTuple):
    """What became of a model at each rate of its ladder with each seed."""

    train: Float[np.ndarray, "rates seeds"]  # loss on the training rows
    chosen_by: Float[np.ndarray, "rates seeds"]  # on the rows that choose; inf where it diverged
    ends: list[list[Any]]  # [rates][seeds] of trials.Tried


def held_rows(training: Training) -> Rows:
    """The rows that judge, as the training has them."""
    table: Any = training.table
    return rows_of(training, table, table.split.test)


def standing(model: str, parts: Parts, parameters: Parameters, train_loss: float, held: Batch) -> Contender:
    """A contender that is not trained here."""
    one = jax.tree.map(lambda a: np.asarray(a)[None], parameters)
    count = int(sum(np.size(leaf) for leaf in jax.tree.leaves(parameters)))
    return Contender(model, parts, one, None, 0, train_loss, None, graded(parts, one, held)[0], count)


def contend(
    training: Training, settings: Settings, seeds: Sequence[int], steps: int, rows: Rows | None = None
) -> Walked:
    """Train a model at each rate of its ladder with each seed, on the training's rows or others."""
    size = training.ready.settings.batch if rows is None else min(BATCH, len(rows.weight))
    asked = settings.model_copy(update=ALIKE | {"batch": size})
    trials = [Trial(asked.model, asked, float(rate)) for rate in ladder(asked)]
    seen, ends = try_out(training, trials, seeds=seeds, steps=steps, points=1, rows=rows)
    last = seen.filter(step=steps)
    train, chosen_by = (last[c].to_numpy().reshape(len(trials), -1) for c in ("loss", "validation_loss"))
    split = [ends[first : first + len(seeds)] for first in range(0, len(ends), len(seeds))]
    return Walked(train, np.where(np.isfinite(train), np.nan_to_num(chosen_by, nan=np.inf), np.inf), split)


def ladder(settings: Settings) -> np.ndarray:
    """The rates that are tried."""
    return RATES if settings.standardize else WIDE


def best_of(model: str, walked: Walked, held: Batch) -> Contender | None:
    """The contender at the rate whose mean loss is lowest on the rows that choose; None when all diverged."""
    means = walked.chosen_by.mean(axis=1)
    place = int(np.argmin(means))
    if not np.isfinite(means[place]):
        return None
    parts, parameters = walked.ends[place][0].ready.parts, stacked(walked.ends[place])
    each = graded(parts, parameters, held)
    return Contender(
        model,
        parts,
        parameters,
        walked.ends[place][0].ready.rate,
        place,
        float(walked.train[place].mean()),
        float(each.mean(axis=1).std(ddof=1)) if len(each) > 1 else None,
        each.mean(axis=0),
        int(sum(leaf[0].size for leaf in jax.tree.leaves(parameters))),
    )


def stacked(ends: list[Any]) -> Parameters:
    """[seeds, ...] of the ends of one rate."""
    return jax.tree.map(lambda *a: np.stack([np.asarray(each) for each in a]), *(end.parameters for end in ends))


@partial(jax.jit, static_argnames="parts")
def _graded(parts: Parts, parameters: Parameters, batch: Batch) -> Array:
    def rows(p: Parameters) -> Array:
        return parts.loss.rows(parts.model.predict(p, batch.features), batch.target)  # pyright: ignore

    return jax.lax.map(rows, parameters)


def graded(parts: Parts, parameters: Parameters, batch: Batch) -> Float[np.ndarray, "seeds rows"]:
    """The loss of each row with each of several parameters, times what the row counts: their mean is the loss."""
    weight = np.asarray(batch.share, np.float64) * len(batch.share)
    return np.asarray(_graded(parts, parameters, batch), np.float64) * weight
