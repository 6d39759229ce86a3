"""A network on data outside the range that it saw, beside the same network that saw the whole range.

The universal approximation theorem (Cybenko, 1989; Hornik, 1991; Leshno et al., 1993) promises that some network of
one hidden layer, with units enough, comes as close as one likes to any continuous function ON A BOUNDED SET. Of the
function outside the set it says nothing, nor that descent finds the weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from fallline.data import decode
from fallline.data.steps import Number
from fallline.instruments.contenders import Contender, contend, graded, rows_of, stacked
from fallline.instruments.residuals import bins_of, find_pattern
from fallline.measurement import Figures
from fallline.settings import Settings
from fallline.survey import as_batch, respond
from fallline.training import Training

MIDDLE = (0.1, 0.9)  # of the training rows: the range that is seen
DISTINCT = 10  # values: a feature with fewer has no range to speak of
BEYOND = 0.05  # of the rows lie outside its middle, at least: with ties there may be none
OUTSIDE = 15  # rows outside that judge, at least
BINS = (8, 2)  # inside, and on either side


class Cut(NamedTuple):
    """The middle of a feature's values: which feature, and from where to where, on training's scale."""

    place: int
    low: float
    high: float

    def inside(self, features: np.ndarray) -> np.ndarray:
        """[rows] whether each row lies in it."""
        return (features[:, self.place] >= self.low) & (features[:, self.place] <= self.high)


def cut_out(features: np.ndarray, target: np.ndarray, share: np.ndarray, seed: int) -> Cut | None:
    """The middle of the number that tells most of the target; None where no feature has rows beyond its middle."""
    found = find_pattern(features, target.reshape(len(target), -1).astype(np.float64), share, seed)
    for place in [] if found is None else np.argsort(-found.shares, kind="stable"):
        values = features[:, place]
        cut = Cut(int(place), *(float(q) for q in np.quantile(values, MIDDLE)))
        beyond = (~cut.inside(features)).mean()
        if len(np.unique(values)) >= DISTINCT and beyond >= BEYOND:
            return cut
    return None


def measure_outside(
    training: Training, network: Contender, settings: Settings, seeds: list[int], steps: int
) -> tuple[Figures, pl.DataFrame] | None:
    """Train the network on rows of the middle only, and on as many of the whole range; judge both on other rows."""
    table: Any = training.table
    pool, unseen = table.split.train, np.concatenate([table.split.validation, table.split.test])
    rows = rows_of(training, table, pool)
    cut = cut_out(rows.features, np.asarray(rows.target), rows.weight / rows.weight.sum(), settings.seed)
    if cut is None:
        return None
    inside = np.flatnonzero(cut.inside(table.features[pool]))
    judged = rows_of(training, table, unseen)
    within = cut.inside(judged.features)
    if (~within).sum() < OUTSIDE or within.sum() < OUTSIDE or len(inside) < OUTSIDE:
        return None
    whole = np.sort(np.random.default_rng(settings.seed).choice(len(pool), len(inside), replace=False))
    batch, losses, said = as_batch(judged), [], []
    for chosen in (inside, whole):
        walked = contend(training, settings, seeds, steps, rows=rows_of(training, table, pool[chosen]))
        ends = walked.ends[network.place]
        losses.append(graded(network.parts, stacked(ends), batch).mean(axis=0))
        said.append(np.mean([np.asarray(respond(network.parts, e.parameters, batch)[1]) for e in ends], axis=0))
    if not all(np.isfinite(each).all() for each in (*losses, *said)):
        return None
    frame = _frame(table, cut, judged.features, unseen, within, said)
    return _figures(table, cut, frame, losses, within, network, len(inside)), frame


def _figures(
    table: Any, cut: Cut, frame: pl.DataFrame, losses: list, within: np.ndarray, network, rows: int
) -> Figures:
    name, low, high = _in_units(table, cut)
    extra = losses[0][~within] - losses[1][~within]
    number = table.target.task == "regression"

    def error(column: str, there: bool) -> float:
        if not number:
            return float(losses[0 if column == "error" else 1][within == there].mean())
        part = frame.filter(inside=there)
        return float(np.sqrt(np.average(part[column].to_numpy() ** 2, weights=part["rows"].to_numpy())))

    return {
        "range_feature": name,
        "range_low": low,
        "range_high": high,
        "range_model": network.model,
        "range_rows": rows,
        "inside_rows": int(within.sum()),
        "outside_rows": int((~within).sum()),
        "inside_error": error("error", True),
        "outside_error": error("error", False),
        "whole_inside_error": error("whole_error", True),
        "whole_outside_error": error("whole_error", False),
        "outside_extra": float(extra.mean()),
        "outside_extra_error": float(extra.std(ddof=1) / np.sqrt(len(extra))),
        "range_error": "root mean square error" if number else "loss",
    }


def _in_units(table: Any, cut: Cut) -> tuple[str, float, float]:
    name = table.preparation.feature_names[cut.place]
    low, high = own_units(table, cut.place, np.array([cut.low, cut.high]))
    return name, float(low), float(high)


def own_units(table: Any, place: int, values: np.ndarray) -> np.ndarray:
    """A feature's values as they stand in the table, where it is a number; as they are otherwise."""
    first = 0
    for step in table.preparation.steps:
        if isinstance(step, Number) and place == first:
            return values * step.scale + step.mean
        first += len(step.feature_names)
    return values


def _frame(
    table: Any, cut: Cut, features: np.ndarray, unseen: np.ndarray, within: np.ndarray, said: list[np.ndarray]
) -> pl.DataFrame:
    """Bins of the feature: where, how many rows, what they are and what both networks predict on average."""
    values = features[:, cut.place]
    actual, predicted = _comparable(table, unseen, said)
    error = [np.abs(p - actual) for p in predicted]
    bins = np.full(len(values), -1)
    for side, chosen in enumerate((within, values < cut.low, values > cut.high)):
        if chosen.any():
            bins[chosen] = 100 * side + bins_of(values[chosen], BINS[min(side, 1)])
    frame = pl.DataFrame(
        {
            "bin": bins,
            "inside": within,
            "x": own_units(table, cut.place, values),
            "actual": actual,
            "predicted": predicted[0],
            "error": error[0] ** 2,
            "whole_predicted": predicted[1],
            "whole_error": error[1] ** 2,
        }
    )
    mean = pl.col("x", "actual", "predicted", "whole_predicted").mean()
    root = pl.col("error", "whole_error").mean().sqrt()
    grouped = frame.group_by("bin", "inside").agg(mean, root, pl.len().cast(pl.Int64).alias("rows"))
    return grouped.sort("x").drop("bin").with_columns(pl.lit("range").alias("kind"))


def _comparable(table: Any, unseen: np.ndarray, said: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Numbers in the target's units; of classes whether it is the most common one, and its probability."""
    codes = table.codes[unseen]
    if table.target.task == "regression":
        return decode(table.target, codes), [decode(table.target, each) for each in said]
    if said[0].ndim == 1:
        return (codes == 1).astype(float), said
    most = int(np.bincount(codes.astype(int)).argmax())
    return (codes == most).astype(float), [each[:, most] for each in said]
