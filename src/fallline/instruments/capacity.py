"""Is the model able to hold the answer? Its kind trained beside a linear model and networks of other sizes.

The linear model at its best is a wall: on the training rows no linear model gets below it. What a bigger network
gains on held-out rows is what the smaller one cannot hold. Two more looks: do the errors of the model that was
trained still have a pattern, and what does a network do outside the range that it saw?
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from fallline.errors import SettingsError
from fallline.instruments.contenders import HELD, Contender, best_of, contend, few_rows, held_rows, standing
from fallline.instruments.errors_left import measure_residuals
from fallline.instruments.outside import measure_outside
from fallline.instruments.wall import Wall, linear_wall
from fallline.losses import Penalty
from fallline.measurement import Figures, Measurement
from fallline.models import Linear
from fallline.survey import as_batch, grade
from fallline.training import Training

NETWORKS = ("mlp:8", "mlp:32", "mlp:32,32")
LARGEST = NETWORKS[-1]
STEPS = (300, 1_000)  # of a trial, at least and at most
SEEDS = 2
OWN_MOST = 20_000  # parameters: a larger model of the run's own is judged as it was trained, not trained again
PLAIN = {"activation": "relu", "init": "auto", "bias": True}
SCHEMA: dict[str, Any] = {
    "kind": pl.String,
    "model": pl.String,
    "own": pl.Boolean,
    "parameters": pl.Int64,
    "rate": pl.Float64,
    "train_loss": pl.Float64,
    "validation_loss": pl.Float64,
    "seeds_spread": pl.Float64,
    "wall": pl.Float64,
    "x": pl.Float64,
    "mean": pl.Float64,
    "spread": pl.Float64,
    "rows": pl.Int64,
    "inside": pl.Boolean,
    "actual": pl.Float64,
    "predicted": pl.Float64,
    "error": pl.Float64,
    "whole_predicted": pl.Float64,
    "whole_error": pl.Float64,
}


def measure_capacity(training: Training, *, steps: int | None, seed: int) -> Measurement:
    """Models of several sizes on the same rows, the pattern of the errors, and a network outside its range.

    Returns: a frame of kind "model" (model, own, parameters, rate, train_loss, validation_loss, seeds_spread, wall),
    "residual" (x: bin of the most telling feature, mean and spread of the errors, rows) and "range" (x: bin of a
    feature, inside, actual, predicted, error; whole_predicted, whole_error of the network that saw the whole range).

    Raises: SettingsError for a loss of one's own, which has no features.
    """
    if training.table is None:
        raise SettingsError(
            f"{training.name} is on a loss of its own, so that there are no features for another model.\n"
            "capacity needs a training on a table."
        )
    settings, few = training.ready.settings, few_rows(training)
    steps = steps or int(np.clip(training.steps, *STEPS))
    seeds = [seed + n for n in range(SEEDS)]
    held = as_batch(held_rows(few))
    wall = linear_wall(few, few.ready.rows)
    models = [standing(_linear_name(wall), wall.parts, wall.parameters, wall.loss, held)]
    own = models[0].model if isinstance(training.parts.model, Linear) else _network_name(training)
    # beside a network of the run's own the smallest tells little, and costs as much as the others
    sizes = NETWORKS if own == models[0].model else NETWORKS[1:]
    asked = {name: settings.model_copy(update=PLAIN | {"model": name}) for name in sizes}
    as_trained = own not in asked and training.flat(training.kept).size > OWN_MOST
    if own != models[0].model and not as_trained:
        asked[own] = settings
    for name, each in asked.items():
        found = best_of(name, contend(few, each, seeds, steps), held)
        models += [] if found is None else [found]
    if as_trained:
        loss = float(grade(replace(training.parts, penalty=Penalty()), training.kept, few.ready.whole))
        models.append(standing(own, training.parts, training.kept, loss, held))
    figures = compared(models, own, wall) | {
        "own_as_trained": as_trained,
        "run_validation": standing(own, training.parts, training.kept, 0.0, held).held_loss,
        "rows": len(few.ready.rows.weight),
        "rows_of": len(training.ready.rows.weight),
        "held_rows": len(held.share),
        "held_out": len(training.table.split.validation) >= HELD,
        "steps": steps,
        "seeds": SEEDS,
        "batch": few.ready.walk.batches.size,
    }
    pattern, drawn = measure_residuals(training, few, seed)
    largest = next((m for m in models if m.model == LARGEST), None)
    outside = None if largest is None else measure_outside(few, largest, asked[LARGEST], seeds, steps)
    frames = [_models_frame(models, own, wall), drawn, *([] if outside is None else [outside[1]])]
    frame = pl.concat([_whole(each) for each in frames])
    return Measurement("capacity", frame, figures | pattern | ({} if outside is None else outside[0]))


def _network_name(training: Training) -> str:
    return "mlp:" + ",".join(str(n) for n in training.parts.model.hidden)


def _linear_name(wall: Wall) -> str:
    """As the settings call it."""
    return {"LogLoss": "logistic", "SoftmaxLoss": "softmax"}.get(type(wall.parts.loss).__name__, "linear")


def compared(models: list[Contender], own: str, wall: Wall) -> Figures:
    """The linear model against the best network, and the run's own model against the best of all.

    The standard errors are those of a mean of differences, row by row: both models saw the same held-out rows.
    """
    linear, networks = models[0], models[1:]
    network = min(networks, key=lambda m: m.held_loss, default=None)
    best = min(models, key=lambda m: m.held_loss)
    mine = next((m for m in models if m.model == own), None)

    def behind(one: Contender, other: Contender) -> tuple[float, float]:
        apart = one.losses - other.losses
        return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(len(apart)))

    gain, gain_error = (None, None) if network is None else behind(linear, network)
    short, short_error = (None, None) if mine is None else behind(mine, best)
    return {
        "wall_model": linear.model,
        "wall": wall.loss,
        "wall_validation": linear.held_loss,
        "wall_how": wall.how,
        "wall_certain": wall.certain,
        "wall_gradient": wall.gradient,
        "network": None if network is None else network.model,
        "network_parameters": None if network is None else network.count,
        "network_train": None if network is None else network.train_loss,
        "network_validation": None if network is None else network.held_loss,
        "network_gain": gain,
        "network_gain_error": gain_error,
        "own": own,
        "own_parameters": None if mine is None else mine.count,
        "own_train": None if mine is None else mine.train_loss,
        "own_validation": None if mine is None else mine.held_loss,
        "best": best.model,
        "best_parameters": best.count,
        "best_validation": best.held_loss,
        "own_short": short,
        "own_short_error": short_error,
        "models": [model.model for model in models],
    }


def _models_frame(models: list[Contender], own: str, wall: Wall) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "kind": ["model"] * len(models),
            "model": [m.model for m in models],
            "own": [m.model == own for m in models],
            "parameters": [m.count for m in models],
            "rate": pl.Series([m.rate for m in models], dtype=pl.Float64),
            "train_loss": [m.train_loss for m in models],
            "validation_loss": [m.held_loss for m in models],
            "seeds_spread": pl.Series([m.spread for m in models], dtype=pl.Float64),
            "wall": [wall.loss] * len(models),
        }
    )


def _whole(frame: pl.DataFrame) -> pl.DataFrame:
    """All columns, in order."""
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in SCHEMA.items() if name not in frame.columns]
    return frame.with_columns(absent).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
