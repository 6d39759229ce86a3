"""How much of the way a picture of the loss shows, and how far it is from the truth."""

from __future__ import annotations

import math

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share

CAPTURED = 0.7  # of the squared distances: Li et al. (2018, section 7.2) found 40 to 90% in two directions of a path
HONEST = 0.1  # of the range of the losses along the path: about what can be seen in the picture's colours

PLANES = {
    "path": "the plane that holds most of the path",
    "weights": "the plane of {x_name} and {y_name}",
    "random": "the plane of two random directions",
}


def _plane(f: Figures) -> str:
    return PLANES[f["over"]].format(**f)


def _numbers(f: Figures, *names: str) -> bool:
    return all(f.get(name) is not None and math.isfinite(f[name]) for name in names)


def _is_captured(f: Figures) -> bool | None:
    return f["share_captured"] >= CAPTURED if _numbers(f, "share_captured") else None


def _holds(f: Figures) -> str:
    return (
        f"Training moved {count(f['parameters'])} parameters; a picture shows two directions. Here {_plane(f)} holds "
        f"{share(f['share_captured'])} of the movement (of the squared distances of {count(f['path_points'])} points "
        f"of the path from the weights of step {count(f['step'])})"
    )


def _is_honest(f: Figures) -> bool | None:
    if not _numbers(f, "gap", "range"):
        return None
    return f["gap"] < HONEST * f["range"] if f["range"] > 0 else None


def _gap(f: Figures) -> str:
    return (
        f"Along the path the true loss of {count(f['rows'])} training rows and that on the plane beneath it differ by "
        f"{number(f['gap'])} at most, at step {count(f['gap_step'])}; the true loss itself spans {number(f['range'])}"
    )


def _goes_down(f: Figures) -> bool | None:
    if f.get("uphill") is None or f["path_points"] < 2:
        return None
    return f["uphill"] == 0 and f["end_plane"] < f["start_plane"]


def _ends(f: Figures) -> str:
    return f"from {number(f['start_plane'])} at the start to {number(f['end_plane'])} at the end"


def _up(f: Figures) -> str:
    if f["uphill"] == 0:
        return f"On the picture's surface the path stays level: {_ends(f)}."
    moves, true = f["path_points"] - 1, f["uphill_true"]
    way = "1 leads" if f["uphill"] == 1 else f"{count(f['uphill'])} lead"
    return (
        f"Of the {count(moves)} {'move' if moves == 1 else 'moves'} between the points drawn, {way} up on the "
        f"picture's surface, which goes {_ends(f)}. The true loss, in all directions, rose in "
        f"{count(true) if true else 'none'} of the moves."
    )


CLAIMS = (
    Claim(
        "captured",
        _is_captured,
        lambda f: f"{_holds(f)}.",
        lambda f: (
            f"{_holds(f)}, less than {share(CAPTURED)}: most of what happened lies outside this picture, so don't read "
            "the way from it."
            if f["share_captured"] < 0.5
            else f"{_holds(f)}, less than {share(CAPTURED)}: a good part of what happened lies outside this picture, "
            "so read the way from it with care."
        ),
    ),
    Claim(
        "honest",
        _is_honest,
        lambda f: f"{_gap(f)}: the picture's heights can be trusted where the path goes.",
        lambda f: (
            f"{_gap(f)}. The picture's heights are wrong by up to {share(f['gap'] / f['range'])} of that: a point of "
            "the path does not lie on the plane where it is drawn, but off it."
        ),
    ),
    Claim(
        "downhill",
        _goes_down,
        lambda f: f"On the picture's surface the path goes down from each point drawn to the next, {_ends(f)}.",
        _up,
    ),
)
