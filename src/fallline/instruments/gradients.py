"""How the gradient's values change on the way down, and where the noise of batches holds them up.

Each step's gradient is of its own batch; beside it stands the gradient over all rows (evenly chosen ones where there
are very many) at points of the path. Where the first stays and the second goes on falling, that is the noise of
batches: at the minimum of all rows the gradients of batches cancel, but none of them is 0 by itself.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from fallline.figures.downsample import keep_extremes
from fallline.instruments.objectives import along
from fallline.measurement import Figures, Measurement
from fallline.step import objective
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts

POINTS = 60  # of the path, whose gradient is taken over all rows
WINDOW = 0.05  # of the steps: the mean over so many at either end, where single batches are noisy
FEWEST = 10  # steps of such a mean, where a quarter of them is not fewer
COLUMNS = ("norm", "smallest", "typical", "largest", "lowest", "highest", "negative", "outside", "zero")


@partial(jax.jit, static_argnames="parts")
def _entries(
    parts: Parts, like: Parameters, flats: Float[Array, "points parameters"], batch: Batch
) -> Float[Array, "points columns"]:
    """What the entries of the gradient of a batch are like at each of many parameters, in the order of COLUMNS."""
    unravel = ravel_pytree(like)[1]

    def one(flat: Array) -> Array:
        gradient = jax.grad(lambda f: objective(parts, unravel(f), batch))(flat)
        size = jnp.abs(gradient)
        ends = [jnp.linalg.norm(gradient), size.min(), jnp.median(size), size.max(), gradient.min(), gradient.max()]
        return jnp.stack(ends + [jnp.mean(which) for which in (gradient < 0, size > 1, gradient == 0)])

    return lax.map(one, flats)


def measure_gradients(training: Training) -> Measurement:
    """Norms of every step's gradient and update, and the entries of the gradient over all rows along the path.

    Returns: a frame of kind "batch" (step, norm, update, rate) and "all rows" (step, norm, smallest, typical: median,
    largest: of the entries' sizes, lowest, highest: of the entries; negative, outside: beyond -1 to 1, zero: shares of
    them); figures: first_norm, last_norm, update_first, update_last (means over `window` steps at either end: 1 when
    every step saw all rows), ratio (last_norm / first_norm), rate_first, rate_last, rate_constant, rule, clip,
    whole_first, whole_last (norms over all rows), smallest, typical, largest (sizes), lowest, highest (entries) along
    the whole path; negative_share, outside_share, zero_share of all entries looked at; entries (how many), points,
    parameters, full, batch (rows), floor (of batches: last_norm, None when full), steps, rows, rows_of.
    """
    steps, path = training.path()
    some = along(len(steps), POINTS)
    judged = training.judged()
    flats = jnp.asarray(path[some], training.flat(training.start).dtype)
    seen = np.asarray(_entries(training.parts, training.start, flats, judged), np.float64)
    whole = pl.DataFrame({"kind": ["all rows"] * len(some), "step": pl.Series(steps[some], dtype=pl.Int64)})
    whole = whole.with_columns(pl.Series(name, seen[:, i]) for i, name in enumerate(COLUMNS))
    trace = training.trace.select(
        pl.lit("batch").alias("kind"),
        pl.col("step").cast(pl.Int64),
        pl.col("gradient_norm").cast(pl.Float64).alias("norm"),
        pl.col("update_norm").cast(pl.Float64).alias("update"),
        pl.col("rate").cast(pl.Float64),
    )
    batches = training.ready.walk.batches
    clip = training.ready.settings.clip
    figures = {
        **_ends(trace, batches.full),
        **_values(seen),
        "rule": training.ready.settings.rule,
        "clip": clip,
        "entries": int(seen.shape[0] * len(training.names)),
        "points": len(some),
        "parameters": len(training.names),
        "full": batches.full,
        "batch": min(batches.size, batches.rows),
        "steps": training.steps,
        "rows": len(judged.share),
        "rows_of": len(training.ready.whole.share),
    }
    figures["floor"] = None if batches.full else figures["last_norm"]
    return Measurement("gradients", pl.concat([keep_extremes(trace, "norm"), whole], how="diagonal"), figures)


def _ends(trace: pl.DataFrame, full: bool) -> Figures:
    """The beginning and the end of what was recorded; None where no step was."""
    if trace.is_empty():
        names = ("first_norm", "last_norm", "ratio", "update_first", "update_last", "rate_first", "rate_last")
        return dict.fromkeys(names) | {"window": 0, "rate_constant": None}
    window = 1 if full else max(1, min(FEWEST, trace.height // 4), int(WINDOW * trace.height))
    ends: dict[str, Any] = {}
    for name, column in (("{}_norm", "norm"), ("update_{}", "update")):
        ends[name.format("first")] = trace[column].head(window).mean()
        ends[name.format("last")] = trace[column].tail(window).mean()
    first, last = ends["first_norm"], ends["last_norm"]
    rates = trace["rate"]
    return ends | {
        "ratio": last / first if first else None,
        "rate_first": rates[0],
        "rate_last": rates[-1],
        "rate_constant": bool(rates.min() == rates.max()),
        "window": window,
    }


def _values(seen: np.ndarray) -> Figures:
    """The entries along the path. seen: [points, columns], in the order of COLUMNS."""
    at = dict(zip(COLUMNS, seen.T, strict=True))
    return {
        "whole_first": float(at["norm"][0]),
        "whole_last": float(at["norm"][-1]),
        "smallest": float(at["smallest"].min()),
        "typical": float(np.median(at["typical"])),
        "largest": float(at["largest"].max()),
        "lowest": float(at["lowest"].min()),
        "highest": float(at["highest"].max()),
        "negative_share": float(at["negative"].mean()),
        "outside_share": float(at["outside"].mean()),
        "zero_share": float(at["zero"].mean()),
    }
