"""How one row's prediction comes about: weight × feature, one by one, in numbers that work out as printed."""

from __future__ import annotations

from typing import Any

import numpy as np

from fallline.lab.arithmetic import Line, Sum, bare, held, plain, times
from fallline.measurement import Figures
from fallline.models import Linear, Network
from fallline.numbers import count
from fallline.survey import as_array
from fallline.told.re_add import works_out
from fallline.training import Training

MOST = 12  # features of a row that are spelled out


def score_lines(training: Training, m: Figures) -> tuple[list[Line], list[Any]]:
    """The prediction of the first row, from its features; of a network from what comes into its last layer."""
    model = training.parts.model
    if not isinstance(model, Linear | Network) or not m["rows"]:
        return [], []
    step, row = m["step"], m["rows"][0]
    parameters = training.at(step - 1)
    features = np.asarray(training.batch_of(step).features)[row["place"]]
    names = [str(i + 1) for i in range(len(features))]
    if training.table is not None:
        names = list(training.table.preparation.feature_names)
    if isinstance(model, Network):
        features = np.asarray(model.signals(parameters, as_array(features[None]))[-1])[0]
        parameters = parameters[f"layer{len(model.hidden) + 1}"]
        names = [f"unit {k + 1} of layer {len(model.hidden)}" for k in range(len(features))]
    features = features.astype(np.float64)
    weights = np.asarray(parameters["weights"], np.float64).reshape(len(features), -1)
    bias = np.asarray(parameters["bias"], np.float64).reshape(-1) if model.bias else np.zeros(model.outputs)
    true = int(np.argmax(row["target"])) if isinstance(row["target"], list) else 0
    of = f" of {row['own']}" if model.outputs > 1 else ""
    own, name = f"row {count(row['row'])}", f"score{of}" if _is_scored(training) else "prediction"
    score = float(features @ weights[:, true] + bias[true])
    if len(features) == 1:
        column = names[0]
        if not model.bias:
            (w, x), made = times(float(weights[0, true]), float(features[0]))
            first = {"formula": f"{own}: {name} = weight × {column}", "numbers": f"{made} = {w} × {x}"}
        else:
            found = Sum([(float(weights[0, true]), float(features[0]))], [float(bias[true])], score)
            (w, x), b = found.factors[0], found.rest[0]
            first = {
                "formula": f"{own}: {name} = weight × {column} + bias",
                "numbers": f"{found.total} = {w} × {x} + {b}",
            }
        return [first, *_response_line(training, row, score, true)], []
    one = "unit" if isinstance(model, Network) else "feature"
    there = np.flatnonzero(features)  # what is 0 adds nothing
    own_bias = float(bias[true]) if model.bias else None
    some = [names[i] for i in there]
    title, lines = contributions(some, features[there], weights[there, true], own_bias, score, name, one)
    plus = " + bias" if model.bias else ""
    shown = {"formula": f"{own}: {name} = sum of weight × {one}{plus}", "numbers": lines[-1]["numbers"]}
    opened = [{"title": f"Row {count(row['row'])}, {title}", "lines": lines}]
    return [shown, *_response_line(training, row, score, true)], opened


def _is_scored(training: Training) -> bool:
    return type(training.parts.loss).__name__ in ("LogLoss", "SoftmaxLoss") or training.parts.model.output != "identity"


def _response_line(training: Training, row: Figures, score: float, true: int) -> list[Line]:
    """From the score to the probability."""
    if type(training.parts.loss).__name__ != "LogLoss":
        return []
    (s,), p = works_out(lambda s: float(1 / (1 + np.exp(-s))), (score,), float(row["prediction"]))
    return [
        {
            "formula": f"row {count(row['row'])}: prediction = 1 / (1 + e^−score)",
            "numbers": f"{plain(p)} = 1 / (1 + e^−{held(s)})",
        }
    ]


def contributions(
    names: list[str],
    features: np.ndarray,
    weights: np.ndarray,
    bias: float | None,
    total: float,
    name: str,
    one: str = "feature",
) -> tuple[str, list[Line]]:
    """weight × value of each feature, those that count most first; with the bias they add up to what is printed."""
    parts = features * weights
    order = np.argsort(-np.abs(parts), kind="stable").tolist()
    some, others = order[:MOST], order[MOST:]
    rest = ([float(parts[others].sum())] if others else []) + ([] if bias is None else [bias])
    found = Sum([(float(weights[i]), float(features[i])) for i in some], rest, total, others=bool(others))
    lines = [
        {"formula": names[i], "numbers": f"{bare(made)} = {f[0]} × {f[1]}"}
        for i, f, made in zip(some, found.factors, found.products, strict=True)
    ]
    added = [*found.products, *found.rest]
    if others:
        lines.append({"formula": f"{count(len(others))} more", "numbers": bare(found.rest[0])})
    if bias is not None:
        lines.append({"formula": "bias", "numbers": bare(found.rest[-1])})
    lines.append({"formula": name, "numbers": f"{found.total} = {' + '.join(added)}"})
    return f"{one} by {one}", lines
