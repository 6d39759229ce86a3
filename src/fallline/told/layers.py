"""What happens in the layers: do gradients reach the first, do units answer, do steps have a fitting size?"""

from __future__ import annotations

import math

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share

FEW_DEAD = 0.1  # of a layer's units: so many may go unused without harm
FEW_SATURATED = 0.2  # of a layer's signals
BALANCED = 100.0  # times: torchmortem's bound on how much longer one layer's gradient may be than another's
BAND = (1e-5, 1e-1)  # of update-to-weight ratios: torchmortem's and DeepDiagnosis's


def _rows(f: Figures) -> str:
    if f["rows"] == f["rows_of"]:
        return f"all {count(f['rows'])} training rows"
    return f"{count(f['rows'])} of the {count(f['rows_of'])} training rows"


def _where(f: Figures) -> str:
    return f"after step {count(f['kept_step'])}, on {_rows(f)}"


def _dead(f: Figures) -> str:
    worst = f["dead_share"]
    if worst == 0:
        return f"No {f['activation']} unit is dead {_where(f)}: each answers to some row."
    return (
        f"In {f['dead_layer']}, the layer with the most, {share(worst)} of the {f['activation']} units are dead "
        f"{_where(f)}: they give 0 on every row, and with it a slope of 0"
    )


def _few_dead(f: Figures) -> str:
    return _dead(f) if f["dead_share"] == 0 else f"{_dead(f)}. The other units carry the model."


def _saturated(f: Figures) -> str:
    return (
        f"In {f['saturated_layer']}, the layer with the most, {share(f['saturated_share'])} of the signals lie where "
        f"{f['activation']} is flat (its slope below a twentieth of the largest) {_where(f)}; at the random start it "
        f"was {share(f['saturated_at_start'])} at most"
    )


def _balance(f: Figures) -> bool | None:
    ratio = f.get("start_first_to_last")
    if not f.get("hidden") or ratio is None or not math.isfinite(ratio):
        return None
    return 1 / BALANCED <= ratio <= BALANCED


def _balanced(f: Figures) -> str:
    ratio = f["start_first_to_last"]
    if ratio == 0:
        return f"At the random start no gradient reached {f['layers'][0]}, while {f['layers'][-1]} got one"

    return (
        f"At the random start the gradient of {f['layers'][0]} was {number(ratio, 3)} times as long as that of "
        f"{f['layers'][-1]}"
    )


def _unbalanced(f: Figures) -> str:
    slow = "first" if f["start_first_to_last"] < 1 else "last"
    return f"{_balanced(f)}: at one rate for all, the {slow} layer learned much more slowly than the other."


def _band(f: Figures) -> bool | None:
    ratio = f.get("update_ratio")
    return None if ratio is None else BAND[0] <= ratio <= BAND[1]


def _update(f: Figures) -> str:
    return (
        f"A step moved the weights of a layer by {number(f['update_ratio'], 3)} times their length (the middle of what "
        f"was measured at {count(f['points'])} points of the way)"
    )


def _outside(f: Figures) -> str:
    if f["update_ratio"] < BAND[0]:
        return f"{_update(f)}: so little that it takes over {count(round(1 / BAND[0]))} steps to move them by as much."
    return f"{_update(f)}: more than a tenth, so that a few steps replace what was learned before."


CLAIMS = (
    Claim(
        "alive",
        lambda f: None if f.get("dead_share") is None else f["dead_share"] <= FEW_DEAD,
        _few_dead,
        lambda f: f"{_dead(f)}. What they are told by cannot be learned any more.",
    ),
    Claim(
        "unsaturated",
        lambda f: None if f.get("saturated_share") is None else f["saturated_share"] <= FEW_SATURATED,
        lambda f: f"{_saturated(f)}. Most signals can still move.",
        lambda f: f"{_saturated(f)}. There a gradient comes through at a twentieth of its length or less.",
    ),
    Claim(
        "balanced-gradient",
        _balance,
        lambda f: f"{_balanced(f)}: within a factor of {count(int(BALANCED))}, so that one rate can serve both.",
        _unbalanced,
    ),
    Claim(
        "update-ratio",
        _band,
        lambda f: f"{_update(f)}: within the usual {number(BAND[0])} to {number(BAND[1])}.",
        _outside,
    ),
)
