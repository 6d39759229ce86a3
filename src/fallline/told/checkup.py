"""What a checkup found, in plain words: chance, some further steps, columns, scales."""

from __future__ import annotations

import math

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share

SURE = 0.01  # how often shuffled targets may do as well
FALLS = 0.05  # of the objective
SCALES = 10.0  # times fewer steps with scaled columns: from there it is worth a word


def _known(f: Figures, *names: str) -> bool:
    return all(f.get(name) is not None and math.isfinite(f[name]) for name in names)


def _by_chance(f: Figures) -> str:
    return (
        f"Of 200 draws in which the {count(f['held_rows'])} held-out targets were shuffled, "
        f"{share(f['held_chance'])} agreed with the predictions as well as the real ones do or better (the real ones "
        "counted in)"
    )


def _onward(f: Figures) -> str:
    return (
        f"{count(f['onward_steps'])} more steps at the rate {number(f['onward_rate'])} took the objective from "
        f"{number(f['onward_now'])} to {number(f['onward_same'])}, over {count(f['onward_rows'])} training rows"
    )


def _rests(f: Figures) -> bool | None:
    if not _known(f, "onward_now", "onward_same"):
        return None
    return f["onward_now"] - f["onward_same"] < FALLS * abs(f["onward_now"])


def _beats(f: Figures) -> bool | None:
    return f["held_loss"] < f["held_trivial_loss"] if _known(f, "held_loss", "held_trivial_loss") else None


def _losses(f: Figures) -> str:
    return (
        f"On {count(f['held_rows'])} held-out rows the model's loss is {number(f['held_loss'])}, and that of always "
        f"predicting the same {number(f['held_trivial_loss'])}"
    )


def _scaled(f: Figures) -> bool | None:
    if not _known(f, "condition", "condition_scaled"):
        return None
    return f["condition"] < SCALES * f["condition_scaled"]


def _condition(f: Figures) -> str:
    return (
        f"The features' condition number is {number(f['condition'], 3)} as trained on, and would be "
        f"{number(f['condition_scaled'], 3)} with every one standardised"
    )


def _telling(f: Figures) -> str:
    names = f["telling"]
    alone = "column tells" if len(names) == 1 else "columns each tell"
    return (
        f"{count(len(names))} {alone} nearly all of the target alone: {', '.join(names)}. Look whether that is known "
        "before the target is."
    )


def _twins(f: Figures) -> str:
    pairs = f["twins"]
    kind = "pair of columns says" if len(pairs) == 1 else "pairs of columns say"
    return f"{count(len(pairs))} {kind} the same: {'; '.join(f'{a} and {b}' for a, b in pairs[:5])}."


CLAIMS = (
    Claim(
        "beats-trivial",
        _beats,
        lambda f: f"{_losses(f)}.",
        lambda f: f"{_losses(f)}: the model does no better than that.",
    ),
    Claim(
        "no-chance",
        lambda f: f["held_chance"] <= SURE if _known(f, "held_chance") else None,
        lambda f: f"{_by_chance(f)}: what it says of them is no chance.",
        lambda f: f"{_by_chance(f)}: it may be chance.",
    ),
    Claim(
        "at-rest",
        _rests,
        lambda f: f"{_onward(f)}: less than {share(FALLS)} was still to be gained there.",
        lambda f: f"{_onward(f)}: it had not come to rest.",
    ),
    Claim(
        "scaled",
        _scaled,
        lambda f: f"{_condition(f)}: scaling would gain little.",
        lambda f: (
            f"{_condition(f)}: plain descent would need "
            f"about {number(f['condition'] / f['condition_scaled'], 2)} times fewer steps."
        ),
    ),
    Claim(
        "no-column-tells-all",
        lambda f: None if f.get("telling") is None else not f["telling"],
        lambda f: "No column tells nearly all of the target alone.",
        _telling,
    ),
    Claim(
        "no-twins",
        lambda f: None if f.get("twins") is None else not f["twins"],
        lambda f: "No two columns say the same.",
        _twins,
    ),
)
