"""A training at hand, recorded or just done: what it was made of, where it went, what it left. Instruments measure it.

Nothing in a training is random once its seed is known, so that any step can be stood on again: from the record where
the weights were kept, else by walking there from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Float, Int

from fallline.errors import RunError, SettingsError, unknown
from fallline.fit import SetUp, replay
from fallline.record import as_laid_out, laid_flat
from fallline.survey import as_batch
from fallline.table import Table
from fallline.types import Batch, Parameters, Parts, State

WIDE = 512  # numbers side by side
JUDGED = 20_000  # rows that a loss is taken over many times, at most


@dataclass(frozen=True)
class Training:
    """A training, walked. Use it inside `engine.precision(training.ready.settings.precision)`."""

    name: str
    ready: SetUp  # parts, rows, batches, rates, start, exact
    trace: pl.DataFrame  # a row per update
    kept: Parameters  # of the model kept
    kept_step: int
    names: tuple[str, ...]  # of the flat parameters
    snapshots: Mapping[int, Callable[[], np.ndarray]]  # step -> flat parameters, where many are kept now and then
    table: Table | None = None  # None for a loss of one's own
    held_out: pl.DataFrame | None = None  # a row per look at the validation rows
    nearest: Callable[[int], State] | None = None  # step -> the state after it, from a shorter way than the whole

    @property
    def parts(self) -> Parts:
        return self.ready.parts

    @property
    def steps(self) -> int:
        return self.trace.height

    @property
    def start(self) -> Parameters:
        """The random start."""
        return self.ready.state.parameters

    def unravel(self, flat: Any) -> Parameters:
        """Flat parameters as the pytree that the model takes; may be traced."""
        return as_laid_out(self.start, flat)

    def flat(self, parameters: Parameters) -> Float[np.ndarray, "parameters"]:
        """A pytree of parameters laid out flat, in the order of `names`."""
        return laid_flat(parameters)

    def at(self, step: int | None) -> Parameters:
        """The parameters after a step, 0 for the random start; those of the model kept when None. Raises RunError."""
        if step is None:
            return self.kept
        if not 0 <= step <= self.steps:
            raise RunError(f"{self.name} has no step {step:,}.\nIt has steps 0, the random start, to {self.steps:,}.")
        if step == 0:
            return self.start
        if "parameters" in self.trace.columns and self.trace["parameters"][step - 1] is not None:
            return self.unravel(self.trace["parameters"][step - 1].to_numpy())
        if step in self.snapshots:
            return self.unravel(self.snapshots[step]())
        return self.state(step).parameters

    def state(self, step: int) -> State:
        """All that the step after this one needs, by walking there again: the same bits."""
        return replay(self.ready, step) if self.nearest is None else self.nearest(step)

    def path(self) -> tuple[Int[np.ndarray, "points"], Float[np.ndarray, "points parameters"]]:
        """The steps whose parameters were kept, the start and the end included, and those parameters, all finite."""
        return self._path

    @cached_property
    def _path(self) -> tuple[Int[np.ndarray, "points"], Float[np.ndarray, "points parameters"]]:
        steps, flats = np.array([0]), self.flat(self.start)[None]
        if "parameters" in self.trace.columns:
            there = self.trace[["step", "parameters"]]
            there = there.drop_nulls() if there["parameters"].null_count() else there
            if len(there):
                steps = np.concatenate([steps, there["step"].to_numpy()])
                flats = np.concatenate([flats, there["parameters"].to_numpy()])
        if len(steps) <= self.steps:
            later = sorted(set(self.snapshots) - set(steps.tolist()))
            steps = np.concatenate([steps, np.array(later, steps.dtype)])
            flats = np.concatenate([flats, *(self.snapshots[step]()[None] for step in later)])
            order = np.argsort(steps, kind="stable")
            steps, flats = steps[order], flats[order]
        if np.isfinite(flats).all():
            return steps, flats
        finite = np.isfinite(flats).all(axis=1)
        return steps[finite], flats[finite]

    @cached_property
    def reach(self) -> tuple[Float[np.ndarray, "parameters"], Float[np.ndarray, "parameters"]]:
        """The least and the largest value of each parameter along the path."""
        path = self._path[1]
        count, width = path.shape
        beside = max(1, WIDE // width)  # steps that are laid side by side: NumPy takes a long row in one go
        whole = count // beside * beside
        wide, rest = path[:whole].reshape(-1, beside * width), path[whole:]
        low, high = rest.min(axis=0, initial=np.inf), rest.max(axis=0, initial=-np.inf)
        if whole:
            low = np.minimum(low, wide.min(axis=0).reshape(beside, width).min(axis=0))
            high = np.maximum(high, wide.max(axis=0).reshape(beside, width).max(axis=0))
        return low, high

    def weight(self, name: str | None) -> int:
        """Which flat parameter has that name; the one that moved furthest when None. Raises SettingsError."""
        if name is None:
            (low, high), kept = self.reach, self.flat(self.kept)
            return int(np.argmax(np.maximum(high, kept) - np.minimum(low, kept)))
        if name not in self.names:
            raise SettingsError(unknown("parameter", name, self.names if len(self.names) <= 64 else self.names[:64]))
        return self.names.index(name)

    def rows_of(self, step: int) -> Int[np.ndarray, "rows"]:
        """Which training rows the step, counted from 1, saw; their places in the batch when rows are on disk."""
        batches = self.ready.walk.batches
        if self.ready.feed is not None:
            return np.arange(batches.rows_in_steps[(step - 1) % batches.epoch_steps])
        if batches.full:
            return np.arange(batches.rows)
        order = batches.steps(step - 1, step)[0]
        return order[order >= 0]

    def batch_of(self, step: int) -> Batch:
        """The batch that the step, counted from 1, saw."""
        rows, batch = self.rows_of(step), self.ready.whole
        if self.ready.feed is not None:
            return jax.tree.map(
                lambda a: jnp.asarray(np.array(a[0, : len(rows)])), self.ready.feed.laid_out(step - 1, step)
            )
        if not self.ready.walk.batches.full:  # taking all rows in their order would take a while
            batch = _take(batch, rows)
        return batch._replace(share=batch.share * len(self.ready.whole.share) / len(rows))

    def rate_of(self, step: int) -> float:
        """The rate of the step, counted from 1."""
        return float(self.ready.walk.rates(np.array([step - 1]))[0])

    def judged(self, most: int = JUDGED) -> Batch:
        """The training rows as one batch: all of them, or evenly chosen ones where there are more than `most`."""
        whole = self.ready.whole
        if len(whole.share) <= most:
            return whole
        some = np.linspace(0, len(whole.share) - 1, most).round().astype(int)
        batch = _take(whole, some)
        return batch._replace(share=batch.share / batch.share.sum())

    def part(self, name: str) -> Batch | None:
        """All rows of a part, "train", "validation" or "test", as one batch; None when there are none."""
        if name == "train":
            return self.ready.whole
        index = getattr(self.table.split, name) if self.table is not None else ()
        if self.table is None or len(index) == 0:
            return None
        dtype = np.float32 if self.ready.settings.precision == 32 else np.float64
        return as_batch(self.table.rows(index, self.parts.model.outputs, dtype))


@jax.jit
def _take(table: Batch, rows: Int[np.ndarray, "rows"]) -> Batch:
    return jax.tree.map(lambda a: a[rows], table)
