"""What is left of the errors of the model that was kept: the feature whose bins tell most of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from fallline.instruments.contenders import HELD, held_rows
from fallline.instruments.outside import own_units
from fallline.instruments.residuals import Pattern, errors_of, find_pattern
from fallline.losses import LogLoss, Poisson, SoftmaxLoss, Squared
from fallline.measurement import Figures
from fallline.survey import as_batch
from fallline.training import Training

PREDICTION = "the prediction"
EMPTY = {"kind": [], "x": [], "mean": [], "spread": [], "rows": []}


def measure_residuals(training: Training, few: Training, seed: int) -> tuple[Figures, pl.DataFrame]:
    """The pattern in the errors of the kept model on held-out rows, its figures and its bins.

    Figures: residual_feature, residual_share (of the errors' variance), residual_chance, residual_rows, residual_held
    (False where no rows were held out and training rows had to do), residual_unit: "target" (actual - predicted, in
    the target's units), "probability", or "pull" (how strongly the loss would have the prediction raised), and
    residual_class, whose probability it is.
    """
    rows, parts = held_rows(few), training.parts
    prediction, errors = (np.asarray(a, np.float64) for a in errors_of(parts, training.kept, as_batch(rows)))
    prediction = np.asarray(parts.loss.response(prediction), np.float64)  # pyright: ignore[reportAttributeAccessIssue]
    said, errors = (a.reshape(len(rows.weight), -1) for a in (prediction, errors))
    found = None
    if np.isfinite(said).all():
        columns = np.concatenate([np.asarray(rows.features, np.float64), said[:, :1]], axis=1)
        found = find_pattern(columns, errors, np.asarray(rows.weight / rows.weight.sum(), np.float64), seed)
    table: Any = training.table
    held = len(table.split.validation) >= HELD
    figures: Figures = {"residual_rows": len(rows.weight), "residual_held": held, "residual_unit": _unit(training)}
    if found is None:
        none = dict.fromkeys(("residual_feature", "residual_share", "residual_chance", "residual_class"))
        return figures | none, pl.DataFrame(EMPTY)
    names = [*table.preparation.feature_names, PREDICTION]
    column = _telling(errors, found)
    figures |= {
        "residual_feature": names[found.place],
        "residual_share": found.share,
        "residual_chance": found.chance,
        "residual_class": _class(table, errors, column),
    }
    scaled = figures["residual_unit"] == "target"
    scale = table.target.scale if scaled else 1.0
    x = columns[:, found.place]
    if found.place < len(names) - 1:
        x = own_units(table, found.place, x)
    elif scaled and not isinstance(parts.loss, Poisson):
        x = x * scale + table.target.mean
    return figures, _frame(x, errors[:, column] * scale, found)


def _unit(training: Training) -> str:
    loss, target = training.parts.loss, training.table.target  # pyright: ignore[reportOptionalMemberAccess]
    if target.task == "regression" and isinstance(loss, Squared | Poisson):
        return "target"
    if target.task == "classes" and isinstance(loss, Squared | LogLoss | SoftmaxLoss):
        return "probability"
    return "pull"


def _telling(errors: np.ndarray, found: Pattern) -> int:
    """The output whose mean error differs most between the bins."""
    between = np.zeros(errors.shape[1])
    for place in np.unique(found.bins):
        chosen = errors[found.bins == place]
        between += len(chosen) * (chosen.mean(axis=0) - errors.mean(axis=0)) ** 2
    return int(np.argmax(between))


def _class(table: Any, errors: np.ndarray, column: int) -> str | None:
    if table.target.task != "classes":
        return None
    return str(table.target.classes[column if errors.shape[1] > 1 else 1])


def _frame(x: np.ndarray, errors: np.ndarray, found: Pattern) -> pl.DataFrame:
    """Each bin's middle, the mean error in it, the standard deviation of that mean, and its rows."""
    frame = pl.DataFrame({"bin": found.bins, "x": x, "error": errors})
    spread = (pl.col("error").std() / pl.len().sqrt()).alias("spread")
    bins = frame.group_by("bin").agg(
        pl.col("x").mean(), pl.col("error").mean().alias("mean"), spread, pl.len().cast(pl.Int64).alias("rows")
    )
    return bins.sort("x").drop("bin").with_columns(pl.lit("residual").alias("kind"))
