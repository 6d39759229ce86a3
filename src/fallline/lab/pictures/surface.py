"""The loss over two weights or over the plane of the path, with the path on it and what the picture leaves out."""

from __future__ import annotations

import numpy as np
import polars as pl

from fallline.figures.live.surface import SHADES, draw_surface
from fallline.instruments.surface import measure_surface
from fallline.lab.look import Drawn, Look
from fallline.lab.pictures.left import branches
from fallline.lab.pictures.picture import Picture, ends
from fallline.numbers import count, number, share

SIDE = 25  # cells along each side
ROWS = 500  # training rows that the loss is taken over, at most, while it moves


def look_surface(look: Look) -> Drawn:
    """The surface through the weights at the cursor."""
    training, asked = look.walked, look.shown
    pair = asked.weights if asked.weights and set(asked.weights) <= set(training.names) else None
    over = "path" if asked.over == "path" and look.step > 1 else "weights"
    found = measure_surface(
        training,
        over=over,
        weights=";".join(pair) if pair and over == "weights" else None,
        points=SIDE,
        step=look.step,
        seed=0,
        most=ROWS,
    )
    f = found.figures
    grid, path = found.frame.filter(kind="grid"), found.frame.filter(kind="path")
    walked = path.filter(pl.col("step") <= look.step).select("step", "x", "y", "loss", "plane_loss")
    ghost = path.filter(pl.col("step") == look.step + 1).head(0 if asked.quiz else 1).select("step", "x", "y")
    ball = walked.tail(1)
    on = [training.names.index(f[name]) for name in ("x_name", "y_name")] if over == "weights" else []
    cells = _cells(grid)
    bounds = [(float(cells[f"{s}1"].min()), float(cells[f"{s}2"].max())) for s in "xy"]  # type: ignore[arg-type]
    data = {
        "cells": cells,
        "walked": walked,
        "ball": ball.with_columns(pl.lit(f"{number(ball['loss'][0], 3)}").alias("words")),
        "ghost": ghost,
        **branches(look, dict(zip("xy", on, strict=False)), ("x", "y"), (bounds[0], bounds[1])),
    }
    params = ends(*bounds) | _held(f, ball, over)
    names = {"x_name": f["x_name"], "y_name": f["y_name"]}
    return Drawn(names, data, params, _said(f, ball, over), {"walked": look.step + 1})


def _held(f: dict, ball: pl.DataFrame, over: str) -> dict[str, float | str]:
    """What a person can take hold of: the ball and its two weights, where the axes are weights."""
    if over != "weights":
        return {}
    x, y = ball.select("x", "y").row(0)
    return {"x_weight": f["x_name"], "y_weight": f["y_name"], "ball": x, "ball_y": y}


def _cells(grid: pl.DataFrame) -> pl.DataFrame:
    """The sides of the cell around each point, and its level: each twice as far above the lowest as the one below."""
    halves = {}
    for side in "xy":
        places = np.unique(grid[side].to_numpy())
        halves[side] = (places[1] - places[0]) / 2 if len(places) > 1 else 0.5
    loss = grid["loss"].cast(pl.Float64).to_numpy()
    there = loss[np.isfinite(loss)]
    low, high = (float(there.min()), float(there.max())) if len(there) else (0.0, 1.0)
    bounds = low + (high - low) * 0.5 ** np.arange(len(SHADES) - 1, 0, -1)
    level = np.where(np.isfinite(loss), np.searchsorted(bounds, np.nan_to_num(loss, nan=high)), len(SHADES) - 1)
    return grid.select(
        "x",
        "y",
        *((pl.col(s) - halves[s]).alias(f"{s}1") for s in "xy"),
        *((pl.col(s) + halves[s]).alias(f"{s}2") for s in "xy"),
        "loss",
        pl.Series("level", level.astype(np.int64)),
    )


def _said(f: dict, ball: pl.DataFrame, over: str) -> str:
    true, plane = float(ball["loss"][0]), float(ball["plane_loss"][0])
    said = f"The true loss at the ball is {number(true, 4)}, the picture's there {number(plane, 4)}"
    if f["share_captured"] is not None:
        said += f"; the picture holds {share(f['share_captured'])} of the movement"
    few = "" if f["rows"] == f["rows_of"] else f" Taken over {count(f['rows'])} of {count(f['rows_of'])} rows."
    return f"{said}.{few}"


SURFACE = Picture(
    "surface", "Loss over two directions", look_surface, draw_surface, lambda look: len(look.training.names) > 1
)
