"""The loss against one weight, with the ball on it and where its next step lands."""

from __future__ import annotations

import numpy as np
import polars as pl

from fallline.figures.live.slice import draw_slice
from fallline.figures.live.streamed import BELOW, LOW
from fallline.instruments.slice import measure_slice
from fallline.lab.look import Drawn, Look
from fallline.lab.pictures.left import LONG, TALL, Words, branches, height_of
from fallline.lab.pictures.picture import Picture, ends, span
from fallline.numbers import count, number
from fallline.shortcut import as_parameters

ROWS = 2_000  # training rows that the loss is taken over, at most, while it moves
STEEP = 1.6  # times the highest point of the path: how much of the curve is seen


def look_slice(look: Look) -> Drawn:
    """The slice through the weights at the cursor, along the weight that is asked for."""
    training = look.walked
    k = training.names.index(look.weight)
    exact = training.ready.exact
    also = () if exact is None else (float(training.flat(as_parameters(exact, training.start))[k]),)
    found = measure_slice(training, weight=look.weight, step=look.step, also=also, most=ROWS, known=look.path_losses)
    f = found.figures
    kinds = {kind[0]: rows for kind, rows in found.frame.partition_by("kind", as_dict=True).items()}
    empty = found.frame.head(0)
    of = lambda kind: kinds.get(kind, empty)[["step", "weight", "loss"]]  # noqa: E731
    path = of("path").filter(pl.col("step") <= look.step)
    curve, ball, ghost = of("curve"), of("point"), of("next").head(0 if look.shown.quiz else 1)
    losses = [*path["loss"], *ball["loss"], *ghost["loss"]]
    finite = [v for v in losses if v is not None and np.isfinite(v)]
    low, high = span([*finite, float(np.nanmin(curve["loss"].to_numpy()))])
    high = low + STEEP * (high - low)
    slope = f["derivative"]
    words = f"slope {number(slope, 3)}" if slope is not None and np.isfinite(slope) else ""
    axes = (float(curve["weight"].min()), float(curve["weight"].max())), (low, high)  # type: ignore[arg-type]
    stands = height_of(f["loss"], (low, high))
    place = (f["value"] - axes[0][0]) / (axes[0][1] - axes[0][0])
    taken = (
        []
        if stands is None
        else [Words(place - LONG, place + LONG, stands + (BELOW if stands < LOW * TALL else -BELOW))]
    )
    data = {
        "curve": curve[["weight", "loss"]],
        "walked": path,
        "tangent": of("tangent")[["weight", "loss"]],
        "ball": ball.with_columns(pl.lit(words).alias("words")),
        "ghost": ghost,
        **branches(look, {"weight": k}, ("weight", "loss"), axes, taken),
    }
    params = ends(*axes) | {"weight": look.weight, "ball": float(f["value"])}
    of = {"walked": look.step + 1}
    return Drawn({"weight": look.weight}, data, params, _said(look, f, ghost.height > 0), of)


def _said(look: Look, f: dict, ghost: bool) -> str:
    said = f"{f['weight']} is {number(f['value'], 4)}; the loss there is {number(f['loss'], 4)}"
    if f["derivative"] is not None:
        said += f", its slope {number(f['derivative'], 4)}"
    if ghost and f["next_value"] is not None:
        said += f"; the next step lands at {number(f['next_value'], 4)}"
    few = "" if f["rows"] == f["rows_of"] else f" Taken over {count(f['rows'])} of {count(f['rows_of'])} rows."
    return f"{said}.{few}"


SLICE = Picture("slice", "Loss against one weight", look_slice, draw_slice, lambda look: True)
