"""What a slice through the loss shows: slope and derivative, where the next update lands, and the other weights."""

from __future__ import annotations

import math

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share

AGREE = 0.01  # of the larger slope: closer than the eye can tell two lines apart


def _known(f: Figures, *names: str) -> bool:
    return all(f.get(name) is not None and math.isfinite(f[name]) for name in names)


def _agrees(f: Figures) -> bool | None:
    if not _known(f, "derivative", "difference", "resolution"):
        return None
    gap, size = abs(f["derivative"] - f["difference"]), max(abs(f["derivative"]), abs(f["difference"]))
    return gap <= AGREE * size + f["resolution"]


def _slopes(f: Figures) -> str:
    return (
        f"At {f['weight']} = {number(f['value'])}, after step {count(f['step'])}, the chain rule gives a partial "
        f"derivative of {number(f['derivative'])}. Two losses a little apart on the curve ({number(f['h'], 2)} to "
        f"either side) give a slope of {number(f['difference'])}"
    )


def _next_is_lower(f: Figures) -> bool | None:
    if not _known(f, "loss", "rounding") or f.get("next_loss") is None or not _known(f, "next_value"):
        return None
    return math.isfinite(f["next_loss"]) and f["next_loss"] < f["loss"] - f["rounding"]


def _next(f: Figures) -> str:
    return (
        f"The next update, step {count(f['step'] + 1)}, takes {f['weight']} from {number(f['value'], 6)} to "
        f"{number(f['next_value'], 6)}"
    )


def _all_updated(f: Figures) -> str:
    if f["parameters"] == 1 or f.get("next_true") is None:
        return ""
    return f" With all {count(f['parameters'])} parameters updated it is {number(f['next_true'], 6)}."


def _went_down(f: Figures) -> str:
    held = ", the other weights held," if f["parameters"] > 1 else ""
    return (
        f"{_next(f)}. On this slice{held} the loss falls from {number(f['loss'], 6)} to {number(f['next_loss'], 6)}."
        f"{_all_updated(f)}"
    )


def _not_lower(f: Figures) -> str:
    moved = f["next_value"] - f["value"]
    if moved == 0:
        return f"The next update leaves {f['weight']} where it is, at {number(f['value'], 6)}.{_all_updated(f)}"
    if abs(f["next_loss"] - f["loss"]) <= f["rounding"]:
        return (
            f"{_next(f)}: so little that the loss on this slice stays {number(f['loss'], 6)} to rounding."
            f"{_all_updated(f)}"
        )
    said = f"{_next(f)}. On this slice the loss rises from {number(f['loss'], 6)} to {number(f['next_loss'], 6)}: "
    if moved * f["derivative"] < 0:
        why = "the way was downhill, but the step went too far, past the floor of the valley and up the other side."
    elif f["derivative"] == 0:
        why = "the slope here is 0, so that no way leads down at first."
    else:
        batch = "" if f["full"] else f" its gradient is that of a batch of {count(f['next_rows'])} rows, not of all"
        rule = "" if f["rule"] == "plain" else f" the rule {f['rule']} also remembers earlier gradients"
        reasons = " and".join(part for part in (batch, rule) if part)
        why = f"the step leads up this slice;{reasons}." if reasons else "the step leads up this slice."
    return said + why + _all_updated(f)


def _whole(f: Figures) -> str:
    return (
        f"The model has one parameter, {f['weight']}, so that this curve is its whole loss, and the path lies on it "
        "from start to end."
    )


def _not_whole(f: Figures) -> str:
    others = f["parameters"] - 1
    if f["moved"] == 0:
        return (
            f"This is a slice through the loss of {count(f['parameters'])} parameters; none of the other "
            f"{count(others)} moved, so that the path stays on it all the same."
            if others > 1
            else "This is a slice through the loss of 2 parameters; the other did not move, so that the path stays on "
            "it all the same."
        )
    them = "1 other weight" if f["moved"] == 1 else f"{count(f['moved'])} other weights"
    return (
        f"This is a slice through the loss of {count(f['parameters'])} parameters: it holds the others where they were "
        f"after step {count(f['step'])}. The path leaves the curve because {them} moved too."
    )


CLAIMS = (
    Claim(
        "slope-is-derivative",
        _agrees,
        lambda f: f"{_slopes(f)}: the derivative is the slope of this slice.",
        lambda f: (
            f"{_slopes(f)}, which differs by {share(_gap(f))} of the larger: the curve has a kink or bends sharply."
        ),
    ),
    Claim("next-point", _next_is_lower, _went_down, _not_lower),
    Claim("whole-curve", lambda f: f["parameters"] == 1 if "parameters" in f else None, _whole, _not_whole),
)


def _gap(f: Figures) -> float:
    return abs(f["derivative"] - f["difference"]) / max(abs(f["derivative"]), abs(f["difference"]))
