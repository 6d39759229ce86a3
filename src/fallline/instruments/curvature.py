"""How curved the objective is, which rate it bears, and where in its valley each step ended.

On a quadratic the plain rule multiplies its distance to the floor by (1 - rate * eigenvalue) along each eigenvector of
the Hessian: it diverges as soon as rate > 2 / lambda_max, and it closes in along the flattest direction in about
lambda_max / lambda_min as many steps as along the steepest. With momentum BETA the limit is 2 (1 + BETA) / lambda_max,
with Nesterov's 2 (1 + BETA) / ((1 + 2 BETA) lambda_max) (Cohen et al., Gradient descent on neural networks typically
occurs at the edge of stability, 2021, appendix B).

Alpha says where a step ended in the valley along its own way: -1 where it began, 0 on the floor, 1 equally high on the
other side (Schneider et al., Cockpit, 2021, section 3.1). Of the parabola that has the slopes at both ends of the step
this is alpha = -slope(end) / slope(start).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree

from fallline.engine import precision
from fallline.errors import RunError
from fallline.fit import replay
from fallline.instruments.spectrum import ends, in_float64, trace, whole_hessian
from fallline.measurement import Figures, Measurement
from fallline.rules import Rule
from fallline.step import objective
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts

FEW = 200  # parameters: up to here the whole Hessian is written down
TOLERANCE = 1e-4  # of both ends of the spectrum, relative to the larger
FLAT = 1e-9  # of the largest eigenvalue: below it an exact one is rounding
ALPHAS = 30  # steps whose alpha is taken, evenly
WALK = 10.0  # seconds of the recorded training that are walked again for them, at most


def measure_curvature(training: Training, *, step: int | None) -> Measurement:
    """The ends of the Hessian's spectrum after a step, the rate that they allow, and alpha along the path.

    Returns: a frame of kind ("eigenvalue" or "alpha"), value, step and all_rows (alpha over the rows judged rather than
    over the step's own batch); figures: step, parameters, lambda_max, lambda_min, error (of both), exact (all
    eigenvalues were computed), trace, trace_error, condition (None unless all bend upwards), flat (how many eigenvalues
    are 0) and bent_condition (largest to smallest of those above 0), both None unless exact, rate, rule, plain_rate
    (2 / lambda_max), stable_rate (the same for the run's rule; None where its limit is not known), alpha (median),
    alpha_all, alphas (how many steps), uphill and uphill_all (steps that led up from their start, so that no floor lay
    ahead), rows, rows_of.

    Raises: RunError when the Hessian is not finite there.
    """
    parameters = training.at(step)
    at = training.kept_step if step is None else step
    values, found = _spectrum(training, parameters)
    if not np.isfinite([found["lambda_max"], found["lambda_min"]]).all():
        raise RunError(
            f"The second derivatives of {training.name} are not finite after step {at:,}.\nAsk for an earlier step."
        )
    frame, alphas = _alphas(training)
    eigenvalues = pl.DataFrame({"kind": ["eigenvalue"] * len(values), "value": values})
    top, low, error = found["lambda_max"], found["lambda_min"], found["error"]
    plain = 2 / top if top > 0 else None
    bent = values[values > max(error, FLAT * top)] if top > 0 else values[:0]
    multiple = allowed(training.parts.rule)
    figures = {
        "step": at,
        "steps": training.steps,
        "parameters": len(training.names),
        **found,
        "condition": float(top / low) if low > max(error, FLAT * top) else None,
        "flat": int((np.abs(values) <= max(error, FLAT * top)).sum()) if found["exact"] else None,
        "bent_condition": float(top / bent[0]) if found["exact"] and len(bent) else None,
        "rate": training.rate_of(max(1, min(at + 1, training.steps))),
        "rule": training.ready.settings.rule,
        "plain_rate": plain,
        "stable_rate": None if plain is None or multiple is None else plain * multiple,
        "rows": len(training.judged().share),
        "rows_of": len(training.ready.whole.share),
        **alphas,
    }
    return Measurement("curvature", pl.concat([eigenvalues, frame], how="diagonal_relaxed"), figures)


def allowed(rule: Any) -> float | None:
    """The rule's largest stable rate as a multiple of 2 / lambda_max; None where no such limit is known."""
    if not isinstance(rule, Rule):
        return None
    beta = rule.numbers[0] if rule.numbers else 0.9
    return {"plain": 1.0, "momentum": 1 + beta, "nesterov": (1 + beta) / (1 + 2 * beta)}.get(rule.name)


def _spectrum(training: Training, parameters: Parameters) -> tuple[np.ndarray, Figures]:
    """The eigenvalues at hand, upwards, and their figures: all of them where parameters are few."""
    parts, rows = training.parts, training.judged()
    if len(training.names) <= FEW:
        with precision(64):
            hessian = np.asarray(whole_hessian(parts, in_float64(parameters), in_float64(rows)))
        if not np.isfinite(hessian).all():
            return np.full(1, np.nan), {"lambda_max": np.nan, "lambda_min": np.nan}
        values = np.linalg.eigvalsh(hessian)
        error = float(np.abs(values).max() * np.finfo(float).eps * len(values))
        total, spread = float(np.trace(hessian)), 0.0
    else:
        found = ends(parts, parameters, rows, TOLERANCE)
        values, error = np.array([float(found.smallest), float(found.largest)]), float(found.error)
        total, spread = (float(v) for v in trace(parts, parameters, rows))
    figures = {"lambda_max": float(values[-1]), "lambda_min": float(values[0]), "error": error}
    exact = len(training.names) <= FEW
    return values, figures | {"exact": exact, "trace": total, "trace_error": spread}


class _Taken(NamedTuple):
    """Some steps [steps, ...]: the flat parameters before and after, and the batch that each saw."""

    before: jax.Array
    after: jax.Array
    batches: Batch | None  # None where each saw all rows


def _alphas(training: Training) -> tuple[pl.DataFrame, Figures]:
    steps = _steps(training)
    before, after = _ends_of(training, steps)
    there = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
    steps, before, after = steps[there], before[there], after[there]
    own, everything = np.zeros(0), np.zeros(0)
    if len(steps):
        full = training.ready.walk.batches.full
        batches = None if full else [training.batch_of(int(step)) for step in steps]
        with precision(64):
            taken = _Taken(jnp.asarray(before), jnp.asarray(after), None)
            if batches is not None:
                taken = taken._replace(batches=in_float64(jax.tree.map(lambda *each: jnp.stack(each), *batches)))
            slopes = _slopes(training.parts, in_float64(training.start), taken, in_float64(training.judged()))
            own, everything = (alpha_of(*np.asarray(each).T) for each in slopes)
    frame = pl.DataFrame({"kind": ["alpha"] * len(steps), "step": steps, "value": own, "all_rows": everything})
    known = np.isfinite(own)
    return frame.with_columns(pl.col("value", "all_rows").fill_nan(None)), {
        "alpha": _median(own),
        "alpha_all": _median(everything),
        "alphas": int(known.sum()),
        "uphill": int((~known).sum()),
        "uphill_all": int((~np.isfinite(everything)).sum()),
    }


def alpha_of(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Alpha of steps with these slopes along their way, at their start and at their end.

    As in Cockpit, -1 where the valley bends downwards, so that its floor is nowhere near; not a number where the way
    led up from the start, so that no floor lies ahead.

    >>> alpha_of(np.array([-2.0, -2.0, -2.0, 1.0]), np.array([-1.0, 0.0, 2.0, 3.0])).tolist()
    [-0.5, 0.0, 1.0, nan]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(start < 0, np.maximum(-end / start, -1.0), np.nan) + 0.0


@partial(jax.jit, static_argnames="parts")
def _slopes(parts: Parts, like: Parameters, taken: _Taken, judged: Batch) -> tuple[jax.Array, jax.Array]:
    """[steps, 2]: the slope along each step at its start and at its end, over its own batch and over all rows."""
    unravel = ravel_pytree(like)[1]

    def one(step: _Taken) -> tuple[jax.Array, jax.Array]:
        def slopes(batch: Batch) -> jax.Array:
            def value(flat: jax.Array) -> jax.Array:
                return objective(parts, unravel(flat), batch)

            way = step.after - step.before
            return jnp.stack([jax.jvp(value, (flat,), (way,))[1] for flat in (step.before, step.after)])

        everything = slopes(judged)
        return (everything if step.batches is None else slopes(step.batches)), everything

    return jax.lax.map(one, taken)


def _steps(training: Training) -> np.ndarray:
    """The steps whose alpha is taken: evenly, with whole batches, and not too far to walk to."""
    there, batches = training.trace, training.ready.walk.batches
    last = there.height
    if "parameters" not in there.columns and "seconds" in there.columns:
        last = there.filter(pl.col("seconds") <= WALK).height
    steps = np.unique(np.linspace(1, last, ALPHAS).round().astype(int)) if last else np.zeros(0, int)
    short = (steps % batches.epoch_steps == 0) & (batches.rows % batches.size != 0) & (batches.epoch_steps > 1)
    return np.unique(np.where(short, steps - 1, steps))


def _ends_of(training: Training, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The flat parameters before and after each step: from the record, else by walking there once."""
    ready, size = training.ready, len(training.names)
    if "parameters" in training.trace.columns:
        found = [[training.flat(training.at(int(step) + late)) for step in steps] for late in (-1, 0)]
    else:
        found, state, at = ([], []), ready.state, 0
        for step in steps.tolist():
            for stop, kept in zip((step - 1, step), found, strict=True):
                if stop > at:
                    state = replay(ready, stop, state, at)
                at = stop
                kept.append(training.flat(state.parameters))
    before, after = (np.asarray(each, np.float64).reshape(len(steps), size) for each in found)
    return before, after


def _median(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else None
