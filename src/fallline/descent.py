"""Gradient descent on any loss: a JAX function of parameters and rows, and a pytree of parameters to start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree

from fallline.batches import Batches
from fallline.engine import precision
from fallline.errors import DataError
from fallline.fit import Fitted, Rows, fit
from fallline.losses import AsTheyAre, OwnLoss, Penalty
from fallline.record import laid_flat, named_arrays
from fallline.settings import average_of, batch_size, check, rule_of
from fallline.trace.trace import Trace, layout
from fallline.training import Training
from fallline.types import Parameters, Parts
from fallline.verdict import Verdict
from fallline.words import parameter_names


@dataclass(frozen=True)
class Descent:
    """A descent that has ended."""

    parameters: Parameters  # the ones kept: last, averaged, or last good
    verdict: Verdict
    fitted: Fitted
    recorded: Trace

    @property
    def trace(self) -> pl.DataFrame:
        """A row per update: step, epoch, rows, seconds, loss, objective, gradient_norm, update_norm, ..."""
        return self.recorded.frame()

    @property
    def training(self) -> Training:
        """What instruments measure."""
        ready = self.fitted.ready
        named = named_arrays(self.fitted.start)
        arrays = layout(list(named), [np.shape(array) for array in named.values()])
        widest = max(max(array["shape"], default=1) for array in arrays)
        kept = self.recorded.snapshots.at
        return Training(
            name="the descent",
            ready=ready,
            trace=self.trace,
            kept=self.fitted.parameters,
            kept_step=self.fitted.kept,
            names=tuple(parameter_names(arrays, [str(n) for n in range(1, widest + 1)])),
            snapshots={step: partial(laid_flat, parameters) for step, parameters in kept.items()},
        )

    def weights(self, step: int) -> Parameters:
        """The parameters after a step (0: the start). Raises DataError when those were not kept."""
        if step == 0:
            return _numpy(self.fitted.start)
        flat = self.recorded.flat_weights(step)
        if flat is not None:
            with precision(self.fitted.ready.settings.precision):
                return _numpy(ravel_pytree(self.fitted.start)[1](jax.numpy.asarray(flat)))
        found = self.recorded.snapshot(step)
        if found is None:
            kept = [0, *sorted(self.recorded.snapshots.at)]
            near = sorted(sorted(kept, key=lambda k: abs(k - step))[:3])
            raise DataError(
                f"The parameters of step {step:,} were not kept; the trace has {len(self.recorded):,} steps.\n"
                "Kept: every step of a model with up to 64 parameters, else some; "
                f"near it: {', '.join(f'{k:,}' for k in near)}."
            )
        return _numpy(found)


def descend(
    loss: Callable[..., Any],
    parameters: Parameters,
    data: Any = None,
    *,
    rule: str = "plain",
    rate: float | str = 0.1,
    schedule: str = "constant",
    batch: int | str = "full",
    steps: int = 1000,
    seconds: float | None = None,
    stop: str | None = "plateau",
    clip: float | None = None,
    average: str | None = None,
    precision: int = 64,
    seed: int = 0,
) -> Descent:
    """Minimise loss(parameters, batch) by gradient descent, recording every step.

    Args:
        loss: a JAX function that returns a scalar. It must be a mean over rows for batches to agree with the
            whole; the last batch of an epoch may have fewer rows.
        parameters: a pytree of arrays or numbers to start from; it is not changed.
        data: a pytree of arrays, rows first, of equal length; None for a loss of the parameters alone, which is
            then called as loss(parameters).
        steps: updates, at most. Other settings are those of `train`.

    Returns:
        A Descent: .parameters, .trace, .verdict and .weights(step).

    Raises:
        DataError: arrays of unequal length, or no parameters.
        SettingsError: a setting that won't do.

    >>> import jax.numpy as jnp
    >>> done = descend(lambda w: jnp.sum((w - 3.0) ** 2) / 2, jnp.zeros(2), rate=0.5, steps=60)
    >>> done.verdict.state, done.parameters.round(3).tolist()
    ('converged', [3.0, 3.0])
    """
    settings = check(
        rule=rule,
        rate=rate,
        schedule=schedule,
        batch=batch,
        steps=steps,
        seconds=seconds,
        stop=stop,
        clip=clip,
        average=average,
        precision=precision,
        seed=seed,
    )
    with _precision(settings.precision):
        return _descend(loss, parameters, data, settings)


_precision = precision  # `descend` has a setting of that name


def _descend(loss: Callable[..., Any], parameters: Parameters, data: Any, settings) -> Descent:
    if not jax.tree.leaves(parameters):
        raise DataError("There are no parameters to start from.\nGive a pytree with at least one array or number.")
    start = jax.tree.map(lambda leaf: jax.numpy.asarray(leaf, float), parameters)
    graded = OwnLoss(loss, alone=data is None)
    data = np.zeros((1, 1)) if data is None else data
    rows = _rows(data)
    parts = Parts(AsTheyAre(), graded, Penalty(), rule_of(settings), average_of(settings) is not None)
    recorded = Trace(Batches(rows, batch_size(settings, rows), settings.seed))
    fitted = fit(parts, settings, Rows(data, None, np.ones(rows)), parameters=start, keep=recorded.keep)
    return Descent(_numpy(fitted.parameters), fitted.verdict, fitted, recorded)


def _numpy(parameters: Parameters) -> Parameters:
    """As NumPy's arrays: they keep 64 bits also where JAX is set to 32."""
    return jax.tree.map(np.asarray, parameters)


def _rows(data: Any) -> int:
    lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(data)}
    if len(lengths) != 1 or lengths == {()}:
        raise DataError(
            f"The arrays of data have {sorted(lengths)} rows: expected one number of rows.\n"
            "Give arrays with rows first, all equally long."
        )
    return lengths.pop()[0]
