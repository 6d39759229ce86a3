"""Whether the model is able to hold the answer, said in words."""

from __future__ import annotations

import math

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share

CLEAR = 0.02  # of the loss: what one model must gain on another to be worth its parameters
SURE = 2.0  # standard errors of the gain, row by row: about one chance in forty that it is none
SMALL = 0.01  # of the errors' variance: a pattern that explains less is not worth a bigger model
LARGER = 1.1  # times the error inside the range: less is not called larger


def _known(f: Figures, *names: str) -> bool:
    return all(isinstance(f.get(name), int | float) and math.isfinite(f[name]) for name in names)


def _parameters(number_of: int) -> str:
    return "1 parameter" if number_of == 1 else f"{count(number_of)} parameters"


def _rows(f: Figures) -> str:
    if f["rows"] == f["rows_of"]:
        return f"{count(f['rows'])} training rows"
    return f"{count(f['rows'])} of the {count(f['rows_of'])} training rows"


def _unseen(f: Figures) -> str:
    if f["held_out"]:
        return f"{count(f['held_rows'])} validation rows"
    return f"{count(f['held_rows'])} rows set aside from the training rows"


def _clear(gain: float, error: float, of: float) -> bool:
    return gain > CLEAR * abs(of) and gain > SURE * error


def _part(gain: float, of: float) -> str:
    return f"{share(abs(gain) / abs(of))} of it" if of else number(abs(gain))


def _how(f: Figures) -> str:
    if f["wall_how"] == "closed form":
        return f"On {_rows(f)} no linear model has a loss below {number(f['wall'])} (the closed form)"
    if f["wall_certain"]:
        return (
            f"On {_rows(f)} no linear model has a loss clearly below {number(f['wall'])} (it was trained until its "
            f"gradient was {number(f['wall_gradient'], 2)} long)"
        )
    return f"On {_rows(f)} the best linear model that was found has a loss of {number(f['wall'])}"


def _walled(f: Figures) -> str:
    wall = ": a wall for all of them" if f["wall_certain"] else ""
    return (
        f"{_how(f)}{wall}. The best network here, {f['network']} with "
        f"{_parameters(f['network_parameters'])}, has {number(f['network_train'])} on these rows. On "
        f"{_unseen(f)} the linear model has {number(f['wall_validation'])} and the network "
        f"{number(f['network_validation'])}"
    )


def _over(f: Figures) -> str:
    return (
        f"{_walled(f)}, lower by {number(f['network_gain'])} ± {number(f['network_gain_error'], 2)} (standard error), "
        f"{_part(f['network_gain'], f['wall_validation'])}: the answer has a shape that the linear model can't hold."
    )


def _enough(f: Figures) -> str:
    gain = f["network_gain"]
    apart = f"{'lower' if gain > 0 else 'higher'} by {number(abs(gain))} ± {number(f['network_gain_error'], 2)}"
    if gain <= 0:
        why = "For what these rows show, the linear model is enough"
    elif gain <= CLEAR * abs(f["wall_validation"]):
        why = f"That is no more than {share(CLEAR)}: the linear model is enough"
    else:
        why = "That is less than two standard errors and may be chance: these rows do not show that a network is needed"
    return f"{_walled(f)}, {apart} (standard error). {why}."


def _passes(f: Figures) -> bool | None:
    if not _known(f, "network_gain", "network_gain_error", "wall_validation"):
        return None
    return _clear(f["network_gain"], f["network_gain_error"], f["wall_validation"])


def _holds(f: Figures) -> bool | None:
    if not _known(f, "own_short", "own_short_error", "best_validation"):
        return None
    return not _clear(f["own_short"], f["own_short_error"], f["best_validation"])


def _compared(f: Figures) -> str:
    others = f"{len(f['models'])} models of different sizes, on {_rows(f)}"
    steps = f"networks for {count(f['steps'])} steps with {f['seeds']} random starts, each at its best rate"
    mine = "judged as the run left it" if f["own_as_trained"] else "trained afresh like the others"
    if f["own"] == f["wall_model"]:
        mine = "at its best"
    return (
        f"Of {others} ({steps}), the run's own kind, {f['own']} with {_parameters(f['own_parameters'])}, {mine}, has a "
        f"loss of {number(f['own_validation'])} on {_unseen(f)}"
    )


def _able(f: Figures) -> str:
    if f["best"] == f["own"]:
        return f"{_compared(f)}, the lowest of all: none of these holds more of the answer."
    if f["own_short"] <= CLEAR * abs(f["best_validation"]):
        why = f"within {share(CLEAR)}, so that it holds about as much"
    else:
        why = "less than two standard errors, which may be chance: these rows do not show that the model is too weak"
    return (
        f"{_compared(f)}; the best, {f['best']} with {_parameters(f['best_parameters'])}, has "
        f"{number(f['best_validation'])}. That is lower by {number(f['own_short'])} ± "
        f"{number(f['own_short_error'], 2)} (standard error), {why}."
    )


def _weak(f: Figures) -> str:
    return (
        f"{_compared(f)}, but {f['best']} with {_parameters(f['best_parameters'])} has {number(f['best_validation'])}: "
        f"the model is too weak by {number(f['own_short'])} ± {number(f['own_short_error'], 2)} (standard error), "
        f"{_part(f['own_short'], f['best_validation'])}."
    )


def _patternless(f: Figures) -> bool | None:
    if not _known(f, "residual_share", "residual_chance"):
        return None
    return f["residual_share"] <= max(SMALL, f["residual_chance"])


def _errors(f: Figures) -> str:
    what = {
        "target": "errors",
        "probability": f"errors of the probability of {f.get('residual_class')}",
        "pull": "errors, as the loss weighs them,",
    }[f["residual_unit"]]
    rows = f"{count(f['residual_rows'])} {'validation' if f['residual_held'] else 'training'} rows"
    return (
        f"Where the model that was kept errs, on {rows}: of all features and of the prediction itself, bins of "
        f"{f['residual_feature']} explain most of what is left of its {what.rstrip(',')}, {share(f['residual_share'])} "
        f"of their variance; with shuffled errors the most telling one explains up to {share(f['residual_chance'])} "
        "(in 19 of 20 shuffles)"
    )


def _no_pattern(f: Figures) -> str:
    if f["residual_share"] <= f["residual_chance"]:
        return f"{_errors(f)}. No pattern beyond chance is left along any one of them."
    return f"{_errors(f)}. That is more than chance, but too little to matter."


def _pattern(f: Figures) -> str:
    return f"{_errors(f)}. The errors still have a pattern: something along {f['residual_feature']} is left to learn."


def _outside(f: Figures) -> bool | None:
    if "range_feature" not in f:
        return False
    if not _known(f, "inside_error", "outside_error", "outside_extra", "outside_extra_error"):
        return None
    larger = f["outside_error"] > LARGER * f["inside_error"]
    return larger and f["outside_extra"] > SURE * f["outside_extra_error"]


def _seen(f: Figures) -> str:
    return (
        f"A network ({f['range_model']}) was trained only on {count(f['range_rows'])} rows whose {f['range_feature']} "
        f"lies from {number(f['range_low'])} to {number(f['range_high'])}, the middle four fifths. On "
        f"{count(f['inside_rows'])} other rows from that range its {f['range_error']} is {number(f['inside_error'])}, "
        f"on {count(f['outside_rows'])} rows from outside it is {number(f['outside_error'])}"
    )


def _control(f: Figures) -> str:
    return (
        f"The same network, trained on as many rows of the whole range, has {number(f['whole_outside_error'])} on "
        "those outside rows"
    )


def _promise() -> str:
    return (
        "A network with units enough can come as close as one likes to any continuous function on a bounded range; "
        "nothing is promised outside the range that it saw, nor that descent finds the weights."
    )


def _worse(f: Figures) -> str:
    times = f"{number(f['outside_error'] / f['inside_error'], 3)} times as large" if f["inside_error"] else "larger"
    return f"{_seen(f)}, {times}. {_control(f)}: what it lacked was having seen them. {_promise()}"


def _not_judged() -> str:
    return (
        "What a network answers outside the range that it saw can't be judged on this table: too few of its other rows "
        f"lie beyond the middle four fifths of the feature that tells most. {_promise()}"
    )


def _not_worse(f: Figures) -> str:
    if "range_feature" not in f:
        return _not_judged()
    seen = f["outside_extra"] > SURE * f["outside_extra_error"]
    if f["outside_error"] <= LARGER * f["inside_error"] and seen:
        return (
            f"{_seen(f)}: hardly larger, or smaller. Yet those rows would have been easier still for one that had seen "
            f"such rows. {_control(f)}. {_promise()}"
        )
    if f["outside_error"] <= LARGER * f["inside_error"]:
        return (
            f"{_seen(f)}: hardly larger, or smaller. {_control(f)}. Here going beyond the range cost little; that is "
            f"luck, not a promise. {_promise()}"
        )
    return (
        f"{_seen(f)}. {_control(f)}, which is not clearly better: the rows out there are harder, whether seen or not. "
        f"{_promise()}"
    )


CLAIMS = (
    Claim("wall", _passes, _over, _enough),
    Claim("own-model", _holds, _able, _weak),
    Claim("residual-pattern", _patternless, _no_pattern, _pattern),
    Claim("inside-and-outside", _outside, _worse, _not_worse),
)
