"""The loss over the steps: of each batch, its mean, of the validation rows, beside the exact and the trivial answer."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl

from fallline.figures.axes import ROOM, Range, is_finite, levels_of, range_of, rule_across, y_axis
from fallline.figures.downsample import finite, keep_extremes
from fallline.figures.recorded import broken_from, colours, each_step, line, mark_broken, mean_line
from fallline.figures.theme import EXACT, HELD, PALE, TRAIN, TRIVIAL, finish, nothing
from fallline.numbers import count, number

EACH, HELD_OUT = "each step's batch", "validation rows"
FULL = "all training rows"


def draw_loss(
    trace: pl.DataFrame,
    evaluations: pl.DataFrame | None = None,
    *,
    exact: float | None = None,
    trivial: float | None = None,
    title: str = "Loss at each step",
) -> alt.LayerChart:
    """The loss chart.

    Args:
        trace: step, epoch and loss of each update.
        evaluations: step, epoch and validation_loss; nulls and no rows at all are fine.
        exact: the loss of the exact answer, a line across.
        trivial: the loss of always predicting the same, a line across.
    """
    full = trace.height > 0 and trace["epoch"][0] >= 1
    steps = each_step(trace, "loss", FULL if full else EACH)
    means = mean_line(trace, "loss")
    held = _held_out(evaluations)
    level = levels_of(means[0]["value"] if means else steps["value"], held["value"])
    if not len(level) and not len(levels_of(steps["value"])):
        words = "There is no finite loss to draw."
        return nothing(title, words)
    span = range_of(np.concatenate([level, levels_of([exact, trivial])]), levels_of(steps["value"]))
    y = y_axis("value:Q", "loss", span)
    named = {str(steps["series"][0]): PALE if means else TRAIN} | ({str(means[0]["series"][0]): TRAIN} if means else {})
    colour = colours(named | ({HELD_OUT: HELD} if held.height else {}))
    layers = line(steps, y, colour, pale=means is not None)
    layers += line(means[0], y, colour) if means else []
    layers += line(held, y, colour) if held.height else []
    layers += _across(trivial, "always predicting the same", TRIVIAL, [2, 3], span=span, above=True)
    layers += _across(exact, "exact answer", EXACT, [8, 4], span=span, above=False)
    layers += mark_broken(trace, "loss")
    return finish(layers, title, describe_loss(trace, held, exact, trivial))


def describe_loss(trace: pl.DataFrame, held: pl.DataFrame, exact: float | None, trivial: float | None) -> str:
    """The chart in words."""
    first, last = trace["loss"][0], trace["loss"][-1]
    said = [f"Loss over {count(trace.height)} steps, from {number(first)} at the first to {number(last)} at the last."]
    if held.height:
        said.append(f"The validation loss ended at {number(held['value'][-1])}.")
    if is_finite(exact):
        said.append(f"The exact answer has {number(exact)}.")
    if is_finite(trivial):
        said.append(f"Always predicting the same has {number(trivial)}.")
    broken = broken_from(trace, "loss")
    if broken is not None:
        said.append(f"From step {count(broken)} on the loss was not a finite number.")
    return " ".join(said)


def _held_out(evaluations: pl.DataFrame | None) -> pl.DataFrame:
    if evaluations is None or "validation_loss" not in evaluations.columns:
        evaluations = pl.DataFrame(schema={"step": pl.Int64, "epoch": pl.Float64, "validation_loss": pl.Float64})
    held = evaluations.select("step", "epoch", pl.col("validation_loss").cast(pl.Float64).alias("value"))
    held = keep_extremes(held.drop_nulls("value"), "value")
    return finite(held).with_columns(pl.lit(HELD_OUT).alias("series"))


def _across(value: float | None, words: str, colour: str, dash: list[int], *, span: Range, above: bool) -> list:
    if value is None or not is_finite(value) or (span.log and value < span.low):
        return []
    return rule_across(value, f"{words}: {number(value)}", colour, dash=dash, above=above or span.place(value) < ROOM)
