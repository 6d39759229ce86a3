"""A grid of two settings as a map: the loss that each pair came to, and a cross where it diverged."""

from __future__ import annotations

from itertools import product

import altair as alt
import polars as pl

from fallline.figures.downsample import finite
from fallline.figures.theme import BROKEN, INK, finish, nothing
from fallline.measurement import Measurement
from fallline.numbers import count, number

SHADES = ["#f1f7ee", "#c5e3c6", "#72b8b8", "#317ca1", "#263f70"]  # pale where the loss is low, as on a loss surface
CELL, WIDE, LEAST = 58, 96, 384  # height and width of a cell, width of the map at least


def draw_grid(measurement: Measurement) -> alt.LayerChart:
    """The map of a comparison of two settings: the mean loss over the last fifth of each trial's way."""
    f = measurement.figures
    title = f"Where each pair of {f['a']} and {f['b']} came to"
    across, down = ("a", "b") if f["a"] == "rate" or f["b"] != "rate" else ("b", "a")
    pairs = list(product(f["a_values"], f["b_values"]))
    cells = pl.DataFrame(
        {"a": [a for a, _ in pairs], "b": [b for _, b in pairs], "loss": pl.Series(f["late"], dtype=pl.Float64)}
    )
    cells = finite(cells).with_columns(
        pl.Series("words", ["diverged" if late is None else number(late) for late in f["late"]])
    )
    there = cells["loss"].drop_nulls()
    if there.is_empty():
        return nothing(title, "Every trial of the grid diverged.")
    low, high = float(there.min()), float(there.max())  # type: ignore[arg-type]
    log = low > 0 and high > 3 * low
    scale = alt.Scale(type="log" if log else "linear", domain=[low, high if high > low else low + 1], range=SHADES)
    legend = alt.Legend(title="loss, logarithmic" if log else "loss", gradientLength=160, format=".3~g", tickCount=4)
    x = alt.X(f"{across}:N", sort=f[f"{across}_values"], title=f[across], axis=alt.Axis(labelAngle=0, domain=False))
    y = alt.Y(f"{down}:N", sort=f[f"{down}_values"], title=f[down], axis=alt.Axis(domain=False, ticks=False))
    base = alt.Chart(cells).encode(x=x, y=y)
    arrived, diverged = alt.datum.loss != None, alt.datum.loss == None  # noqa: E711
    tooltip = [alt.Tooltip("a:N", title=f["a"]), alt.Tooltip("b:N", title=f["b"]), alt.Tooltip("words:N", title="loss")]
    middle = low * (high / low) ** 0.7 if log else low + 0.7 * (high - low)
    ink = alt.ColorValue({"expr": f"datum.loss > {middle} ? 'white' : '{INK}'"})
    shown, broken = base.transform_filter(arrived), base.transform_filter(diverged)
    cross = {"shape": "cross", "angle": 45, "filled": True, "size": 130, "color": BROKEN, "opacity": 1, "dy": -9}
    shade = alt.Color("loss:Q", scale=scale, legend=legend)
    layers = [
        shown.mark_rect(aria=False).encode(color=shade, tooltip=tooltip),
        shown.mark_text(fontSize=13, aria=False).encode(text="words:N", color=ink),
        broken.mark_point(**cross).encode(tooltip=tooltip),
        broken.mark_text(fontSize=12, dy=17, color=BROKEN, aria=False).encode(text="words:N"),
    ]
    chart = finish(layers, title, _describe(f, cells), height=CELL * len(f[f"{down}_values"]))
    return chart.properties(width=max(WIDE * len(f[f"{across}_values"]), LEAST))  # else cells as wide as the page


def _describe(f: dict, cells) -> str:
    best = cells.drop_nulls("loss").sort("loss").row(0, named=True)
    broke = cells["loss"].null_count()
    return (
        f"{count(cells.height)} pairs of {f['a']} and {f['b']}. The lowest mean loss over the last fifth of the way, "
        f"{number(best['loss'])}, has {f['a']} {best['a']} with {f['b']} {best['b']}; {count(broke)} diverged."
    )
