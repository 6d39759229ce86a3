"""The final measure on the validation rows, beside the loss."""

from __future__ import annotations

import polars as pl

from fallline import words
from fallline.figures.live.metric import draw_metric
from fallline.lab.look import Drawn, Look
from fallline.lab.pictures.picture import Picture, ends, last_step, span
from fallline.numbers import count


def look_metric(look: Look) -> Drawn:
    """Every look at the validation rows up to the cursor."""
    looks = look.evaluations.filter(pl.col("step") <= look.step).select(
        "step", pl.col("validation_metric").alias("value")
    )
    low, high = span(looks["value"], zero=False)
    said = "The validation rows have not been looked at yet."
    if looks.height:
        last = looks.row(-1, named=True)
        said = f"At step {count(last['step'])}: {words.measure(look.metric, last['value'])} on the validation rows."
    here = pl.DataFrame({"step": [look.step]})
    name = {"rmse": "RMSE", "r2": "R²", "mae": "mean absolute error"}.get(look.metric, look.metric.replace("_", " "))
    return Drawn({"measure": name}, {"looks": looks, "here": here}, ends((0.0, last_step(look)), (low, high)), said)


METRIC = Picture("metric", "Final measure", look_metric, draw_metric, lambda look: _held(look))


def _held(look: Look) -> bool:
    return look.training.table is not None and len(look.training.table.split.validation) > 0
