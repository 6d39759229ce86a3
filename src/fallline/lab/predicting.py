"""How a typed row becomes a prediction: cell by cell, layer by layer, class by class, in numbers that work out.

What the hidden layers say is the model's own; here it is only written out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from fallline.data import Number, Preparation, apply, decode
from fallline.deploy.predict import as_frame
from fallline.errors import DataError
from fallline.lab.arithmetic import Line, Sum, bare, held, plain, written
from fallline.lab.scores import contributions
from fallline.lab.walker import Walker
from fallline.losses import Hinge
from fallline.models import Network
from fallline.models.activations import ACTIVATIONS
from fallline.numbers import count, number, share
from fallline.survey import Rows, as_array, as_batch, respond
from fallline.told.re_add import works_out
from fallline.types import Parts

Message = dict[str, Any]
CELLS = 12  # columns, and classes, that are spelled out
UNITS = 3  # of each layer
LARGE = 50.0  # a score
RESPONSES = {"LogLoss": "sigmoid", "SoftmaxLoss": "softmax", "Poisson": "exp"}  # what a loss makes of scores
FUNCTIONS: dict[str, tuple[str, Callable[[float], float]]] = {
    "sigmoid": ("1 / (1 + e^−{})", lambda s: 1 / (1 + math.exp(-s))),
    "exp": ("e^{}", math.exp),
    "tanh": ("tanh {}", math.tanh),
    "relu": ("the larger of 0 and {}", lambda s: max(s, 0.0)),
}


def predict(walker: Walker, row: dict[str, Any]) -> Message:
    """A prediction for a row that a person typed, with the weights at the cursor, and how it came about."""
    prepared, training = walker.prepared, walker.training
    table, parts = prepared.table, training.parts
    target, preparation = table.target, table.preparation
    cells = {step.name: [_cell(step, row)] for step in preparation.steps}
    features = apply(preparation, pl.DataFrame(cells, strict=False))
    shape = (1,) if parts.model.outputs == 1 else (1, parts.model.outputs)
    batch = as_batch(Rows(features, np.zeros(shape), np.ones(1)))
    response = np.asarray(respond(parts, training.kept, batch)[1], np.float64)
    if not np.isfinite(response).all():
        raise DataError("The prediction is not a finite number.\nGo back to a step before it broke.")
    frame = as_frame(target, response, not isinstance(parts.loss, Hinge)).row(0, named=True)
    value = frame.pop("prediction")
    said = f"{target.name}: {number(value, 5) if isinstance(value, float) else value}"
    chances = {name.removeprefix("probability of "): chance for name, chance in frame.items()}
    if chances:
        said += f" ({', '.join(f'{name} {share(chance)}' for name, chance in chances.items())})"
    signals = _signals(parts, training.kept, features)
    lines = _cell_lines(preparation, cells, features[0])
    lines += _hidden_lines(parts, training.kept, list(preparation.feature_names), signals)
    lines += _score_lines(walker, list(preparation.feature_names), signals, response[0])
    after = f"with the weights after step {count(walker.step)}"
    return {"said": f"{said}, {after}.", "lines": lines, "value": value, "chances": chances}


def _cell(step: Any, row: dict[str, Any]) -> Any:
    """A typed cell as its column has it; nothing typed is a missing value."""
    value = row.get(step.name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if step.kind != "number":
        return str(value)
    try:
        return float(value)
    except ValueError:
        raise DataError(f"'{value}' is no number, as '{step.name}' needs one.\nType one, or leave it empty.") from None


def _head(text: str) -> Line:
    return {"formula": text, "numbers": ""}


def _cell_lines(preparation: Preparation, cells: dict[str, list[Any]], features: np.ndarray) -> list[Line]:
    """What each cell becomes before the model sees it."""
    lines, at = [_head("The row as the model sees it")], 0
    for step in preparation.steps:
        mine = features[at : at + len(step.feature_names)]
        at += len(mine)
        if isinstance(step, Number):
            lines.append(_number_line(step, pl.Series(step.name, cells[step.name]), float(mine[0])))
        else:
            marked = [name for name, one in zip(step.feature_names, mine, strict=True) if one]
            numbers = f"1 for {marked[0]}, 0 for all others" if marked else "0 for all that were seen in training"
            lines.append({"formula": f"{step.name}: 1 for the value that it has", "numbers": numbers})
    return _bounded(lines, "columns")


def _bounded(lines: list[Line], what: str) -> list[Line]:
    """At most a head and so many lines; the others are counted."""
    left = len(lines) - 1 - CELLS
    return lines if left <= 0 else [*lines[: CELLS + 1], _head(f"{count(left)} more {what} in the same way")]


def _number_line(step: Number, cell: pl.Series, prepared: float) -> Line:
    value = float(step.values(cell)[0])
    gap = math.isnan(value)
    value, name = step.median if gap else value, f"{step.name} is missing, its median" if gap else step.name
    if step.unit:
        name += f" in {step.unit} since the earliest"
    if (step.mean, step.scale) == (0.0, 1.0):
        return {"formula": f"{name}, taken as it is", "numbers": written(prepared)}
    operands = (value, step.mean, step.scale)
    (v, m, s), made = works_out(lambda v, m, s: (v - m) / s, operands, prepared)
    return {"formula": f"{name}: (value − mean) / scale", "numbers": f"{plain(made)} = ({held(v)} − {held(m)}) / {s}"}


def _signals(parts: Parts, parameters: Any, features: np.ndarray) -> list[np.ndarray]:
    """What comes into each layer: the features, then what each hidden layer says."""
    model = parts.model
    inner = model.signals(parameters, as_array(features)) if isinstance(model, Network) else []
    return [np.asarray(each, np.float64)[0] for each in (features, *inner)]


def _hidden_lines(parts: Parts, parameters: Any, names: list[str], signals: list[np.ndarray]) -> list[Line]:
    """The units of each hidden layer that say most: their score from what comes in, and what they make of it."""
    model = parts.model
    if not isinstance(model, Network):
        return []
    lines: list[Line] = []

    def activation(score: float) -> float:
        return float(ACTIVATIONS[model.activation](as_array(score)))

    for at, (coming, said) in enumerate(pairwise(signals), 1):
        active = int((np.abs(said) > 1e-6).sum())
        lines.append(_head(f"Layer {at}: {count(active)} of its {count(len(said))} units are not 0"))
        weights, bias = _layer(parameters[f"layer{at}"], len(coming))
        for unit in np.argsort(-np.abs(said), kind="stable")[:UNITS].tolist():
            total = float(coming @ weights[:, unit] + (0.0 if bias is None else bias[unit]))
            own = None if bias is None else float(bias[unit])
            title = f"unit {unit + 1}: sum of weight × what comes in"
            sum_line = _summed(names, coming, weights[:, unit], own, total, title)[-1]
            (score,), made = works_out(activation, (total,), float(said[unit]))
            lines.append(sum_line)
            numbers = f"{plain(made)} = {model.activation}({plain(score)})"
            lines.append({"formula": f"unit {unit + 1} says", "numbers": numbers})
        names = [f"unit {unit + 1} of layer {at}" for unit in range(len(said))]
    return lines


def _layer(layer: Any, inputs: int) -> tuple[np.ndarray, np.ndarray | None]:
    """[inputs, outputs] and [outputs]."""
    weights = np.asarray(layer["weights"], np.float64).reshape(inputs, -1)
    return weights, np.asarray(layer["bias"], np.float64).reshape(-1) if "bias" in layer else None


def _summed(
    names: list[str], coming: np.ndarray, weights: np.ndarray, bias: float | None, total: float, title: str
) -> list[Line]:
    """weight × what comes in, one by one and summed up; what is 0 adds nothing."""
    there = np.flatnonzero(coming)
    return contributions([names[i] for i in there], coming[there], weights[there], bias, total, title)[1]


def _score_lines(walker: Walker, names: list[str], signals: list[np.ndarray], response: Any) -> list[Line]:
    """From what comes into the last layer to the answer: scores, what is made of them, and the target's own units."""
    training, target = walker.training, walker.prepared.table.target
    model, parameters, coming = training.parts.model, training.kept, signals[-1]
    if isinstance(model, Network):
        names = [f"unit {unit + 1} of layer {len(model.hidden)}" for unit in range(len(coming))]
        parameters = parameters[f"layer{len(model.hidden) + 1}"]
    weights, bias = _layer(parameters, len(coming))
    classes = [str(each) for each in target.classes or ()]
    scores = coming @ weights + (0.0 if bias is None else bias)
    best = int(np.argmax(scores))
    function = model.output if model.output != "identity" else RESPONSES.get(type(training.parts.loss).__name__, "")

    def summed(k: int, title: str) -> list[Line]:
        own = None if bias is None else float(bias[k])
        return _summed(names, coming, weights[:, k], own, float(scores[k]), title)

    one = "score" if function or target.task == "classes" else "prediction, as it is learned"
    of = f" of {classes[best]}" if len(scores) > 1 else ""
    lines = [_head(f"{one[0].upper()}{one[1:]}{of}: weight × what comes in"), *summed(best, one + of)]
    if len(scores) > 1:
        others = [k for k in np.argsort(-scores, kind="stable").tolist() if k != best]
        lines += _bounded([_head("The other classes' scores"), *(summed(k, classes[k])[-1] for k in others)], "classes")
    lines += _response_lines(function, scores, response, classes)
    if target.task == "regression" and (target.mean, target.scale) != (0.0, 1.0):
        prediction = float(np.asarray(response).reshape(-1)[0])
        own = float(np.asarray(decode(target, np.array([prediction])))[0])
        found = Sum([(prediction, target.scale)], [target.mean], own)
        (p, s), mean = found.factors[0], found.rest[0]
        numbers = f"{bare(found.total)} = {p} × {s} + {mean}"
        lines.append({"formula": f"{target.name} = prediction × scale + mean", "numbers": numbers})
    return lines


def _response_lines(function: str, scores: np.ndarray, response: Any, classes: list[str]) -> list[Line]:
    """What is made of the scores: a probability of each class, or another number."""
    if function == "softmax" and len(scores) > 1:
        return _softmax_lines(scores, np.asarray(response), classes)
    if function not in FUNCTIONS:
        return []
    words, made = FUNCTIONS[function]
    name = f"probability of {classes[1]}" if function == "sigmoid" and len(classes) == 2 else "prediction"
    (score,), p = works_out(made, (float(scores[0]),), float(np.asarray(response).reshape(-1)[0]))
    lines = [{"formula": f"{name} = {words.format('score')}", "numbers": f"{plain(p)} = {words.format(held(score))}"}]
    if len(classes) == 2 and function == "sigmoid":
        numbers = f"{1 - Decimal(p):f} = 1 − {plain(p)}"
        lines.append({"formula": f"probability of {classes[0]} = 1 − that", "numbers": numbers})
    return lines


def _softmax_lines(scores: np.ndarray, response: np.ndarray, classes: list[str]) -> list[Line]:
    """e^score of each class, their sum, and each class's part of it."""
    order = np.argsort(-scores, kind="stable").tolist()
    some, others = order[:CELLS], order[CELLS:]
    if scores.max() > LARGE:  # nobody wants to read that number
        return [{"formula": f"probability of {classes[k]}", "numbers": written(float(response[k]))} for k in some]
    powers = np.exp(scores)
    rest = [float(powers[others].sum())] if others else []
    total = Sum([], [*rest, *(float(powers[k]) for k in some)], float(powers.sum()), others=bool(others))
    lines = [_head("From scores to probabilities: e^score of each, as a part of their sum")]
    for k in some:
        (score,), power = works_out(math.exp, (float(scores[k]),), float(powers[k]))
        lines.append({"formula": f"e^score of {classes[k]}", "numbers": f"{plain(power)} = e^{held(score)}"})
    more = f"; the first: {count(len(others))} more classes" if others else ""
    lines.append({"formula": f"their sum{more}", "numbers": f"{total.total} = {' + '.join(total.rest)}"})
    for k in reversed(some):  # what is predicted comes last
        operands = (float(powers[k]), float(powers.sum()))
        (power, whole), chance = works_out(lambda p, w: p / w, operands, float(response[k]))
        lines.append({"formula": f"probability of {classes[k]}", "numbers": f"{plain(chance)} = {power} / {whole}"})
    return lines
