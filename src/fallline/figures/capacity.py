"""Can the model hold the answer: models against the linear wall, the pattern of the errors, outside the range."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.axes import Range, levels_of, range_of, rule_across, y_axis
from fallline.figures.downsample import finite
from fallline.figures.theme import EXACT, HELD, MUTED, PALE, TRAIN, finish, halo, nothing
from fallline.measurement import Measurement
from fallline.numbers import count, number, share

PARTS = {"train_loss": "training rows", "validation_loss": "held-out rows"}
MIDDLE, WHOLE = "trained on the middle of the range only", "trained on as many rows of the whole range"


def draw_capacity(measurement: Measurement) -> alt.LayerChart:
    """The loss of each model, the smallest first, with the linear wall across; from the rows of kind "model"."""
    title = "Loss of models of several sizes, and the wall of the linear ones"
    models = finite(measurement.frame.filter(kind="model"))
    if not len(levels_of(models["validation_loss"], models["train_loss"])):
        return nothing(title, "There is no finite loss to draw.")
    return finish(_models(models), title, _describe(models), height=280)


def draw_residuals(measurement: Measurement) -> alt.LayerChart:
    """The mean error in each bin with two standard errors of that mean on either side, and 0 across."""
    f = measurement.figures
    bins = finite(measurement.frame.filter(kind="residual")).drop_nulls(["x", "mean"])
    if bins.is_empty():
        return nothing("Errors of the model in bins", "There is no error to draw.")
    title = f"Mean error in bins of {f['residual_feature']}, ± 2 standard errors"
    said = (
        f"Mean error in {bins.height} bins of {f['residual_feature']}, from {number(bins['mean'].to_numpy().min())} to "
        f"{number(bins['mean'].to_numpy().max())}. They explain {share(f['residual_share'])} of the errors' variance."
    )
    return finish(_residuals(bins, f), title, said, height=240)


def draw_range(measurement: Measurement) -> alt.LayerChart | None:
    """The errors of two networks over the feature of whose middle one of them saw only; None where none has a range."""
    f, rows = measurement.figures, measurement.frame.filter(kind="range")
    if rows.is_empty():
        return None
    bins = finite(rows).drop_nulls(["x", "error", "whole_error"])
    if bins.is_empty():
        return nothing("A network outside the range that it saw", "There is no error to draw.")
    title = f"A network outside the range of {f['range_feature']} that it saw"
    said = (
        f"A network that saw {f['range_feature']} from {number(f['range_low'])} to {number(f['range_high'])} has a "
        f"{f['range_error']} of {number(f['inside_error'])} inside and {number(f['outside_error'])} outside; one that "
        f"saw the whole range has {number(f['whole_outside_error'])} there."
    )
    return finish(_range(bins, f), title, said, height=240)


ALSO = (draw_residuals, draw_range)


def _models(models: pl.DataFrame) -> list[alt.Chart]:
    """Training and held-out loss of each model."""
    models = models.sort("parameters", maintain_order=True)
    own = models["own"].fill_null(False)
    names = [f"{m}{', this run’s kind' if o else ''}" for m, o in zip(models["model"], own, strict=True)]
    models = models.with_columns(pl.Series("name", names))
    long = pl.concat(
        models.select("name", "parameters", pl.col(column).alias("loss"), pl.lit(words).alias("rows"))
        for column, words in PARTS.items()
    ).drop_nulls("loss")
    levels = levels_of(long["loss"], models["wall"])
    span = range_of(levels)
    place = alt.X("name:N", sort=names, title="model, by its number of parameters", axis=alt.Axis(labelAngle=0))
    y = y_axis("loss:Q", "loss", span)
    scale = alt.Scale(domain=list(PARTS.values()), range=[TRAIN, HELD])
    shape = alt.Scale(domain=list(PARTS.values()), range=["circle", "diamond"])
    legend = alt.Legend(title=None, orient="top", direction="horizontal")
    base = alt.Chart(long).encode(x=place, y=y)
    tooltip = [alt.Tooltip("name:N", title="model"), alt.Tooltip("parameters:Q", format=",d")]
    tooltip += [alt.Tooltip("rows:N"), alt.Tooltip("loss:Q", format=",.4~r")]
    apart = alt.Chart(models.drop_nulls(list(PARTS))).mark_rule(color=MUTED, strokeWidth=1.25)
    # what has the scale first, then the wall, so that its words lie beneath the points
    layers = [apart.encode(x=place, y=y_axis("train_loss:Q", "loss", span), y2="validation_loss:Q")]
    wall = models["wall"].drop_nulls()
    if len(wall):
        words = f"linear models’ wall on training rows: {number(wall[0])}"
        layers += rule_across(wall[0], words, EXACT, dash=[8, 4], above=span.place(wall[0]) < 0.85)
    layers.append(
        base.mark_point(filled=True, size=110, opacity=1).encode(
            color=alt.Color("rows:N", scale=scale, legend=legend),
            shape=alt.Shape("rows:N", scale=shape, legend=legend),
            tooltip=tooltip,
        )
    )
    return layers


def _x(frame: pl.DataFrame, title: str) -> alt.X:
    x = frame["x"].to_numpy()
    low, high = float(x.min()), float(x.max())
    beside = 0.04 * (high - low) or 0.5
    axis = alt.Axis(format=Range(low, high).format(), tickCount=8, labelOverlap="greedy")
    return alt.X("x:Q", title=title, axis=axis, scale=alt.Scale(domain=[low - beside, high + beside], nice=False))


def _residuals(bins: pl.DataFrame, f: dict) -> list[alt.Chart]:
    beside = pl.col("spread").fill_null(0.0) * 2
    bins = bins.with_columns((pl.col("mean") - beside).alias("low"), (pl.col("mean") + beside).alias("high"))
    low, high = min(0.0, bins["low"].min()), max(0.0, bins["high"].max())  # pyright: ignore
    span = Range(low - 0.06 * (high - low or 1.0), high + 0.06 * (high - low or 1.0))
    x, y = _x(bins, str(f["residual_feature"])), y_axis("mean:Q", _error_name(f), span)
    base = alt.Chart(bins.select("x", "mean", "low", "high", "rows")).encode(x=x)
    tooltip = [alt.Tooltip("x:Q", format=",.4~r"), alt.Tooltip("mean:Q", title="mean error", format=",.4~r")]
    tooltip.append(alt.Tooltip("rows:Q", format=",d"))
    zero = alt.Chart(alt.InlineData(values=[{"level": 0}])).mark_rule(color=MUTED, strokeDash=[8, 4])
    return [
        zero.encode(y=y_axis("level:Q", _error_name(f), span)),
        base.mark_rule(color=TRAIN, strokeWidth=1.5).encode(y=y_axis("low:Q", _error_name(f), span), y2="high:Q"),
        base.mark_line(color=PALE, strokeWidth=1.5).encode(y=y),
        base.mark_circle(color=TRAIN, size=60, opacity=1).encode(y=y, tooltip=tooltip),
    ]


def _error_name(f: dict) -> str:
    if f.get("residual_unit") == "target":
        return "actual − predicted"
    if f.get("residual_unit") == "probability":
        return f"actual − probability of {f.get('residual_class')}"
    return "the loss’s pull on the prediction"


def _range(bins: pl.DataFrame, f: dict) -> list[alt.Chart]:
    colours = {MIDDLE: HELD, WHOLE: TRAIN}
    columns = dict(zip(colours, ("error", "whole_error"), strict=True))
    long = pl.concat(
        bins.select("x", "rows", "actual", pl.col(column).alias("value"), pl.lit(words).alias("series"))
        for words, column in columns.items()
    )
    x = _x(bins, str(f["range_feature"]))
    y = y_axis("value:Q", "error (root mean square)", range_of(levels_of(long["value"])))
    names = list(colours)
    legend = alt.Legend(title=None, orient="top", direction="horizontal", labelLimit=280, symbolType="stroke")
    dash = alt.StrokeDash("series:N", scale=alt.Scale(domain=names, range=[[6, 3], [1, 0]]), legend=legend)
    colour = alt.Color("series:N", scale=alt.Scale(domain=names, range=list(colours.values())), legend=legend)
    base = alt.Chart(long).encode(x=x, y=y, color=colour)
    tooltip = [alt.Tooltip("series:N", title="line"), alt.Tooltip("x:Q", format=",.4~r")]
    tooltip += [alt.Tooltip("value:Q", title="error", format=",.4~r"), alt.Tooltip("rows:Q", format=",d")]
    ends = pl.DataFrame({"x": [f["range_low"]], "to": [f["range_high"]], "words": ["the middle of the range"]})
    seen = alt.Chart(ends).encode(x=x)
    return [
        seen.mark_rect(color=PALE, opacity=0.25, aria=False).encode(x2="to:Q"),
        base.mark_line(strokeWidth=2).encode(strokeDash=dash),
        base.mark_circle(size=40, opacity=1, aria=False).encode(tooltip=tooltip),
        *halo(seen.encode(y=alt.value(12), text="words:N"), MUTED, align="left", dx=6),
    ]


def _describe(models: pl.DataFrame) -> str:
    return " ".join(
        f"{row['model']}{' (this run’s kind)' if row['own'] else ''} with {count(row['parameters'])} parameters has "
        f"a loss of {number(row['train_loss'])} on training rows and {number(row['validation_loss'])} on held-out rows."
        for row in models.iter_rows(named=True)
    )
