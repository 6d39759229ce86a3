"""Loss over a plane through the weights, and how far that picture is from the truth.

A plane holds two directions of as many as there are parameters. At every point of the path the true loss, with all
weights as they were, stands beside the plane's loss at the nearest point of the plane: the gap and the distance
between the two are the picture's error.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from fallline.errors import SettingsError
from fallline.instruments.objectives import along, objectives, objectives_on
from fallline.instruments.plane import grid_on, plane_over
from fallline.measurement import Figures, Measurement
from fallline.training import JUDGED, Training

OVER = ("path", "weights", "random")
MOST = 500  # points along a side


def measure_surface(
    training: Training,
    *,
    over: str,
    weights: str | None,
    points: int,
    step: int | None,
    seed: int,
    most: int = JUDGED,
) -> Measurement:
    """The loss on a grid of points x points, and along the path beside it.

    Args:
        over: "path" (the plane that holds most of the path's distances from its origin), "weights" (two of them) or
            "random" (two random directions, as long as the weights of each unit).
        weights: two names with a semicolon between, for over weights; else the two that moved furthest.
        step: after which the weights are the plane's origin; else those kept.
        most: training rows that the loss is taken over, at most.

    Returns: a frame of kind "grid" (x, y, loss) and "path" (step, x, y, loss: the true one, plane_loss, off: the
    distance from the plane); figures: over, x_name, y_name, share_captured (of the squared distances from the origin
    that the path went), gap (largest between true and plane's loss), gap_step, range (of the true loss along the path),
    start_loss, start_plane, end_loss, end_plane, farthest (off), uphill (points of the path higher on the plane than
    the one before), uphill_true (those whose true loss is), lowest (of the grid), path_points (drawn), path_of (kept),
    points, parameters, step, rows, rows_of.

    Raises: SettingsError for a model with one parameter, or what can't be a plane.
    """
    if over not in OVER:
        raise SettingsError(f"over is '{over}'.\nIt is one of: {', '.join(OVER)}.")
    if not 2 <= points <= MOST:
        raise SettingsError(f"points is {points}.\nGive 2 to {MOST}.")
    if len(training.names) == 1:
        raise SettingsError(
            "A surface needs two parameters, and the model has one.\nIts whole loss curve is a slice: fallline slice."
        )
    judged, like, (steps, path) = training.judged(most), training.start, training.path()
    kept, some = len(steps), along(len(steps))  # else thousands of points near the end would decide on the plane
    steps, path = steps[some], path[some].astype(np.float64)
    origin = training.flat(training.at(step)).astype(np.float64)
    plane = plane_over(training, over, weights, path, origin, seed)
    places = plane.places(path)
    grid = grid_on(plane, places, points)
    dtype = training.flat(like).dtype
    at = (np.concatenate([grid, places]) - plane.at).astype(dtype)
    there = training.unravel(origin.astype(dtype))
    on = objectives_on(training.parts, there, plane.ways.astype(dtype), at, judged).astype(np.float64)
    true = objectives(training.parts, like, path.astype(dtype), judged).astype(np.float64)
    off = np.linalg.norm(path - plane.points(places), axis=1)
    frame = _frame(grid, on[: len(grid)], steps, places, true, on[len(grid) :], off)
    figures = {
        "over": over,
        "x_name": plane.names[0],
        "y_name": plane.names[1],
        "share_captured": _captured(path - origin, off),
        **_compared(frame.filter(kind="path")),
        "lowest": _least(on[: len(grid)]),
        "farthest": float(off.max()),
        "path_points": len(steps),
        "path_of": kept,
        "points": points,
        "parameters": len(training.names),
        "step": training.kept_step if step is None else step,
        "rows": len(judged.share),
        "rows_of": len(training.ready.whole.share),
    }
    return Measurement("surface", frame, figures)


def _captured(moves: np.ndarray, off: np.ndarray) -> float | None:
    """The part of the squared distances from the origin that lies in the plane; None where nothing moved."""
    whole = float(np.sum(moves**2))
    return 1 - float(np.sum(off**2)) / whole if whole > 0 else None


def _frame(
    grid: np.ndarray,
    losses: np.ndarray,
    steps: np.ndarray,
    places: np.ndarray,
    true: np.ndarray,
    plane: np.ndarray,
    off: np.ndarray,
) -> pl.DataFrame:
    surface = pl.DataFrame({"kind": ["grid"] * len(grid), "x": grid[:, 0], "y": grid[:, 1], "loss": losses})
    path = pl.DataFrame(
        {
            "kind": ["path"] * len(steps),
            "step": pl.Series(steps, dtype=pl.Int64),
            "x": places[:, 0],
            "y": places[:, 1],
            "loss": true,
            "plane_loss": plane,
            "off": off,
        }
    )
    return pl.concat([surface, path], how="diagonal")


def _compared(path: pl.DataFrame) -> Figures:
    """How far the plane's loss is from the true one along the path; None where a number is not finite."""
    true, plane = path["loss"].to_numpy(), path["plane_loss"].to_numpy()
    gaps = np.abs(true - plane)
    finite = bool(np.isfinite(gaps).all())
    worst = int(np.argmax(gaps)) if finite else 0
    return {
        "gap": float(gaps[worst]) if finite else None,
        "gap_step": int(path["step"][worst]) if finite else None,
        "range": float(np.ptp(true)) if finite else None,
        "start_loss": float(true[0]),
        "end_loss": float(true[-1]),
        "start_plane": float(plane[0]),
        "end_plane": float(plane[-1]),
        "uphill": _rises(plane) if finite else None,
        "uphill_true": _rises(true) if finite else None,
    }


def _rises(losses: np.ndarray) -> int:
    """How many are higher than the one before, by more than rounding."""
    return int(np.sum(losses[1:] > losses[:-1] + 1e-6 * np.abs(losses[1:])))


def _least(losses: np.ndarray) -> float | None:
    there = losses[np.isfinite(losses)]
    return float(there.min()) if len(there) else None
