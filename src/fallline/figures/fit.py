"""Training and validation loss over the steps, and by the number of rows that were trained on."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from fallline.figures.axes import Range, levels_of, range_of, step_axis, y_axis
from fallline.figures.downsample import finite, keep_extremes
from fallline.figures.theme import EXACT, HELD, TRAIN, finish, halo, nothing
from fallline.measurement import Measurement
from fallline.numbers import count, number

SEEN, UNSEEN = "training rows", "validation rows"
COLOURS = {SEEN: TRAIN, UNSEEN: HELD}


def draw_fit(measurement: Measurement) -> alt.LayerChart:
    """Training and validation loss over the steps, from the rows of kind "steps"; the lowest on validation rows."""
    title = "Loss on training and on validation rows, over the steps"
    frame, f = finite(measurement.frame.filter(kind="steps")), measurement.figures
    long = _long(frame, "step", {SEEN: "train", UNSEEN: "validation"})
    if long.is_empty():
        return nothing(title, "There is no finite loss to draw.")
    said = f"Loss over {count(f['steps'])} steps. The model kept has {number(f['train'])} on training rows and "
    said += f"{number(f['validation'])} on validation rows."
    if f.get("lowest") is not None:
        said += f" The validation loss was lowest, {number(f['lowest'])}, at step {count(f['lowest_step'])}."
    return finish(_steps(long, f), title, said)


def draw_sizes(measurement: Measurement) -> alt.LayerChart:
    """Both losses of trainings on so many rows, from the rows of kind "sizes"."""
    title = "Loss on training and on validation rows, by the number of rows trained on"
    frame, f = finite(measurement.frame.filter(kind="sizes")), measurement.figures
    long = _long(frame, "rows", {SEEN: "train_loss", UNSEEN: "validation_loss"})
    if long.is_empty():
        return nothing(title, "There is no finite loss to draw.")
    held = long.filter(series=UNSEEN)
    pairs = zip(held["rows"], held["loss"], strict=True)
    said = " ".join(f"Trained on {count(rows)} rows: {number(loss)} on validation rows." for rows, loss in pairs)
    return finish(_sizes(long, f), title, said, height=260)


ALSO = (draw_sizes,)


def _long(frame: pl.DataFrame, x: str, columns: dict[str, str]) -> pl.DataFrame:
    """x, loss and series, a row for each loss there is."""
    each = []
    for series, column in columns.items():
        some = frame.select(x, pl.col(column).cast(pl.Float64).alias("loss")).drop_nulls().sort(x)
        each.append(keep_extremes(some, "loss").with_columns(pl.lit(series).alias("series")))
    return pl.concat(each)


def _encodings() -> dict[str, Any]:
    """The two lines, told apart by colour and by dashes."""
    legend = alt.Legend(title=None, orient="top", direction="horizontal", symbolType="stroke")
    names = list(COLOURS)
    return {
        "color": alt.Color("series:N", scale=alt.Scale(domain=names, range=list(COLOURS.values())), legend=legend),
        "strokeDash": alt.StrokeDash("series:N", scale=alt.Scale(domain=names, range=[[1, 0], [6, 3]]), legend=legend),
    }


def _steps(long: pl.DataFrame, f: dict) -> list[alt.Chart]:
    after = long.filter(pl.col("step") > 0)  # the random start may lie far above all else
    span = range_of(levels_of((after if after.height else long)["loss"]))
    y = y_axis("loss:Q", "loss", span)
    base = alt.Chart(long).encode(x=step_axis(), y=y)
    lines = _encodings()
    tooltip = [
        alt.Tooltip("series:N", title="on"),
        alt.Tooltip("step:Q", format=",d"),
        alt.Tooltip("loss:Q", format=",.4~r"),
    ]
    layers = [
        base.mark_line(strokeWidth=2, clip=True).encode(**lines),
        base.mark_circle(size=26, opacity=0.9, clip=True, aria=False).encode(color=lines["color"], tooltip=tooltip),
    ]
    if f.get("lowest_step") is not None:
        words = f"lowest on validation rows: {number(f['lowest'])} at step {count(f['lowest_step'])}"
        left = 2 * f["lowest_step"] > f["steps"]
        mark = alt.Chart(alt.InlineData(values=[{"step": f["lowest_step"], "words": words}])).encode(x=step_axis())
        layers.append(mark.mark_rule(color=EXACT, strokeWidth=1.5, strokeDash=[2, 3]))
        beside = mark.encode(y=alt.value(10), text="words:N")
        layers += halo(beside, EXACT, align="right" if left else "left", dx=-6 if left else 6)
    return layers


def _sizes(long: pl.DataFrame, f: dict) -> list[alt.Chart]:
    low, high = float(long["rows"].min()), float(long["rows"].max())  # pyright: ignore[reportArgumentType]
    across = Range(low * 0.85, high * 1.18, log=True)
    axis = alt.Axis(values=sorted(set(long["rows"].to_list())), format=",d", labelOverlap="greedy")
    title = "training rows, logarithmic"
    x = alt.X("rows:Q", title=title, scale=across.scale(), axis=axis)
    y = y_axis("loss:Q", f"loss after {count(f['curve_steps'])} steps", range_of(levels_of(long["loss"])))
    base, lines = alt.Chart(long).encode(x=x, y=y), _encodings()
    tooltip = [
        alt.Tooltip("series:N", title="on"),
        alt.Tooltip("rows:Q", format=",d"),
        alt.Tooltip("loss:Q", format=",.4~r"),
    ]
    return [
        base.mark_line(strokeWidth=2).encode(**lines),
        base.mark_circle(size=60, opacity=1).encode(color=lines["color"], tooltip=tooltip),
    ]
