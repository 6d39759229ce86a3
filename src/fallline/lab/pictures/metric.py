"""The final measure on the validation rows, beside the loss."""

from __future__ import annotations

import polars as pl

from fallline import words
from fallline.figures.live.metric import draw_metric
from fallline.lab.look import Drawn, Look
from fallline.lab.pictures.picture import Picture, ends, last_step, looks_at, span, validated
from fallline.numbers import count


def look_metric(look: Look) -> Drawn:
    """Every look at the validation rows up to the cursor."""
    made = look.evaluations.filter(pl.col("step") <= look.step)
    looks = looks_at(look, "validation_metric", "value").filter(pl.col("step") <= look.step)
    low, high = span(looks["value"])
    said = "The validation rows have not been looked at yet."
    if made.height:
        last = made.row(-1, named=True)
        taken = words.measure(look.metric, last["validation_metric"])
        said = f"At step {count(last['step'])}: {taken} on the validation rows."
    here = pl.DataFrame({"step": [look.step]})
    name = {"rmse": "RMSE", "r2": "R²", "mae": "mean absolute error"}.get(look.metric, look.metric.replace("_", " "))
    axes = ends((0.0, last_step(look)), (low, high))
    return Drawn({"measure": name}, {"looks": looks, "here": here}, axes, said, {"looks": made.height})


METRIC = Picture("metric", "Final measure", look_metric, draw_metric, validated)
