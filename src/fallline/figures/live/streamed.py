"""What the live figures share: named data, axes whose ends are parameters, points told apart by shape and colour.

The numbers that move are parameters of the specification (`x_low`, `x_high`, `y_low`, `y_high`) and rows of named data,
so that a figure is never made anew while it follows a training. What the rows are is told beside it (`Rows`): the page
reads the value at the pointer from them, which costs nothing while it draws, and lists them as tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import altair as alt

from fallline.figures.theme import HELD, INK, MUTED, finish, halo

HEIGHT = 158
KEY = 22  # px that a key takes from the height
EDGE = 150  # px², a little more than the ball has
LOW, BELOW = 0.2, 19  # of the height, where words stand above the ball; else so many px beneath it
ENDS = ("x_low", "x_high", "y_low", "y_high")
TICKS = 5
LABELS = 40  # px, kept for the numbers along the left side, so that nothing moves when they grow
Sign = tuple[str, str, list[int]]  # of a key: colour, shape ("stroke" for a line), dashes


@dataclass(frozen=True)
class Rows:
    """What a set of rows is, for a table of it and for whoever points at the figure."""

    name: str
    title: str
    columns: Mapping[str, str]  # those that are shown, with what they are called
    x: str = ""
    y: str = ""
    by: Literal["x", "place", "near", "bar", ""] = ""  # what is read at the pointer: the row nearest along x, or in
    # both directions, or in both but only where one lies beneath the pointer, or the bar at its height, or none
    within: str = ""  # tells bars beside one name apart


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
        titleLimit=HEIGHT if way == "y" else 2 * HEIGHT,
        minExtent=room,
        maxExtent=room,
    )
    return kind(f"{field}:Q", title=f"{title}, logarithmic" if log else title, scale=scale, axis=axis)


def of_field(axis: Any, field: str) -> Any:
    """The same axis for another column."""
    other = axis.copy()
    other["shorthand"] = f"{field}:Q"
    return other


def names_axis(room: int) -> alt.Axis:
    """An axis of names along the left side, which has so many px for them whatever they will be."""
    return alt.Axis(minExtent=room, maxExtent=room, labelLimit=room - 6)


def steps_axis(field: str = "step") -> alt.X:
    """Updates along the bottom."""
    return axis_of("x", field, "step", form=",~d")


def ball(name: str, x: Any, y: Any) -> alt.Chart:
    """The place where the training stands."""
    mark = {"shape": "circle", "filled": True, "color": HELD, "size": 130, "opacity": 1, "stroke": "white"}
    return named(name).mark_point(**mark).encode(x=x, y=y)


def ball_words(name: str, x: Any, y: Any, colour: str) -> list[alt.Chart]:
    """The words beneath the ball; near the sides of the figure they stay inside, near the bottom they stand above."""
    across, up = (f"datum.{axis['shorthand'].partition(':')[0]}" for axis in (x, y))
    left, right = (f"x_low + {part} * (x_high - x_low)" for part in (0.15, 0.85))
    side = alt.ExprRef(f"{across} < {left} ? 'left' : {across} > {right} ? 'right' : 'center'")
    down = alt.ExprRef(f"{up} < y_low + {LOW} * (y_high - y_low) ? -{BELOW} : {BELOW}")
    return halo(named(name).encode(x=x, y=y, text="words:N"), colour, dy=down, align=side)


def veil(name: str, x: Any) -> alt.Chart:
    """What lies beyond the place where the training stands is dimmed."""
    return named(name).mark_rect(color="white", opacity=0.72).encode(x=x, x2=alt.value("width"))


def branches(name: str, x: Any, y: Any) -> list[alt.Chart]:
    """Paths that were left, dashed, each with its name near its end, at the height `words_at`."""
    base = named(name).encode(x=x, y=y, detail="branch:N")
    line = base.mark_line(color=MUTED, strokeWidth=1.5, strokeDash=[5, 4], clip=True).encode(order="step:Q")
    last = named(f"{name}_ends").encode(x=x, y=of_field(y, "words_at"), text="branch:N")
    return [line, *halo(last, MUTED, align="right", dx=-4, clip=True)]


def key(signs: Mapping[str, Sign]) -> alt.Chart:
    """What the marks are called, in a line above the figure."""
    names = list(signs)
    legend = alt.Legend(title=None, orient="top", offset=4, symbolStrokeWidth=2, symbolSize=60, columnPadding=8)
    of = [alt.Scale(domain=names, range=[signs[name][part] for name in names]) for part in range(3)]
    rows = alt.Chart(alt.InlineData(values=[{"of": name} for name in names])).mark_point(opacity=0, size=0)
    return rows.encode(
        x=alt.value(0),
        y=alt.value(0),
        fill=alt.Fill("of:N", scale=of[0], legend=legend),
        stroke=alt.Stroke("of:N", scale=of[0], legend=legend),
        shape=alt.Shape("of:N", scale=of[1], legend=legend),
        strokeDash=alt.StrokeDash("of:N", scale=of[2], legend=legend),
    )


def live(
    layers: Sequence[alt.Chart],
    title: str,
    rows: Sequence[Rows],
    params: Sequence[str] = ENDS,
    *,
    signs: Mapping[str, Sign] | None = None,
    height: int = HEIGHT,
) -> Any:
    """The figure with its key, its parameters at the values that they have before any data come."""
    keyed = [key(signs)] if signs else []
    # room for a ball at the right end, whether or not one is there when the figure is laid out, anew at another width
    edge = alt.Chart(alt.InlineData(values=[{}])).mark_point(opacity=0, size=EDGE)
    edges = [edge.encode(x=alt.value("width"), y=alt.value(20))] if params else []
    chart = finish([*layers, *keyed, *edges], title, title, height=height - KEY * len(keyed))
    made = [alt.param(name=name, value=0.1 if name.endswith("low") else 1.0) for name in params]
    chart.config["mark"] = {"aria": False}  # the page says in words what a picture shows; a text a mark costs time
    chart.usermeta = {"rows": [asdict(each) for each in rows]}
    if keyed:
        one = "independent"  # the key's colours are its own
        chart = chart.resolve_scale(color=one, fill=one, stroke=one, shape=one, strokeDash=one)
    return chart.add_params(*made)


def words_at_corner(name: str) -> list[alt.Chart]:
    """A line of words in the upper right corner, from the rows `words` of a set."""
    base = named(name).encode(x=alt.value("width"), y=alt.value(10), text="words:N")
    return halo(base, INK, align="right", dx=-4)
