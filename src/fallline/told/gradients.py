"""How the gradient changed on the way down: its norm, its entries, the updates, and what is left at the end."""

from __future__ import annotations

import math

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share

FELL = 0.5  # of the norm at the start: above it the norm has not fallen in earnest
ABOVE = 2.0  # times the norm over all rows: batches whose gradients are longer are mostly noise
STEADY = 0.9  # of the first updates: above it the last ones are about as long
NEARLY = 1e-3  # of the norm at the start: below it the gradient is called nearly 0


def _known(f: Figures, *names: str) -> bool:
    return all(f.get(name) is not None and math.isfinite(f[name]) for name in names)


def _sample(f: Figures) -> str:
    rows = "all" if f["rows"] == f["rows_of"] else f"{count(f['rows'])} of the {count(f['rows_of'])}"
    return f"over {rows} training rows"


def _fell(f: Figures) -> bool | None:
    if not _known(f, "whole_first") or f["whole_first"] == 0 or f["points"] < 2:
        return None
    return f["whole_last"] <= FELL * f["whole_first"]  # not so where it is not a number


def _norms(f: Figures) -> str:
    return (
        f"The gradient {_sample(f)} has a norm (its length, all entries taken together) of "
        f"{number(f['whole_first'])} at the start and {number(f['whole_last'])} at the end"
    )


def _by_what(f: Figures) -> str:
    factor = (
        f" {number(f['whole_first'] / f['whole_last'], 3)} times smaller" if f["whole_last"] > 0 else " nothing left"
    )
    return f"{_norms(f)}:{factor}."


def _not_fallen(f: Figures) -> str:
    if not math.isfinite(f["whole_last"]):
        return f"{_norms(f)}: it grew beyond all numbers."
    if f["whole_last"] <= f["whole_first"]:
        return f"{_norms(f)}: it fell by less than half, so that training ended where the loss is still about as steep."
    times = number(f["whole_last"] / f["whole_first"], 3)
    return f"{_norms(f)}: it rose, {times} times; training ended where the loss is steeper than at the start."


def _beyond(f: Figures) -> bool | None:
    if not _known(f, "lowest", "highest", "negative_share", "outside_share"):
        return None
    return f["negative_share"] > 0 or f["outside_share"] > 0


def _entries(f: Figures) -> str:
    return (
        f"Of {count(f['entries'])} partial derivatives ({count(f['parameters'])} at each of {count(f['points'])} "
        f"points of the path, {_sample(f)})"
    )


def _not_between(f: Figures) -> str:
    return (
        f"{_entries(f)} {share(f['negative_share'])} are negative and {share(f['outside_share'])} are larger than 1 in "
        f"size; they reach from {number(f['lowest'])} to {number(f['highest'])}, and a typical one has a size of "
        f"{number(f['typical'])}. A derivative can be any number."
    )


def _between(f: Figures) -> str:
    return (
        f"{_entries(f)} all happen to lie between 0 and 1, from {number(f['lowest'])} to {number(f['highest'])}; "
        "nothing keeps them there."
    )


def _smaller(f: Figures) -> bool | None:
    if not f.get("rate_constant") or not _known(f, "update_first", "first_norm") or f["steps"] < 2:
        return None
    if f["update_first"] == 0 or f["update_last"] is None or f["last_norm"] is None:
        return None
    return f["update_last"] < STEADY * f["update_first"] and f["last_norm"] < STEADY * f["first_norm"]


def _updates(f: Figures) -> str:
    when = (
        "at the first step and {last} at the last"
        if f["window"] == 1
        else f"on average over the first {count(f['window'])} steps and {{last}} over the last {count(f['window'])}"
    )
    update = f"An update is {number(f['update_first'])} long {when.format(last=number(f['update_last']))}"
    gradient = f"from {number(f['first_norm'])} to {number(f['last_norm'])}"
    return f"{update}; the rate stayed {number(f['rate_first'])}, the gradient's norm went {gradient}"


def _because(f: Figures) -> str:
    if f["rule"] == "plain" and f.get("clip") is None:
        return f"{_updates(f)}. An update is the rate times the gradient, so that a smaller gradient is a smaller step."
    return f"{_updates(f)}. The rule {f['rule']} makes its direction from gradients, and they shrank as well."


def _not_smaller(f: Figures) -> str:
    if f["update_last"] < STEADY * f["update_first"]:
        return (
            f"{_updates(f)}: the updates shrank though the gradients did not, which the rule {f['rule']} makes of them."
        )
    if f["last_norm"] < STEADY * f["first_norm"]:
        return f"{_updates(f)}: the updates did not shrink though the gradients did."
    return f"{_updates(f)}: neither shrank."


def _is_zero(f: Figures) -> bool | None:
    if not _known(f, "whole_first", "whole_last", "last_norm") or f["whole_first"] == 0 or f["points"] < 2:
        return None
    return max(f["whole_last"], f["last_norm"]) < NEARLY * f["whole_first"]


def _left(f: Figures) -> str:
    part = share(f["whole_last"] / f["whole_first"])
    if f["full"]:
        exact = (
            "exactly 0" if f["whole_last"] == 0 else f"{number(f['whole_last'])}, {part} of what it was at the start"
        )
        return f"At the end the norm of the gradient is {exact}"
    window = "the last step" if f["window"] == 1 else f"mean of the last {count(f['window'])} steps"
    return (
        f"At the end batches of {count(f['batch'])} have gradients with a norm of {number(f['last_norm'])} ({window}), "
        f"and {_sample(f)} it is {number(f['whole_last'])}"
    )


def _zero(f: Figures) -> str:
    return f"{_left(f)}: nearly 0 beside {number(f['whole_first'])} at the start. It nears 0 and need not reach it."


def _not_zero(f: Figures) -> str:
    if f["full"]:
        return f"{_left(f)}: not 0, so that going on would still change the weights."
    if f["last_norm"] > ABOVE * f["whole_last"]:
        return (
            f"{_left(f)}. The batches' gradients don't become 0: each pulls towards the minimum of its own rows, and "
            "only their mean over all rows can cancel. That is the floor of their noise."
        )
    return f"{_left(f)}: about alike, so that it is not noise that holds it up; going on would change the weights."


CLAIMS = (
    Claim("norm-fell", _fell, _by_what, _not_fallen),
    Claim("not-between-0-and-1", _beyond, _not_between, _between),
    Claim("smaller-steps", _smaller, _because, _not_smaller),
    Claim("becomes-zero", _is_zero, _zero, _not_zero),
)
