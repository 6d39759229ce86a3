"""What is compared: a model with its settings, walked with several seeds and judged on the validation rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Float

from fallline.fit import set_up
from fallline.instruments.contenders import graded, stacked
from fallline.instruments.trials import Trial, try_out
from fallline.numbers import number
from fallline.settings import Settings, parts_of
from fallline.shortcut import as_parameters
from fallline.survey import Rows, as_batch
from fallline.table import Table
from fallline.training import Training
from fallline.types import Batch

BATCH = 64  # rows a step
LOOK = 250  # steps between looks: the same for every budget, so that all of them share what was compiled
TRIVIAL, EXACT = "trivial", "exact"  # to compare with; they are no models that could be trained further


@dataclass(frozen=True)
class Candidate:
    """One candidate after the last round that it took part in. Losses are without penalty, on validation rows."""

    model: str
    settings: Settings | None  # None for what is only compared with
    rate: float | None
    seeds: tuple[int, ...]
    validation: tuple[float, ...]  # a loss each seed; inf where it diverged
    losses: Float[np.ndarray, "rows"]  # of each validation row, the mean over the seeds
    parameters: int
    steps: int
    round: int  # 0: shortlisted; 1, 2, ...: fine-tuned
    words: str = ""  # what sets it apart from others of its model

    @property
    def mean(self) -> float:
        return float(np.mean(self.validation))

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; None for one seed."""
        if len(self.validation) < 2 or not np.isfinite(self.validation).all():
            return None
        return float(np.std(self.validation, ddof=1))

    @property
    def name(self) -> str:
        return f"{self.model}, {self.words}" if self.words else self.model

    def to_json(self) -> dict[str, Any]:
        """All but the rows' losses."""
        s = self.settings
        return {
            "model": self.model,
            "rate": self.rate,
            "seeds": list(self.seeds),
            "validation": list(self.validation),
            "mean": self.mean,
            "spread": self.spread,
            "round": self.round,
            "steps": self.steps,
            "parameters": self.parameters,
            "schedule": None if s is None else s.schedule,
            "l2": None if s is None else s.l2,
        }


def ground(table: Table, settings: Settings) -> Training:
    """What all candidates stand on: the rows of a table with a linear model that nobody has trained yet."""
    parts = parts_of(
        settings,
        features=len(table.preparation.feature_names),
        task=table.target.task,
        classes=len(table.target.classes or ()),
    )
    dtype = np.float32 if settings.precision == 32 else np.float64
    rows: Rows = table.rows(table.split.train, parts.model.outputs, dtype)
    ready = set_up(parts, settings.model_copy(update={"rate": 1.0}), rows)
    empty = pl.DataFrame(schema={"step": pl.Int64})
    return Training("the shortlist", ready, empty, ready.state.parameters, 0, (), {}, table)


def references(training: Training, held: Batch) -> list[Candidate]:
    """The best constant prediction, and the exact answer where there is one."""
    ready, parts = training.ready, training.parts
    constant = jnp.asarray(parts.loss.constant(np.asarray(ready.rows.target), np.asarray(ready.rows.weight)))  # pyright: ignore
    same = jnp.broadcast_to(constant, held.target.shape)
    weight = np.asarray(held.share, np.float64) * len(held.share)
    losses = np.asarray(parts.loss.rows(same, held.target), np.float64) * weight  # pyright: ignore
    found = [Candidate(TRIVIAL, None, None, (), (float(losses.mean()),), losses, int(np.size(constant)), 0, 0)]
    if ready.exact is not None:
        best = jax.tree.map(lambda a: np.asarray(a)[None], as_parameters(ready.exact, training.start))
        losses = graded(parts, best, held)[0]
        count = sum(np.size(leaf) for leaf in jax.tree.leaves(best))
        found.append(Candidate(EXACT, None, None, (), (float(losses.mean()),), losses, int(count), 0, 0))
    return found


def walk(training: Training, candidate: Candidate, held: Batch, steps: int, round: int) -> Candidate:
    """The candidate after so many steps from each of its random starts; its rate is found where it has none."""
    settings: Any = candidate.settings
    trial = Trial(candidate.model, settings, candidate.rate)
    _, ends = try_out(training, [trial], seeds=candidate.seeds, steps=steps, points=max(1, steps // LOOK))
    each = graded(ends[0].ready.parts, stacked(ends), held)
    means = np.where(np.isfinite(each).all(axis=1), each.mean(axis=1), np.inf)
    return replace(
        candidate,
        rate=float(ends[0].ready.rate),
        validation=tuple(float(v) for v in means),
        losses=each.mean(axis=0),
        parameters=int(sum(np.size(leaf) for leaf in jax.tree.leaves(ends[0].parameters))),
        steps=steps,
        round=round,
    )


def held_batch(table: Table, training: Training) -> Batch:
    """The validation rows as one batch."""
    dtype = np.float32 if training.ready.settings.precision == 32 else np.float64
    return as_batch(table.rows(table.split.validation, training.parts.model.outputs, dtype))


def described(settings: Settings, rate: float) -> str:
    """What sets a variant apart.

    >>> described(Settings(schedule="cosine", l2=0.01), 0.003)
    'rate 0.003, cosine schedule, l2 0.01'
    """
    penalty = f", l2 {number(settings.l2)}" if settings.l2 else ""
    return f"rate {number(rate, 3)}, {settings.schedule} schedule{penalty}"
