"""What the model answers over the data: better than always the same answer, or not."""

from __future__ import annotations

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share


def _rows(f: Figures) -> str:
    if f["rows"] == f["rows_of"]:
        return f"the {count(f['rows'])} training rows"
    return f"{count(f['rows'])} of the {count(f['rows_of'])} training rows"


def _spread(f: Figures) -> bool | None:
    return None if f["rmse"] is None else f["rmse"] < f["spread"]


def _off(f: Figures) -> str:
    return (
        f"After step {count(f['step'])} the predictions of {f['target']} on {_rows(f)} are off by {number(f['rmse'])} "
        f"(root of the mean square)"
    )


def _recognised(f: Figures) -> bool | None:
    return None if f["recognised"] is None else f["recognised"] > f["commonest"]


def _share(f: Figures) -> str:
    return f"After step {count(f['step'])}, {share(f['recognised'])} of {_rows(f)} are recognised"


CLAIMS = (
    Claim(
        "better-than-the-mean",
        _spread,
        lambda f: f"{_off(f)}; always saying their mean would be off by {number(f['spread'])}.",
        lambda f: f"{_off(f)}: no better than always saying their mean, which is off by {number(f['spread'])}.",
    ),
    Claim(
        "better-than-the-commonest",
        _recognised,
        lambda f: f"{_share(f)}; always saying the commonest class would get {share(f['commonest'])} right.",
        lambda f: f"{_share(f)}: no better than always saying the commonest class ({share(f['commonest'])}).",
    ),
)
