"""The gradient's norm at every step and over all rows, and the sizes of its entries along the path."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import levels_of, range_of, y_axis
from fallline.figures.downsample import finite
from fallline.figures.recorded import colours, line
from fallline.figures.theme import EXACT, HELD, INK, PALE, TRAIN, finish, nothing
from fallline.measurement import Measurement
from fallline.numbers import number

TITLE = "The gradient's norm and its entries on the way down"
WHOLE, LARGEST, TYPICAL = "norm over all rows", "largest entry", "typical entry (median)"
FULL, BATCH = "norm at each step", "norm of each step's batch"
FLOOR = 1e-12  # of the largest norm: entries that are smaller are 0 to rounding and would stretch the axis


def draw_gradients(measurement: Measurement) -> alt.LayerChart:
    """The gradients chart, from a frame of kind "batch" (step, norm) and "all rows" (step, norm, typical, largest)."""
    frame, figures = measurement.frame, measurement.figures
    each = BATCH if not figures.get("full") else FULL
    whole = frame.filter(kind="all rows")
    series = {
        each: frame.filter(kind="batch").select("step", pl.col("norm").alias("value")),
        WHOLE: whole.select("step", pl.col("norm").alias("value")),
        LARGEST: whole.select("step", pl.col("largest").alias("value")),
        TYPICAL: whole.select("step", pl.col("typical").alias("value")),
    }
    known = levels_of(*(part["value"] for part in series.values()))
    known = known[known > 0]
    if not len(known):
        return nothing(TITLE, "There is no finite gradient to draw.")
    drawn = {name: _drawn(part, name, FLOOR * known.max()) for name, part in series.items()}
    span = range_of(known[known > FLOOR * known.max()])
    y = y_axis("value:Q", "size", span)
    shown = {name: part for name, part in drawn.items() if part.height}
    of = {each: PALE, WHOLE: TRAIN, LARGEST: HELD, TYPICAL: EXACT}
    colour = colours({name: of.get(name, INK) for name in shown})
    layers = [mark for name, part in shown.items() for mark in line(part, y, colour, pale=name == each)]
    return finish(layers, TITLE, _describe(figures), height=300)


def _drawn(part: pl.DataFrame, name: str, floor: float) -> pl.DataFrame:
    """What a line needs; a size of 0 has no place on a logarithmic axis and is left out."""
    there = part.with_columns(pl.lit(None, pl.Float64).alias("epoch"), pl.lit(name).alias("series"))
    return finite(there).filter(pl.col("value") > floor).sort("step")


def _describe(figures: dict) -> str:
    said = []
    if figures.get("whole_first") is not None:
        said.append(
            f"The norm of the gradient over all rows goes from {number(figures['whole_first'])} at the start to "
            f"{number(figures['whole_last'])} at the end."
        )
    if figures.get("floor") is not None:
        said.append(f"That of the batches is {number(figures['floor'])} at the end.")
    if figures.get("lowest") is not None:
        said.append(f"Entries reach from {number(figures['lowest'])} to {number(figures['highest'])}.")
    return " ".join(said) or TITLE
