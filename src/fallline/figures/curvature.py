"""The eigenvalues of the Hessian beside what the rate bears, and where in its valley each step ended."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl

from fallline.figures.axes import Range, levels_of, step_axis
from fallline.figures.downsample import finite
from fallline.figures.theme import BROKEN, HELD, INK, MUTED, TRAIN, finish, halo, nothing
from fallline.measurement import Figures, Measurement
from fallline.numbers import count, number

TITLE = "How strongly the loss bends, direction by direction"
ALPHA = "Where in its valley each step ended"
FLAT = 1e-9  # of the largest: drawn at the left end of a logarithmic axis
OWN, ALL = "on the rows that the step saw", "over all rows"


def draw_curvature(measurement: Measurement) -> alt.LayerChart:
    """The eigenvalues as ticks along one axis; an upright line where the run's rate would begin to diverge."""
    f = measurement.figures
    frame = finite(measurement.frame.filter(pl.col("kind") == "eigenvalue")).drop_nulls("value").select("value")
    if frame.is_empty():
        words = "There is no finite eigenvalue to draw."
        return nothing(TITLE, words)
    limit = _limit(f)
    x = _axis(levels_of(frame["value"], [limit]))
    ticks = alt.Chart(frame).mark_tick(color=TRAIN, thickness=2, size=60, aria=False).encode(x=x)
    ticks = ticks.encode(y=alt.value(70), tooltip=alt.Tooltip("value:Q", title="curvature", format=",.4~r"))
    layers = [ticks]
    if limit is not None:
        words = ["beyond here the rate of", f"{number(f['rate'])} is too large"]
        place = alt.Chart(alt.InlineData(values=[{"value": limit, "words": words}]))
        left = limit > float(np.median(levels_of(frame["value"])))
        layers.append(place.mark_rule(color=BROKEN, strokeWidth=1.5, strokeDash=[8, 4]).encode(x=x))
        text = place.encode(x=x, y=alt.value(12), text="words:N")
        layers += halo(text, BROKEN, align="right" if left else "left", dx=-6 if left else 6, lineBreak="\n")
    return finish(layers, TITLE, _describe(f, limit), height=140)


def _limit(f: Figures) -> float | None:
    """The curvature at which the run's own rate stops being stable."""
    if f["stable_rate"] is None or not f["rate"] > 0:
        return None
    return f["lambda_max"] * f["stable_rate"] / f["rate"]


def _axis(values: np.ndarray) -> alt.X:
    """Curvatures along the bottom: on a scale that is linear near 0 and logarithmic beyond."""
    title = "curvature (eigenvalue of the Hessian)"
    low, high = float(values.min()), float(values.max())
    size = np.abs(values[np.abs(values) > FLAT * np.abs(values).max()])
    if len(size) and size.max() > 100 * size.min():
        near = float(10 ** np.floor(np.log10(size.min())))
        scale = alt.Scale(type="symlog", constant=near, domain=[min(low, 0) * 2, high * 2], nice=False)
        powers = 10.0 ** np.arange(np.log10(near), np.ceil(np.log10(size.max())) + 1)
        thin = powers[:: max(1, len(powers) // 6)]
        marks = [-v for v in thin if low * 2 <= -v] + [0.0] + [v for v in thin if v <= high * 2]
        axis = alt.Axis(values=marks, format=",.4~g", labelOverlap="greedy")
        return alt.X("value:Q", scale=scale, axis=axis, title=f"{title}, logarithmic away from 0")
    beside = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
    scale = alt.Scale(domain=[min(low - beside, 0), high + beside], nice=False)
    return alt.X("value:Q", scale=scale, axis=alt.Axis(format=Range(low, high).format(), tickCount=7), title=title)


def _describe(f: Figures, limit: float | None) -> str:
    many = "All" if f["exact"] else "The largest and the smallest"
    said = [
        f"{many} eigenvalues of the Hessian for {count(f['parameters'])} parameters after step {count(f['step'])}: "
        f"from {number(f['lambda_min'])} to {number(f['lambda_max'])}."
    ]
    if limit is not None:
        said.append(f"The run's rate of {number(f['rate'])} is stable up to a curvature of {number(limit)}.")
    return " ".join(said)


def draw_alpha(measurement: Measurement) -> alt.LayerChart:
    """Alpha over the steps: -1 where a step began, 0 the floor of its valley, 1 equally high on the other side."""
    frame = measurement.frame.filter(pl.col("kind") == "alpha")
    rows = [frame.select("step", "value", pl.lit(OWN).alias("series"))]
    if measurement.figures["alpha"] != measurement.figures["alpha_all"]:
        rows.append(frame.select("step", pl.col("all_rows").alias("value"), pl.lit(ALL).alias("series")))
    drawn = finite(pl.concat(rows)).drop_nulls("value")
    if drawn.is_empty():
        words = "No step is there whose place in its valley could be told."
        return nothing(ALPHA, words)
    highest = max(1.0, float(drawn["value"].max()))  # type: ignore[arg-type]
    scale = alt.Scale(domain=[-1.4, min(highest, 3.0) + 0.25], clamp=True, nice=False)
    title = "alpha" if highest <= 3 else "alpha, drawn at 3.25 where it is more"
    y = alt.Y("value:Q", title=title, scale=scale, axis=alt.Axis(tickCount=6, format=".2~f"))
    named = {OWN: TRAIN, ALL: HELD} if drawn["series"].n_unique() > 1 else {str(drawn["series"][0]): TRAIN}
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=list(named), range=list(named.values())),
        legend=alt.Legend(title=None) if len(named) > 1 else None,
    )
    shape = alt.Shape("series:N", scale=alt.Scale(domain=list(named), range=["circle", "diamond"][: len(named)]))
    points = alt.Chart(drawn).mark_point(filled=True, size=50, opacity=0.9, aria=False)
    tooltip = [alt.Tooltip("step:Q", format=",d"), alt.Tooltip("value:Q", title="alpha", format=".3~f"), "series:N"]
    layers: list[alt.Chart] = []
    for level, words in ((-1, "where it began"), (0, "the valley's floor"), (1, "as high on the other side")):
        base = alt.Chart(alt.InlineData(values=[{"value": level, "words": words}])).encode(y=y)
        layers.append(
            base.mark_rule(color=MUTED if level else INK, strokeWidth=1, strokeDash=[8, 4] if level else [1, 0])
        )
        layers += halo(
            base.encode(x=alt.value("width"), text="words:N"), MUTED, align="right", dx=-2, dy=11 if level < 0 else -9
        )
    layers.append(points.encode(x=step_axis(), y=y, color=colour, shape=shape, tooltip=tooltip))
    return finish(layers, ALPHA, _describe_alpha(measurement.figures), height=240)


def _describe_alpha(f: Figures) -> str:
    typical = [f"Alpha of {count(f['alphas'])} steps, typically {number(f['alpha'], 3)} {OWN}"]
    if f["alpha_all"] is not None and f["alpha_all"] != f["alpha"]:
        typical.append(f"and {number(f['alpha_all'], 3)} {ALL}")
    return f"{' '.join(typical)}: -1 is where a step began, 0 the floor of its valley, 1 as high on the other side."


ALSO = (draw_alpha,)
