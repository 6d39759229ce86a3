"""What the live figures share: named data, axes whose ends are parameters, points told apart by shape and colour.

The numbers that move are parameters of the specification (`x_low`, `x_high`, `y_low`, `y_high`) and rows of named data,
so that a figure is never made anew while it follows a training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from fallline.figures.theme import HELD, INK, MUTED, finish, halo

HEIGHT = 158
ENDS = ("x_low", "x_high", "y_low", "y_high")
TICKS = 5
POINTED = alt.TooltipContent("data")  # the row as it is: a text made for each mark took half of the time of drawing
LABELS = 40  # px, kept for the numbers along the left side, so that nothing moves when they grow


def named(name: str) -> alt.Chart:
    """A chart of the rows that will be put in under that name."""
    return alt.Chart(alt.NamedData(name=name))


def axis_of(way: str, field: str, title: str, *, log: bool = False, form: str = ".4~g") -> Any:
    """An axis between two parameters."""
    kind = {"x": alt.X, "y": alt.Y}[way]
    low, high = alt.ExprRef(f"{way}_low"), alt.ExprRef(f"{way}_high")
    ends = {"domainMin": low, "domainMax": high, "nice": False}
    scale = alt.Scale(type="log", **ends) if log else alt.Scale(zero=False, **ends)
    room = LABELS if way == "y" else alt.Undefined
    axis = alt.Axis(
        format="~g" if log else form,
        tickCount=TICKS,
        labelOverlap="greedy",
        labelSeparation=4,
        labelFlush=way == "x",  # the last number ends where the picture does
        titleLimit=HEIGHT,
        minExtent=room,
        maxExtent=room,
    )
    return kind(f"{field}:Q", title=f"{title}, logarithmic" if log else title, scale=scale, axis=axis)


def names_axis(room: int) -> alt.Axis:
    """An axis of names along the left side, which has so many px for them whatever they will be."""
    return alt.Axis(minExtent=room, maxExtent=room, labelLimit=room - 6)


def steps_axis(field: str = "step") -> alt.X:
    """Updates along the bottom."""
    return axis_of("x", field, "step", form=",~d")


def ball(name: str, x: Any, y: Any) -> alt.Chart:
    """The place where the training stands."""
    mark = {"shape": "circle", "filled": True, "color": HELD, "size": 130, "opacity": 1, "stroke": "white"}
    return named(name).mark_point(**mark, tooltip=POINTED).encode(x=x, y=y)


def veil(name: str, x: Any) -> alt.Chart:
    """What lies beyond the place where the training stands is dimmed."""
    return named(name).mark_rect(color="white", opacity=0.72).encode(x=x, x2=alt.value("width"))


def branches(name: str, x: Any, y: Any) -> list[alt.Chart]:
    """Paths that were left, dashed, each with its name at its end."""
    base = named(name).encode(x=x, y=y, detail="branch:N")
    line = base.mark_line(color=MUTED, strokeWidth=1.5, strokeDash=[5, 4], clip=True).encode(order="step:Q")
    last = named(f"{name}_ends").encode(x=x, y=y, text="branch:N")
    return [line, *halo(last, MUTED, align="right", dx=-4, dy=-8, clip=True)]


def live(layers: Sequence[alt.Chart], title: str, params: Sequence[str] = ENDS, *, height: int = HEIGHT) -> Any:
    """The figure, with its parameters at the values that they have before any data come."""
    chart = finish(list(layers), title, title, height=height)
    made = [alt.param(name=name, value=0.1 if name.endswith("low") else 1.0) for name in params]
    chart.config["mark"] = {"aria": False}  # the page says in words what a picture shows; a text a mark costs time
    return chart.add_params(*made)


def words_at_corner(name: str) -> list[alt.Chart]:
    """A line of words in the upper right corner, from the rows `words` of a set."""
    base = named(name).encode(x=alt.value("width"), y=alt.value(10), text="words:N")
    return halo(base, INK, align="right", dx=-4)
