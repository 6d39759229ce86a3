"""What the model answers over the data at a step: its function where it can be drawn, else answers beside the truth.

Four shapes, by what the data are:

    line      one number in, a number out: the rows, and the model's function over their range
    regions   two numbers in, classes out: the rows, and the class that the model gives to each place between them
    against   more columns in, a number out: each row's prediction against what was true
    classes   more columns in, classes out: of each class's rows, the share that is recognised
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from fallline.data import Number, apply, decode
from fallline.errors import SettingsError
from fallline.losses import Hinge
from fallline.measurement import Figures, Measurement
from fallline.survey import Rows, as_batch, respond
from fallline.table import Table, to_classes
from fallline.training import Training
from fallline.types import Parameters

ROWS = 400  # of the training rows, evenly chosen, that are looked at
PLACES = 61  # along the function's line
SIDE = 31  # places along each side of the regions
BESIDE = 0.05  # how far the line goes on beyond the rows, as a part of their range


def measure_predictions(training: Training, *, step: int | None) -> Measurement:
    """The model's answers in the target's own units, the weights being those after a step.

    Returns: a frame of kind "row" (row: its number in the table, x, y: as in the table, or actual and predicted) and
    "line" (x, predicted), "cell" (x, y, predicted), or "class" (class, recognised, rows); figures: shape, x_name,
    y_name, target, step, rows, rows_of, rmse and spread (standard deviation of the target), or recognised and commonest
    (share of the rows whose class the model gives, and of the commonest class).

    Raises: SettingsError for a loss of one's own, whose predictions are not known.
    """
    table = training.table
    if table is None:
        raise SettingsError("A loss of one's own has no predictions to look at.\nTrain on a table to see them.")
    parameters = training.kept if step is None else training.at(step)
    every = table.split.train
    index = every[np.unique(np.linspace(0, len(every) - 1, min(ROWS, len(every))).round().astype(int))]
    answer = _answers(training, parameters, table.features[index])
    own = decode(table.target, table.codes[index])
    numbers = [s for s in table.preparation.steps if isinstance(s, Number) and s.kind == "number"]
    plain = len(numbers) == len(table.preparation.steps) == len(table.preparation.feature_names)
    figures: Figures = {
        "target": table.target.name,
        "step": training.kept_step if step is None else step,
        "rows": len(index),
        "rows_of": len(every),
        "rmse": None,
        "spread": None,
        "recognised": None,
        "commonest": None,
        "x_name": None,
        "y_name": None,
    }
    rows = table.frame[index]
    kept = pl.DataFrame({"kind": ["row"] * len(index), "row": table.numbers[index] + 1})
    if table.target.task == "regression":
        error = np.asarray(answer, np.float64) - np.asarray(own, np.float64)
        figures |= {"rmse": float(np.sqrt(np.mean(error**2))), "spread": float(np.std(own))}
        if plain and len(numbers) == 1:
            return _line(training, parameters, table, kept, rows, own, figures)
        frame = kept.with_columns(x=pl.Series(np.asarray(own, np.float64)), y=pl.Series(np.asarray(answer, np.float64)))
        names = {"x_name": f"{table.target.name}, in the table", "y_name": "predicted"}
        return Measurement("predictions", frame, figures | {"shape": "against"} | names)
    right = np.asarray(answer) == np.asarray(own)
    common = np.unique(np.asarray(own), return_counts=True)[1].max()
    figures |= {"recognised": float(right.mean()), "commonest": float(common / len(own))}
    if plain and len(numbers) == 2:
        return _regions(training, parameters, table, kept, rows, own, figures)
    of = pl.DataFrame({"class": [str(c) for c in own], "right": right})
    each = of.group_by("class", maintain_order=True).agg(
        pl.col("right").mean().alias("recognised"), pl.len().alias("rows")
    )
    frame = each.sort("class").with_columns(pl.lit("class").alias("kind"))
    return Measurement("predictions", frame, figures | {"shape": "classes"})


def _answers(training: Training, parameters: Parameters, features: np.ndarray) -> np.ndarray:
    """The model's answers [rows] in the target's own units."""
    parts, table = training.parts, training.table
    assert table is not None
    outputs = parts.model.outputs
    target = np.zeros(len(features) if outputs == 1 else (len(features), outputs))
    response = np.asarray(respond(parts, parameters, as_batch(Rows(features, target, np.ones(len(features)))))[1])
    if table.target.task == "regression":
        return decode(table.target, response)
    return decode(table.target, to_classes(np.nan_to_num(response), not isinstance(parts.loss, Hinge))[0])


def _line(
    training: Training,
    parameters: Parameters,
    table: Table,
    kept: pl.DataFrame,
    rows: pl.DataFrame,
    own: np.ndarray,
    figures: Figures,
) -> Measurement:
    (step,) = table.preparation.steps
    x = _values(step, rows)
    beside = BESIDE * (np.nanmax(x) - np.nanmin(x)) or 1.0
    places = np.linspace(np.nanmin(x) - beside, np.nanmax(x) + beside, PLACES)
    line = _answers(training, parameters, apply(table.preparation, pl.DataFrame({step.name: places})))
    frame = pl.concat(
        [
            kept.with_columns(x=pl.Series(x), y=pl.Series(np.asarray(own, np.float64))),
            pl.DataFrame({"kind": ["line"] * PLACES, "x": places, "y": np.asarray(line, np.float64)}),
        ],
        how="diagonal",
    )
    return Measurement(
        "predictions", frame, figures | {"shape": "line", "x_name": step.name, "y_name": table.target.name}
    )


def _regions(
    training: Training,
    parameters: Parameters,
    table: Table,
    kept: pl.DataFrame,
    rows: pl.DataFrame,
    own: np.ndarray,
    figures: Figures,
) -> Measurement:
    first, second = table.preparation.steps
    x, y = _values(first, rows), _values(second, rows)
    across, up = (np.linspace(np.nanmin(v), np.nanmax(v), SIDE) for v in (x, y))
    grid = pl.DataFrame({first.name: np.repeat(across, SIDE), second.name: np.tile(up, SIDE)})
    answer = _answers(training, parameters, apply(table.preparation, grid))
    frame = pl.concat(
        [
            kept.with_columns(x=pl.Series(x), y=pl.Series(y), **{"class": pl.Series([str(c) for c in own])}),
            pl.DataFrame(
                {
                    "kind": ["cell"] * len(grid),
                    "x": grid[first.name],
                    "y": grid[second.name],
                    "class": [str(c) for c in answer],
                }
            ),
        ],
        how="diagonal",
    )
    return Measurement(
        "predictions", frame, figures | {"shape": "regions", "x_name": first.name, "y_name": second.name}
    )


def _values(step: Any, rows: pl.DataFrame) -> np.ndarray:
    return np.asarray(step.values(rows[step.name]), np.float64)
