"""The next update in its four stages, spelled out on the person's own rows: predict, loss, gradient, update.

The figures are those of the instrument `step`; here they become sentences, lines of formula and numbers, and tables. A
person who works a line out from the printed numbers gets the printed result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fallline.lab.arithmetic import Line, Sum, bare, held, plain, times, written
from fallline.lab.memory import memory_lines
from fallline.lab.row_losses import error_of, row_loss
from fallline.lab.scores import score_lines
from fallline.measurement import Figures
from fallline.numbers import count, number
from fallline.told.re_add import re_add
from fallline.training import Training

Stage = dict[str, Any]  # name, said, lines, table, more


def stages(training: Training, m: Figures, followed: int | None = None) -> list[Stage]:
    """The stages of the update whose figures those of the instrument `step` are.

    Args:
        followed: the number of the row that was asked for; where the update sees it, it is the first of m's.
    """
    found = [_predict(training, m), _loss(training, m), _gradient(training, m), _update(m)]
    if followed is not None and all(row["row"] != followed for row in m["rows"]):
        found[0]["said"] += f" Row {count(followed)}, which you follow, is not among them."
    return found


def _stage(name: str, said: str, lines: list[Line], table: Any = None, more: Any = ()) -> Stage:
    return {"name": name, "said": said, "lines": lines, "table": table, "more": list(more)}


def _rows(m: Figures) -> str:
    return "the row" if m["batch"] == 1 else f"the {count(m['batch'])} rows"


def _predict(training: Training, m: Figures) -> Stage:
    loss = type(training.parts.loss).__name__
    rows = []
    for row in m["rows"]:
        said, wanted, error = error_of(loss, row["prediction"], row["target"])
        own = f"{row['own']:,.10g}" if isinstance(row["own"], float) else str(row["own"])
        rows.append([count(row["row"]), said, wanted, error, plain(own)])
    table = {"columns": ["row", "prediction", "target", "error", "target in the table"], "rows": rows}
    left = m["batch"] - len(rows)
    more = f" {count(left)} more are not listed." if left > 0 and rows else ""
    every = "" if m["batch"] < len(training.ready.whole.share) else ", all that it trains on"
    said = f"With the weights as they are, the model predicts {_rows(m)} that this update sees{every}.{more}"
    lines, opened = score_lines(training, m)
    return _stage("predict", said, lines, table | {"about": [None] * len(rows)} if rows else None, opened)


def _loss(training: Training, m: Figures) -> Stage:
    loss = training.parts.loss
    lines = []
    if m["rows"]:
        first = row_loss(loss, m["rows"][0])
        lines += [first] if first else []
        lines += _mean_lines(training, m)
    if m["objective"] != m["loss"]:
        found = Sum([], [m["loss"], m["objective"] - m["loss"]], m["objective"])
        numbers = f"{found.total} = {found.rest[0]} + {found.rest[1]}"
        lines.append({"formula": "objective = loss + penalty", "numbers": numbers})
    half = ", half the mean of the squared errors" if m["squared"] else ""
    said = f"How wrong that is, as one number: the loss of {_rows(m)} is {number(m['loss'], 5)}{half}."
    rows = [[count(row["row"]), written(row["loss"])] for row in m["rows"]]
    table = {"columns": ["row", "its loss"], "rows": rows, "about": [None] * len(rows)} if rows else None
    return _stage("loss", said, lines, table)


def _mean_lines(training: Training, m: Figures) -> list[Line]:
    """From the losses of the rows to their mean."""
    n, listed = m["batch"], [row["loss"] for row in m["rows"]]
    if n == 1:
        return []
    share = np.asarray(training.batch_of(m["step"]).share, np.float64)
    if not np.allclose(share, 1 / n, rtol=1e-4):
        return [
            {"formula": "loss = mean of the row losses, each by what its row counts", "numbers": written(m["loss"])}
        ]
    others = n * m["loss"] - sum(listed)
    found = Sum([], [others] * (n > len(listed)) + listed, n * m["loss"], others=n > len(listed))
    more = f" (the first number: {count(n - len(listed))} rows that are not listed)" if n > len(listed) else ""
    return [
        {"formula": f"sum of the row losses{more}", "numbers": f"{found.total} = {' + '.join(found.rest)}"},
        {"formula": "loss = sum / rows", "numbers": f"{_mean(m['loss'], found.total, n)} = {found.total} / {n}"},
    ]


def _mean(value: float, total: str, n: int) -> str:
    """A mean in as many digits as the printed sum gives it; those of the printed sum where they agree in none."""
    made = float(total.replace("−", "-")) / n
    agreed = (f"{value:.{k}g}" for k in (5, 4, 3, 2) if f"{value:.{k}g}" == f"{made:.{k}g}")
    return plain(next(agreed, f"{made:.2g}"))


def _gradient(training: Training, m: Figures) -> Stage:
    chain, layers = m["chain"], m["layers"]
    weight = m["weights"][0]
    way = "falls" if weight["gradient"] > 0 else "grows"
    flat = (
        f"it is flat along {weight['name']}"
        if weight["gradient"] == 0
        else (
            f"along {weight['name']} it is {number(weight['gradient'], 5)}, so the loss falls when that weight "
            f"{'shrinks' if way == 'falls' else 'grows'}"
        )
    )
    said = f"Which way is downhill: the slope of the {_name(m)} along each weight; {flat}."
    if chain is None:
        return _stage("gradient", said, [])
    lines, table = _chain(m, chain)
    more = (
        [] if layers is None else [{"title": f"Row {count(layers['row'])}, layer by layer", "lines": _layers(layers)}]
    )
    return _stage("gradient", said, lines, table, more)


def _name(m: Figures) -> str:
    return "loss" if m["objective"] == m["loss"] else "objective"


def _chain(m: Figures, chain: Figures) -> tuple[list[Line], Any]:
    """What each row adds to the derivative, factor by factor; in the order of the other stages."""
    n, rows = m["batch"], chain["rows"]
    shares = [row["share"] for row in rows]
    even = n > 1 and np.allclose(shares, 1 / n, rtol=1e-4)
    products = [_factors(row, even or n == 1) for row in rows]
    scale = n if even else 1
    more = n > len(rows)
    rest = [chain["others"] * scale] if more else []
    total = chain["loss"] * scale
    found = Sum(products, rest, total, others=more)
    columns = [
        "row",
        *(["share"] if not (even or n == 1) else []),
        f"d loss / d {_output(m)}",
        f"d {_output(m)} / d weight",
        "product",
    ]
    if len(products[0]) == 1:
        columns = ["row", "product, over all outputs"]
        cells = [[count(row["row"]), bare(made)] for row, made in zip(rows, found.products, strict=True)]
    else:
        each = zip(rows, found.factors, found.products, strict=True)
        cells = [[count(row["row"]), *map(bare, factors), bare(made)] for row, factors, made in each]
    if more:
        cells.append([f"{count(n - len(rows))} more", *([""] * (len(columns) - 2)), bare(found.rest[0])])
    table = {"columns": columns, "rows": cells, "about": [None] * len(cells)}
    added = " + ".join([*found.products, *found.rest])
    name = chain["weight"]
    lines: list[Line] = [
        {
            "formula": f"d loss / d {_output(m)} × d {_output(m)} / d {name}, summed over the rows",
            "numbers": f"{found.total} = {added}",
        }
    ]
    if even:
        slope = _mean(chain["loss"], found.total, n)
        lines.append({"formula": "d loss / d weight = sum / rows", "numbers": f"{slope} = {found.total} / {n}"})
    if chain["penalty"]:
        both = Sum([], [chain["loss"], chain["penalty"]], chain["derivative"])
        lines.append(
            {
                "formula": "d objective / d weight = of the loss + of the penalty",
                "numbers": f"{both.total} = {both.rest[0]} + {both.rest[1]}",
            }
        )
    return lines, table


def _output(m: Figures) -> str:
    return "prediction" if m["squared"] else "output"


def _factors(row: Figures, even: bool) -> tuple[float, ...]:
    """The factors of what a row adds, its share left out where all count the same."""
    by_prediction, by_weight = row["by_prediction"], row["by_weight"]
    if isinstance(by_weight, list):
        pairs = [(a, b) for a, b in zip(by_prediction, by_weight, strict=True) if b]
        if len(pairs) != 1:
            made = sum(a * b for a, b in pairs)
            return (made,) if even else (row["share"] * made,)
        ((by_prediction, by_weight),) = pairs
    return (by_prediction, by_weight) if even else (row["share"], by_prediction, by_weight)


def _layers(f: Figures) -> list[Line]:
    """One row's derivative through a network, from the loss down to the weight."""
    lines: list[Line] = []
    for above in f["above"]:
        units = f"{above['units']} {'unit' if above['units'] == 1 else 'units'}"
        formula = f"length of d loss / d scores of {above['layer']} ({units})"
        lines.append({"formula": formula, "numbers": written(above["norm"])})
    fed = "1, as for every bias" if f["input"] is None else f"what comes in at input {f['input']}"
    (arriving, slope, signal), made = times(f["arriving"], f["slope"], f["signal"])
    unit = f"unit {f['unit']} of {f['layer']}"
    formula = f"d loss / d weight of this row = what arrives at {unit} × slope of its {f['activation']} × {fed}"
    return [*lines, {"formula": formula, "numbers": f"{made} = {arriving} × {slope} × {signal}"}]


def _update(m: Figures) -> Stage:
    weight = m["weights"][0]
    plain_rule = m["rule"] == "plain" and m["clip"] is None
    direction = "gradient" if plain_rule else "direction"
    rows, shown = [], None
    for w in m["weights"]:
        p = re_add(w["old"], m["rate"], w["direction"], w["new"], m["precision"])
        shown = shown or p
        rows.append([w["name"], plain(p.new), plain(p.old), plain(p.rate), plain(p.direction)])
    assert shown is not None
    lines = [
        {
            "formula": f"{weight['name']}: new = old − rate × {direction}",
            "numbers": f"{plain(shown.new)} = {plain(shown.old)} − {plain(shown.rate)} × {held(shown.direction)}",
        }
    ]
    about = [w["name"] for w in m["weights"]]
    table = {"columns": ["weight", "new", "old", "rate", direction], "rows": rows, "about": about}
    left = m["parameters"] - len(rows)
    others = f" {count(left)} more, which move less, are not listed." if left else ""
    after = f"The {_name(m)} of {_rows(m)} goes from {number(m['objective'], 5)} to {number(m['objective_after'], 5)}."
    small = (
        "A step of the rate against the slope"
        if plain_rule
        else f"A step of the rate along the direction that {m['rule']} makes of it"
    )
    opened = memory_lines(m["memory"], m["gradient_norm"], m["clip"])
    more = [{"title": f"How {m['rule']} makes the direction of {weight['name']}", "lines": opened}] if opened else []
    return _stage("update", f"{small}, for every weight. {after}{others}", lines, table, more)
