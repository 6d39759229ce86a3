"""The loss over a plane as filled levels with the path on it, and beneath it how far the plane is from the truth."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from fallline.figures.axes import DECADES, Range, levels_of, range_of, step_axis, y_axis
from fallline.figures.downsample import finite
from fallline.figures.recorded import FEW
from fallline.figures.theme import HELD, INK, TRAIN, finish, halo, nothing
from fallline.measurement import Measurement
from fallline.numbers import count, number, share

HEIGHT, BELOW = 380, 160
SIDE = 64  # cells along a side that are drawn, at most
LEVELS = 9
PLAIN = 1e-5  # of the loss: cells that differ by less are one level
# pale where the loss is low, where the path ends; each darker than the one before, also in grey
SHADES = ("#f7fbf4", "#e3f1d9", "#c5e3c6", "#9fd0bd", "#72b8b8", "#4a9bb0", "#317ca1", "#285c8c", "#263f70", "#241f4d")
TRUE, FLAT = "true loss, all weights", "loss on the plane"


def draw_surface(measurement: Measurement) -> alt.LayerChart:
    """The surface chart, from a frame of kind "grid" (x, y, loss) and "path" (step, x, y, loss, plane_loss)."""
    frame, figures = measurement.frame, measurement.figures
    title = "Loss over a plane through the weights, and the path"
    cells, path = _cells(frame.filter(kind="grid")), finite(frame.filter(kind="path"))
    losses = levels_of(cells["loss"])
    if not len(losses):
        return nothing(title, "There is no finite loss to draw.")
    x, y = alt.X("x:Q", **_axis(cells, "x", figures)), alt.Y("y:Q", **_axis(cells, "y", figures))
    drawn = path.drop_nulls(["x", "y"]).select("step", "x", "y", "loss", "plane_loss")
    layers = [_levels(cells, losses, x, y), *(_path(drawn, x, y) if drawn.height else [])]
    return finish(layers, title, _describe(figures), height=HEIGHT)


def draw_error(measurement: Measurement) -> alt.LayerChart:
    """How honest the surface is: the true loss at each point of the path, and the loss of the plane beneath it."""
    path = finite(measurement.frame.filter(kind="path"))
    title = "The true loss along the path, and the loss that the picture shows"
    columns = {"loss": TRUE, "plane_loss": FLAT}
    long = pl.concat(
        path.select("step", pl.col(column).alias("value"), pl.lit(series).alias("series"))
        for column, series in columns.items()
    ).drop_nulls("value")
    if long.is_empty():
        return nothing(title, "There is no finite loss to draw.")
    y = y_axis("value:Q", "loss", range_of(levels_of(long["value"])))
    scale = alt.Scale(domain=[TRUE, FLAT], range=[TRAIN, HELD])
    legend = alt.Legend(title=None, symbolType="stroke")
    colour = alt.Color("series:N", scale=scale, legend=legend)
    dash = alt.StrokeDash("series:N", scale=alt.Scale(domain=[TRUE, FLAT], range=[[1, 0], [6, 3]]), legend=legend)
    tooltip = [alt.Tooltip("series:N", title="line"), alt.Tooltip("step:Q", format=",d")]
    base = alt.Chart(long).encode(x=step_axis(), y=y, color=colour)
    points = base.mark_point(filled=True, size=24, opacity=1 if path.height <= FEW else 0, clip=True, aria=False)
    layers = [
        base.mark_line(strokeWidth=2, clip=True).encode(strokeDash=dash),
        points.encode(tooltip=[*tooltip, alt.Tooltip("value:Q", format=",.4~r")]),
    ]
    return finish(layers, title, _describe_error(measurement.figures), height=BELOW)


def _cells(grid: pl.DataFrame) -> pl.DataFrame:
    """x, y, loss, and the sides of the cell around each point; every so many of a grid with very many."""
    if grid.is_empty():
        return grid.select("loss")
    for side in "xy":
        values = grid[side].unique().sort().to_numpy()
        kept = values[:: -(-len(values) // SIDE)]
        half = (kept[1] - kept[0]) / 2 if len(kept) > 1 else 0.5
        grid = grid.filter(pl.col(side).is_in(kept)).with_columns(
            (pl.col(side) - half).alias(f"{side}1"), (pl.col(side) + half).alias(f"{side}2")
        )
    sides = grid.select(pl.col("x", "y", "x1", "x2", "y1", "y2").round_sig_figs(9))  # neighbours may be close
    return sides.with_columns(finite(grid.select("loss")))


def _axis(cells: pl.DataFrame, side: str, figures: dict) -> dict[str, Any]:
    ends = levels_of(cells[f"{side}1"], cells[f"{side}2"])
    low, high = float(ends.min()), float(ends.max())
    axis = alt.Axis(format=Range(low, high).format(), tickCount=7, labelOverlap="greedy", grid=False)
    scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    return {"title": figures[f"{side}_name"], "axis": axis, "scale": scale}


def _levels(cells: pl.DataFrame, losses: np.ndarray, x: alt.X, y: alt.Y) -> alt.Chart:
    """Filled levels: each twice as far above the lowest loss as the one below, or equal ratios over decades.

    Equal steps would leave the valley, where most of the path lies, in one colour.
    """
    low, high = float(losses.min()), float(losses.max())
    log = low > 0 and high > low * 10**DECADES
    doubled = low + (high - low) * 0.5 ** np.arange(LEVELS, 0, -1)
    digits = 3 if log else _digits(max(abs(low), abs(high)), (high - low) * 0.5**LEVELS)
    between = np.geomspace(low, high, LEVELS + 2)[1:-1] if log else doubled
    bounds = sorted({float(f"{bound:.{digits}g}") for bound in between})
    names = _named(bounds, digits, plain=high - low <= PLAIN * max(abs(low), abs(high)))
    place = np.searchsorted(bounds[: len(names) - 1], cells["loss"].fill_null(low).to_numpy(), side="right")
    there = sorted(set(place.tolist()), reverse=True)
    cells = cells.with_columns(pl.Series("level", [names[i] for i in place])).drop_nulls("loss")
    title = (
        ["loss;", "levels in", "equal ratios"] if log else ["loss;", "each level", "twice as far", "from the lowest"]
    )
    legend = alt.Legend(
        title=title, orient="right", direction="vertical", symbolType="square", symbolSize=260, symbolStrokeWidth=0
    )
    scale = alt.Scale(domain=[names[i] for i in there], range=[SHADES[i] for i in there])
    tooltip = [alt.Tooltip(f"{name}:Q", format=",.4~r") for name in ("x", "y", "loss")]
    mark = alt.Chart(cells).mark_rect(invalid="filter", strokeWidth=0.75, aria=False, clip=True)
    sides = {"x": x.copy(), "y": y.copy()}
    sides["x"]["shorthand"], sides["y"]["shorthand"] = "x1:Q", "y1:Q"
    colour = alt.Color("level:N", scale=scale, legend=legend)
    seam = alt.Stroke("level:N", scale=scale, legend=legend)  # else the page shines through between cells
    return mark.encode(**sides, x2="x2", y2="y2", color=colour, stroke=seam, tooltip=tooltip)


def _digits(size: float, apart: float) -> int:
    """In how many digits numbers of that size are different that lie so far apart; 9 at most."""
    return int(np.clip(np.ceil(np.log10(max(size, 1e-300) / max(apart, 1e-300))) + 1, 3, 9))


def _named(bounds: list[float], digits: int, *, plain: bool) -> list[str]:
    """What each level is called, the lowest first."""
    if plain:
        return [number(bounds[0])]
    inner = [f"{number(a, digits)} to {number(b, digits)}" for a, b in pairwise(bounds)]
    return [f"below {number(bounds[0], digits)}", *inner, f"{number(bounds[-1], digits)} or more"]


def _path(path: pl.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    base = alt.Chart(path.sort("step")).encode(x=x, y=y)
    line = {"order": "step:Q"}
    tooltip = [
        alt.Tooltip("step:Q", format=",d"),
        alt.Tooltip("loss:Q", title=TRUE, format=",.4~r"),
        alt.Tooltip("plane_loss:Q", title=FLAT, format=",.4~r"),
    ]
    ends = path.sort("step")[[0, -1]] if path.height > 1 else path
    words = ["start", "end"] if path.height > 1 else ["end"]
    named = alt.Chart(ends.with_columns(pl.Series("words", words))).encode(x=x, y=y)
    return [
        base.mark_line(color="white", strokeWidth=4.5, strokeJoin="round").encode(**line),
        base.mark_line(color=HELD, strokeWidth=1.75, strokeJoin="round").encode(**line),
        base.mark_circle(size=26, opacity=1, color=HELD, stroke="white", strokeWidth=0.75, aria=False).encode(
            tooltip=tooltip
        ),
        named.mark_circle(size=80, opacity=1, color=HELD, stroke="white", strokeWidth=1.5, aria=False),
        *halo(named.encode(text="words:N"), INK, align="center", dy=-14),
    ]


def _describe(figures: dict) -> str:
    said = [f"Loss over {figures['x_name']} and {figures['y_name']}."]
    if figures.get("share_captured") is not None:
        said.append(f"The plane holds {share(figures['share_captured'])} of the movement.")
    return " ".join(said)


def _describe_error(figures: dict) -> str:
    if figures.get("gap") is None:
        return "The true loss along the path beside the loss on the plane."
    return (
        f"Along the path of {count(figures['path_points'])} points the true loss and the plane's differ by "
        f"{number(figures['gap'])} at most."
    )


ALSO = (draw_error,)
