"""The columns of the table: how well each alone tells the target of rows that it was not fitted on."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.downsample import finite
from fallline.figures.theme import HELD, MUTED, TRAIN, finish, halo, nothing
from fallline.measurement import Measurement
from fallline.numbers import share

MOST = 20  # columns, those that tell most first
TITLE = "How well each column alone tells the target"
ROW = 24  # pixels


def draw_checkup(measurement: Measurement) -> alt.LayerChart:
    """A bar for each column, the longest first."""
    frame = measurement.frame
    if "alone" not in frame.columns or frame["alone"].count() == 0:
        return nothing(TITLE, "There are too few rows to judge columns one by one, or no columns.")
    shown = finite(frame.select("name", "alone", "mean", "sd").drop_nulls("alone").sort("alone", descending=True))
    shown = shown.head(MOST).with_columns(pl.col("alone").clip(0.0, 1.0).alias("length"))
    telling = measurement.figures.get("telling") or []
    shown = shown.with_columns(
        pl.col("alone").clip(0.0).map_elements(lambda v: share(v), return_dtype=pl.String).alias("words"),
        pl.col("name").is_in(telling).alias("nearly"),
    )
    order = shown["name"].to_list()
    base = alt.Chart(shown).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=220, ticks=False, domain=False)),
        x=alt.X(
            "length:Q",
            scale=alt.Scale(domain=[0, 1.12], nice=False),
            axis=alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1]),
            title="of the target, on rows that the column was not fitted on",
        ),
    )
    colour = alt.condition("datum.nearly", alt.value(HELD), alt.value(TRAIN))
    tooltip = [alt.Tooltip("name:N"), alt.Tooltip("alone:Q", format=".3f"), alt.Tooltip("mean:Q", format=",.4~r"),
               alt.Tooltip("sd:Q", format=",.4~r")]  # fmt: skip
    bars = base.mark_bar(height={"band": 0.7}).encode(color=colour, tooltip=tooltip)
    words = halo(base.encode(text="words:N"), MUTED, align="left", dx=4)
    left = frame.height - shown.height
    rest = f" {left} columns that tell less, or could not be judged, are left out." if left else ""
    said = ", ".join(f"{name} {text}" for name, text in zip(order[:8], shown["words"].to_list()[:8], strict=True))
    return finish([bars, *words], TITLE, f"{TITLE}: {said}.{rest}", height=ROW * shown.height)
