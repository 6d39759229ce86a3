"""How each figure of the moment comes about: its formula, with numbers that work out as printed where they are few."""

from __future__ import annotations

import math

import numpy as np

from fallline.lab.arithmetic import Sum, held, plain, times
from fallline.lab.walker import Walker
from fallline.measurement import Figures
from fallline.numbers import count, number
from fallline.told.re_add import works_out

FEW = 4  # weights whose squares are spelled out


def origins(walker: Walker, ahead: Figures, m: Figures) -> dict[str, str]:
    """The words for each fact.

    Args:
        ahead: the figures of `instruments.now.look_ahead`; {} while they are not measured.
        m: the figures of the instrument `step` for the update that comes next.
    """
    batches, settings = walker.ready.walk.batches, walker.ready.settings
    seen = int(batches.rows_seen(np.array(walker.step)))
    rows = "all training rows" if batches.full else f"the rows of the next batch, {count(m['batch'])}"
    found = {
        "step": "One update is one pass through the four stages: predict, loss, gradient, update.",
        "epoch": f"Rows seen / training rows = {count(seen)} / {count(batches.rows)}.",
        "rows_seen": f"Each update looks at {count(batches.size)} of {count(batches.rows)} training rows, at most.",
        "loss": f"The mean of the losses of {rows}; the stage Loss adds them up.",
        "rate": _rate(walker, m["rate"]),
        "gradient_norm": _length("gradient", m, m["gradient_norm"]),
        "update_norm": _update(settings.rule, m),
        "validation_loss": "The same loss, of rows that no update sees; looked at once in a while.",
        "metric": "Of the same rows, in the measure that the model is judged by in the end.",
        "exact": "Where the loss is least, found without steps: by solving the equations that make the gradient 0.",
        "trivial": "What is reached without learning anything from the columns.",
    }
    if m["objective"] != m["loss"]:
        both = Sum([], [m["loss"], m["objective"] - m["loss"]], m["objective"])
        found["objective"] = f"Loss + penalty: {both.total} = {both.rest[0]} + {both.rest[1]}."
    if ahead.get("stable_rate") is not None:
        found["stable_rate"] = _stable(ahead["stable_rate"], ahead["lambda_max"])
    return found


def _rate(walker: Walker, rate: float) -> str:
    """The base rate, and what the schedule makes of it."""
    base, schedule = walker.settings_rate(walker.step + 1), walker.ready.settings.schedule
    if schedule == "constant" or not base:
        return "What is set above: every update is so many times the direction."
    (b, multiple), made = times(base, rate / base, result=rate)
    return f"The rate that was set × what the schedule {schedule} makes of it here: {made} = {b} × {multiple}."


def _length(of: str, m: Figures, norm: float) -> str:
    words = f"The square root of the sum of the squares of the {of} of {count(m['parameters'])} weights"
    if m["parameters"] == 1:
        words = f"The {of} of the one weight, without its sign"
    if m["parameters"] > FEW:
        return f"{words}."
    values = [w[of] for w in m["weights"]]
    written, made = works_out(lambda *each: math.sqrt(sum(v * v for v in each)), values, norm)
    return f"{words}: {plain(made)} = √({' + '.join(f'{held(v)}²' for v in written)})."


def _update(rule: str, m: Figures) -> str:
    if rule != "plain" or m["clip"] is not None:
        return _length("update", m, m["update_norm"])
    (rate, norm), made = times(m["rate"], m["gradient_norm"], result=m["update_norm"])
    return f"Rate × the gradient's length: {made} = {rate} × {norm}."


def _stable(stable: float, top: float) -> str:
    ratio = stable * top
    (r, t), made = works_out(lambda a, b: a / b, (ratio, top), stable, 3)
    return (
        f"{number(ratio, 3)} / lambda_max, the largest curvature of the loss here, with this rule: "
        f"{plain(made)} = {plain(r)} / {plain(t)}. A larger rate overshoots further with every update."
    )
