"""The error of finite differences against h: a U for each kind, in 64 and in 32 bits."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.downsample import finite
from fallline.figures.theme import HELD, PALE, TRAIN, finish, halo, nothing
from fallline.measurement import Figures, Measurement
from fallline.numbers import number

TITLE = "Error of nudging a parameter by h, against the chain rule"
NAMES = {
    ("forward", 64): "to one side",
    ("central", 64): "to both sides",
    ("forward", 32): "to one side, 32 bits",
    ("central", 32): "to both sides, 32 bits",
}
COLOURS = {
    "to one side": HELD,
    "to both sides": TRAIN,
    "to one side, 32 bits": "#e0a989",
    "to both sides, 32 bits": PALE,
}
DASHES = {
    "to one side": [1, 0],
    "to both sides": [1, 0],
    "to one side, 32 bits": [6, 3],
    "to both sides, 32 bits": [6, 3],
}
LOW, HIGH = 1e-16, 10.0  # errors that the axis has room for


def draw_gradient_check(measurement: Measurement) -> alt.LayerChart:
    """The chart of both kinds of differences; the best h of each is marked."""
    f = measurement.figures
    named = pl.col("kind") + pl.col("bits").cast(pl.String)
    series = named.replace_strict({f"{kind}{bits}": name for (kind, bits), name in NAMES.items()}, default=None)
    frame = finite(measurement.frame.with_columns(series.alias("series"))).drop_nulls("error")
    if frame.is_empty():
        words = "There is no finite error to draw."
        return nothing(TITLE, words)
    powers = [float(f"1e{p}") for p in range(-15, 0, 2)]
    x = alt.X(
        "h:Q",
        title="h (how far the parameter is nudged), logarithmic",
        scale=alt.Scale(type="log", domain=[float(frame["h"].min()), float(frame["h"].max())], nice=False),  # type: ignore[arg-type]
        axis=alt.Axis(values=powers, format="~e", labelOverlap="greedy"),
    )
    y = alt.Y(
        "error:Q",
        title="relative error, logarithmic",
        scale=alt.Scale(type="log", domain=[LOW, HIGH], clamp=True, nice=False),
        axis=alt.Axis(values=[float(f"1e{p}") for p in range(-16, 2, 4)], format="~e"),
    )
    there = [name for name in COLOURS if name in frame["series"]]
    legend = alt.Legend(title=None, symbolType="stroke", columns=alt.ExprRef("width < 460 ? 2 : 4"))
    scale = alt.Scale(domain=there, range=[COLOURS[name] for name in there])
    colour = alt.Color("series:N", scale=scale, legend=legend)
    dashes = alt.Scale(domain=there, range=[DASHES[name] for name in there])
    dash = alt.StrokeDash("series:N", scale=dashes, legend=legend)
    base = alt.Chart(frame).encode(x=x, y=y, color=colour)
    tooltip = ["series:N", alt.Tooltip("h:Q", format=".2~e"), alt.Tooltip("error:Q", format=".2~e")]
    layers = [
        base.mark_line(strokeWidth=2.25, aria=False).encode(strokeDash=dash),
        base.mark_point(filled=True, size=30, opacity=0).encode(tooltip=tooltip),
    ]
    for kind, name in (("forward", "to one side"), ("central", "to both sides")):
        h, error = f[f"{kind}_h"], f[f"{kind}_error"]
        values = [{"h": h, "error": max(error, LOW), "words": f"best: {number(h, 2)}"}]
        best = alt.Chart(alt.InlineData(values=values)).encode(x=x, y=y)
        layers.append(best.mark_point(filled=True, size=70, color=COLOURS[name], opacity=1, aria=False))
        right = h > 1e-3
        layers += halo(
            best.encode(text="words:N"),
            COLOURS[name],
            align="right" if right else "center",
            dx=-8 if right else 0,
            dy=18,
        )
    return finish(layers, TITLE, _describe(f), height=320)


def _describe(f: Figures) -> str:
    return (
        f"Relative error of finite differences against h, a U. To one side h = {number(f['forward_h'], 2)} is best, "
        f"with an error of {number(f['forward_error'], 2)}; to both sides h = {number(f['central_h'], 2)}, with "
        f"{number(f['central_error'], 2)}. In 32 bits that is h = {number(f['single_central_h'], 2)}, with "
        f"{number(f['single_central_error'], 2)}."
    )
