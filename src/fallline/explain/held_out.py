"""The final measures of a run as figures, beside what a trivial answer would score on the same rows."""

from __future__ import annotations

from typing import Any

import polars as pl

from fallline.measurement import Figures
from fallline.metrics import LARGER_IS_BETTER

PARTS = ("test", "validation", "train")
NAMES = {"test": "test rows, which training never saw", "validation": "validation rows", "train": "training rows"}


def held_out_facts(run: Any) -> Figures:
    """The measure on the rows farthest from training, on the training rows, and of a trivial answer."""
    part = next((p for p in PARTS if run.metrics.get(p)), None)
    if part is None:
        return {"part": None, "metric_value": None, "metric_train": None, "trivial_metric": None, "metric_better": None}
    found, train = run.metrics[part], run.metrics.get("train") or {}
    return {
        "part": part,
        "part_words": NAMES[part],
        "part_rows": run.data["rows"][part],
        "metric_value": found.get(run.metric),
        "metric_train": train.get(run.metric),
        "part_loss": found.get("loss"),
        "metric_better": "higher" if run.metric in LARGER_IS_BETTER else "lower",
        "trivial_metric": _trivial(run, part),
        "r2": found.get("r2"),
    }


def _trivial(run: Any, part: str) -> float | None:
    """What the mean of the training rows, or the commonest class, scores there; None where that is not known."""
    if run.metric == "r2":
        return 0.0
    frame = run.predictions
    if frame is None or part == "train":
        return None
    actual = frame.filter(pl.col("part") == part)["actual"]
    if actual.is_empty() or len(actual) < run.data["rows"][part]:
        return None  # more rows than were kept
    if run.metric == "accuracy":
        return int(actual.value_counts()["count"].max()) / len(actual)  # pyright: ignore[reportArgumentType]
    target = run.data["target"]
    if run.metric not in ("rmse", "mae") or target["mean"] == 0.0 or not actual.dtype.is_numeric():
        return None
    off = (actual.cast(pl.Float64) - target["mean"]).to_numpy()
    return float((off**2).mean() ** 0.5 if run.metric == "rmse" else abs(off).mean())
