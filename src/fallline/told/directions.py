"""Whether the gradient is the steepest way, what its sign does, where it points, and what it promises, in words."""

from __future__ import annotations

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number
from fallline.told.curvature import after, begin, over_rows

POINTS = 10.0  # degrees: up to here a way is the way to the minimum for practical purposes
NEAR = 0.1  # of the change that came: how far a prediction may be off
LEAST = 1e-12  # of the loss: smaller changes are rounding


def _rows(f: Figures) -> str:
    return over_rows({"rows": f["fan_rows"], "rows_of": f["rows_of"]})


def _ways(f: Figures) -> str:
    return "1 random direction" if f["count"] == 1 else f"{count(f['count'])} random directions"


def _slopes(f: Figures) -> str:
    return (
        f"{begin(f)} the slope along the gradient is its length, {number(f['gradient_norm'])} (loss "
        f"per unit of way{_rows(f)})"
    )


def _steepest(f: Figures) -> str:
    said = (
        f"Yes, the gradient points up the steepest slope. {_slopes(f)}; of {_ways(f)} none was steeper, and the "
        f"steepest had {number(f['steepest'])}."
    )
    if not f["better"]:
        return said
    return (
        f"{said} That is the slope at the point itself: after a way of {number(f['length'])}, {count(f['better'])} of "
        "them had led lower than minus the gradient, because the loss bends on the way."
    )


def _steeper(f: Figures) -> str:
    return (
        f"{_slopes(f)}, yet {count(f['steeper'])} of {_ways(f)} were steeper (up to {number(f['steepest'])}). That "
        "can't be where the loss is smooth: it has a kink there, or its gradient is not its derivative."
    )


def _signs(f: Figures) -> tuple[str, str]:
    def moved(change: float) -> str:
        to = f"from {number(f['value'], 6)} to {number(f['value'] + change, 6)}"
        if change == 0:
            return f"stays at {number(f['value'], 6)}"
        return f"falls {to}" if change < 0 else f"rises {to}" if change > 0 else "is no number any more"

    return moved(f["down"]), moved(f["up"])


def _as_long(f: Figures) -> str:
    return "as long as the run's next step" if f["own_length"] else "as long as rate times gradient"


def _minus_one(f: Figures) -> str:
    down, up = _signs(f)
    return (
        f"The gradient points uphill, so it is multiplied by −1. {begin(f)}, over a way "
        f"{_as_long(f)} ({number(f['length'])}): along minus the gradient the {f['of']} {down}; without the −1 it {up}"
        f"{_rows(f)}."
    )


def _minus_one_not(f: Figures) -> str:
    down, up = _signs(f)
    return (
        f"The gradient points uphill, so it is multiplied by −1; but {after(f['step'])}, over a way {_as_long(f)} "
        f"({number(f['length'])}), the {f['of']} {down} along minus the gradient and {up} along plus the gradient"
        f"{_rows(f)}. The way is too long for the slope at its start; a short enough one does as the slope says."
    )


def _degrees(value: float) -> str:
    return f"{number(value, 3)} degrees"


def _angles(f: Figures) -> str:
    exact = ""
    if f["angle_exact"] is not None:
        exact = f", and {_degrees(f['angle_exact'])} from the way to the exact answer"
    return (
        f"{begin(f)} minus the gradient is {_degrees(f['angle'])} off the straight way to the weights "
        f"where training ended{exact}{over_rows(f)}"
    )


def _points(f: Figures) -> str:
    return f"{_angles(f)}: it points nearly to where training ended."


def _points_not(f: Figures) -> str:
    along = ""
    if f["angles"] > 1:
        along = f" Along the path it was off by {number(f['angle_least'], 3)} to {_degrees(f['angle_most'])}."
    backwards = " More than 90 degrees: at first it leads away from there." if f["angle"] > 90 else ""
    return (
        f"{_angles(f)}: it points down the steepest slope, not to the minimum.{backwards}{along} Where the loss bends "
        "equally in all directions, the two are the same; the more one direction bends than another (conditioning), "
        "the more the gradient points across the valley rather than along it."
    )


def _promise(f: Figures) -> str:
    every = ""
    if f["rows_of"] > 1:
        every = f" Over the rows judged, {number(f['predicted_all'])} was predicted and {number(f['came_all'])} came."
    return (
        f"Slope and curvature {after(f['step'])} predict that the next step changes the {f['of']} on its own rows by "
        f"{number(f['predicted'])}; it changed by {number(f['came'])}.{every}"
    )


def _kept_it(f: Figures) -> str:
    return f"{_promise(f)} So near by, a slope and a curvature describe the loss well."


def _broke_it(f: Figures) -> str:
    return f"{_promise(f)} The step was longer than slope and curvature at its start can see."


def _near(f: Figures) -> bool | None:
    if f["came"] is None or abs(f["came"]) <= LEAST * abs(f["value"]):
        return None
    return abs(f["predicted"] - f["came"]) <= NEAR * abs(f["came"])


CLAIMS = (
    Claim("steepest", lambda f: None if not f["count"] else f["steeper"] == 0, _steepest, _steeper),
    Claim("times-minus-one", lambda f: f["down"] < 0 < f["up"], _minus_one, _minus_one_not),
    Claim(
        "points-to-minimum",
        lambda f: None if f["angle"] is None else f["angle"] <= POINTS,
        _points,
        _points_not,
    ),
    Claim("predicted-change", _near, _kept_it, _broke_it),
)
