"""What can be claimed of one update: that it re-adds, what it did to the loss, and what in it is old and what new."""

from __future__ import annotations

import math

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share
from fallline.told.re_add import re_add
from fallline.told.update import step_lines

__all__ = ["CLAIMS", "step_lines"]

MOSTLY_OLD = 0.5  # of a direction


def _known(f: Figures, *names: str) -> bool:
    return all(f.get(name) is not None and math.isfinite(f[name]) for name in names)


def _example(f: Figures) -> str:
    w = f["weights"][0]
    p = re_add(w["old"], f["rate"], w["direction"], w["new"], f["precision"])
    direction = f"({p.direction})" if p.direction.startswith("-") else p.direction
    return f"{w['name']}: " + f"{p.new} = {p.old} − {p.rate} × {direction}".replace("-", "−")


def _readds(f: Figures) -> str:
    what = "gradient" if f["rule"] == "plain" and f["clip"] is None else "direction"
    return f"At step {count(f['step'])} w_new = w_old − rate × {what}, in numbers for {_example(f)}."


def _fell(f: Figures) -> bool | None:
    if not _known(f, "objective") or f.get("objective_after") is None:
        return None
    return f["objective_after"] < f["objective"]


def _batch(f: Figures) -> str:
    name = "loss" if f["objective"] == f["loss"] else "objective (loss and penalty)"
    rows = "the row" if f["batch"] == 1 else f"the {count(f['batch'])} rows"
    return (
        f"The {name} of {rows} that step {count(f['step'])} saw was {number(f['objective'], 6)} before the update and "
        f"is {number(f['objective_after'], 6)} after it"
    )


def _not_fell(f: Figures) -> str:
    if f["objective_after"] == f["objective"]:
        return f"{_batch(f)}: the update changed nothing that can be seen in {f['precision']} bits."
    if f["rule"] == "plain":
        why = "the step was longer than the slope at its start held good for"
    else:
        why = f"the step was too long, or led elsewhere, as the rule {f['rule']} does not follow this gradient alone"
    return f"{_batch(f)}: it rose, since {why}."


def _remembers(f: Figures) -> bool | None:
    found = f["memory"]
    if found["kind"] == "plain" or (found["old_share"] is None and found["scale_old_share"] is None):
        return None
    part = found["old_share"] if found["old_share"] is not None else found["scale_old_share"]
    return part > MOSTLY_OLD


def _shares(f: Figures) -> str:
    found, said = f["memory"], []
    if found["old_share"] is not None:
        said.append(
            f"{share(found['old_share'])} of the direction is old information, remembered from earlier gradients, and "
            f"{share(1 - found['old_share'])} is new"
        )
    else:
        said.append("the direction itself is this step's gradient alone")
    if found["scale_old_share"] is not None:
        said.append(f"its scale, made of squared gradients, is {share(found['scale_old_share'])} old")
    return f"At step {count(f['step'])} with the rule {f['rule']}, {'; '.join(said)}"


def _mostly_new(f: Figures) -> str:
    if f["step"] == 1:
        return f"{_shares(f)}: at the first step there is nothing to remember yet."
    return f"{_shares(f)}: here the new counts for at least as much as the old."


CLAIMS = (
    Claim(
        "re-adds",
        lambda f: (
            f["readd_error"] <= f["readd_rounding"] if f.get("readd_error") is not None and f["weights"] else None
        ),
        _readds,
        lambda f: (
            f"{_readds(f)} The weight furthest off differs by {number(f['readd_error'])} from what the rule makes, "
            f"more than rounding ({number(f['readd_rounding'])})."
        ),
    ),
    Claim(
        "loss-fell",
        _fell,
        lambda f: f"{_batch(f)}: it fell by {number(f['objective'] - f['objective_after'], 3)}.",
        _not_fell,
    ),
    Claim(
        "old-and-new",
        _remembers,
        lambda f: f"{_shares(f)}: the old counts for more than the new.",
        _mostly_new,
    ),
)
