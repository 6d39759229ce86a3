"""One update spelled out line by line, from the user's own rows, in numbers that re-add as they are printed."""

from __future__ import annotations

from typing import Any

from fallline.measurement import Figures
from fallline.numbers import count
from fallline.told.formulas import formula_lines
from fallline.told.re_add import addends, re_add


def step_lines(m: Figures) -> list[str]:
    """The update as lines of text: predict, loss, gradient, update."""
    rows = f"{count(m['batch'])} {'row' if m['batch'] == 1 else 'rows'}"
    return [
        f"Step {m['step']:,} of {m['run']} (epoch {m['epoch']:.3g}, {rows}, rule {m['rule']})",
        "",
        *_predict(m),
        *_loss(m),
        "",
        *_gradient(m),
        "",
        *_update(m),
        "",
        *_afterwards(m),
    ]


def _predict(m: Figures) -> list[str]:
    if not m["rows"]:
        return []
    lines = ["1 predict   what the model says of the rows, with the weights as they are"]
    for row in m["rows"]:
        said, wanted, error = _difference(row["prediction"], row["target"])
        own = f"{row['own']:,.10g}" if isinstance(row["own"], float) else row["own"]
        lines.append(
            f"    row {row['row']:>7,}   prediction {said:>10} - target {wanted:>10} = error {error:>10}"
            f"   its loss {row['loss']:<9.4g}  (in the table: {own})"
        )
    if m["batch"] > len(m["rows"]):
        lines.append(f"    and {m['batch'] - len(m['rows']):,} rows more")
    return [*lines, ""]


def _loss(m: Figures) -> list[str]:
    half = " (half the mean squared error)" if m["squared"] else ""
    lines = [f"2 loss      {m['loss']:.6g}{half}"]
    if m["objective"] != m["loss"]:
        lines.append(f"            + penalty {m['objective'] - m['loss']:.6g} = objective {m['objective']:.6g}")
    return lines


def _gradient(m: Figures) -> list[str]:
    lines = [f"3 gradient  norm {m['gradient_norm']:.6g}; each is the slope of the objective along one weight"]
    chain, layers = m["chain"], m["layers"]
    if chain is not None:
        lines.append(f"    the chain rule of {chain['weight']}, row by row:")
        lines += _sum(chain, m["batch"])
    if layers is not None:
        lines += _layers(layers)
    return lines


def _sum(chain: Figures, batch: int) -> list[str]:
    """What each row adds; the last of the parts is written so that all of them add up to the derivative as printed."""
    lines, more = ["    share * d loss/d prediction * d prediction/d weight"], batch - len(chain["rows"])
    parts = [row["part"] for row in chain["rows"]] + [chain["others"]] * (more > 0)
    parts += [chain["penalty"]] * bool(chain["penalty"])
    written, total = addends(parts, chain["derivative"])
    for row, part in zip(chain["rows"], written, strict=False):
        lines.append(f"    row {row['row']:>7,}   {row['share']:.6g} * {_product(row)} = {part:>11}")
    written = written[len(chain["rows"]) :]
    if more:
        lines.append(f"    and {more:,} rows more, together {written[0]}")
    penalty = f" with {written[-1]} of the penalty" if chain["penalty"] else ""
    return [*lines, f"    sum{penalty}: the derivative is {total}"]


def _product(row: Figures) -> str:
    """The two factors; of several outputs those that the weight moves."""
    by_prediction, by_weight = row["by_prediction"], row["by_weight"]
    if not isinstance(by_weight, list):
        return f"{by_prediction:>11.6g} * {by_weight:>11.6g}"
    pairs = [(a, b) for a, b in zip(by_prediction, by_weight, strict=True) if b]
    if len(pairs) == 1:
        return f"{pairs[0][0]:>11.6g} * {pairs[0][1]:>11.6g}"
    return f"{sum(a * b for a, b in pairs):>11.6g} (over {len(pairs)} outputs)"


def _layers(f: Figures) -> list[str]:
    """One row's derivative through the layers, from the loss down to the weight."""
    own = f"unit {f['unit']} of {f['layer']}"
    fed = "1, as for every bias" if f["input"] is None else f"what comes in at input {f['input']}"
    lines = [f"    layer by layer, for row {f['row']:,}, from the loss back to {f['weight']}:"]
    lines.append(f"      d loss/d prediction             {_numbers(f['by_prediction'])}")
    for above in f["above"]:
        units = f"{above['units']} {'unit' if above['units'] == 1 else 'units'}"
        lines.append(f"      back to the scores of {above['layer']:<9} {above['norm']:.5g} (the norm over its {units})")
    lines += [
        f"      arriving at {own:<20}{f['arriving']:.5g}",
        f"      * slope of its {f['activation']:<16} {f['slope']:.5g}",
        f"      * {fed:<29} {f['signal']:.5g}",
        f"      = d loss of the row/d weight    {f['product']:.5g}",
    ]
    return lines


def _update(m: Figures) -> list[str]:
    lines = [f"4 update    w_new = w_old - rate * {_direction(m)}, rate {m['rate']:.6g}"]
    lines += [
        f"    {line}" for line in formula_lines(m["memory"], m["weights"][0]["name"], m["gradient_norm"], m["clip"])
    ]
    printed = [re_add(w["old"], m["rate"], w["direction"], w["new"], m["precision"]) for w in m["weights"]]
    names = max(len(w["name"]) for w in m["weights"])
    wide = [max(len(p[i]) for p in printed) for i in range(5)]
    for w, p in zip(m["weights"], printed, strict=True):
        new, old, rate, direction, update = (text.rjust(width) for text, width in zip(p, wide, strict=True))
        lines.append(f"    {w['name']:<{names}}  {new} = {old} - {rate} * {direction} = {old} - {update}")
    if m["parameters"] > len(m["weights"]):
        lines.append(f"    and {m['parameters'] - len(m['weights']):,} parameters more, which moved less")
    return lines


def _afterwards(m: Figures) -> list[str]:
    lines = [f"            the same rows afterwards: loss {m['loss_after']:.6g}, it was {m['loss']:.6g}"]
    if m["objective"] != m["loss"]:
        lines.append(f"            objective {m['objective_after']:.6g}, it was {m['objective']:.6g}")
    return lines


def _difference(prediction: Any, target: Any) -> tuple[str, str, str]:
    """Prediction, target and error as they are printed: the third is the difference of the others."""
    if isinstance(prediction, list):
        error = [a - b for a, b in zip(prediction, target, strict=True)]
        return _numbers(prediction), _numbers(target), _numbers(error)
    (said, wanted), error = addends([prediction, -target], prediction - target)
    return said, wanted[1:] if wanted.startswith("-") else f"-{wanted}", error


def _direction(m: Figures) -> str:
    if m["rule"] == "plain":
        return "gradient" if m["clip"] is None else "gradient, clipped"
    return f"the direction that {m['rule'].partition(':')[0]} makes of it"


def _numbers(value: Any) -> str:
    if isinstance(value, list):
        return "[" + " ".join(f"{v:.3g}" for v in value) + "]"
    return f"{value:.5g}"
