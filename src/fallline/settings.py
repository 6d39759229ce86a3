"""What the settings mean: the only place where a string becomes a part. The settings stand in `fields.py`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from fallline.errors import SettingsError, unknown
from fallline.fields import Settings
from fallline.losses import (
    Absolute,
    AbstractRowLoss,
    Hinge,
    Huber,
    LogLoss,
    Penalty,
    Poisson,
    PoissonOfCount,
    Probability,
    Quantile,
    SoftmaxLoss,
    Squared,
)
from fallline.models import Linear, Network
from fallline.models.activations import ACTIVATIONS, OUTPUTS
from fallline.models.init import INITS
from fallline.rules import NUMBERS, RULES, Rule
from fallline.schedules import DEFAULTS, Schedule
from fallline.types import Parts

MODELS = ("auto", "linear", "logistic", "softmax", "mlp")
LOSSES = ("auto", "squared", "absolute", "huber", "quantile", "log", "hinge", "poisson")
OF_NUMBERS = ("absolute", "huber", "quantile", "poisson")  # losses that need a number as target
OF_CLASSES = ("log", "hinge")  # and those that need classes
STOPS = ("plateau", "patience", "none")
AVERAGES = ("tail", "ema")
AT = "at"  # init at:W1,W2,...: the start weights themselves
SMALL = 256  # rows: up to here batch="auto" is the whole set
BATCH = 32  # rows, about: batch="auto" makes all batches of an epoch as even as they can be


def check(**given: Any) -> Settings:
    """Settings from names and values. Raises SettingsError, in two lines at most, for any that won't do."""
    for name in given:
        if name not in Settings.model_fields:
            raise SettingsError(unknown("setting", name, Settings.model_fields))
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise SettingsError(_first(error)) from None
    _named_parts(settings)
    if settings.rate != "auto" and not settings.rate > 0:
        raise SettingsError(
            f"rate is {settings.rate:g}, but a rate must be above 0.\n"
            "Give a number such as 0.01, or auto to have it chosen by trial runs."
        )
    if isinstance(settings.batch, int) and settings.batch < 1:
        raise SettingsError(f"batch is {settings.batch}, but a batch has at least 1 row.\nGive a number, or full.")
    return settings


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    name = str(problem["loc"][0])
    about = Settings.model_fields[name].description
    said = problem["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return f"{name} is {problem['input']!r}, but it {said}.\n{name}: {about}."


def _split(kind: str, text: str, known: tuple[str, ...] | Any, most: int = 1) -> tuple[str, tuple[float, ...]]:
    """("huber", (2.0,)) from "huber:2"."""
    name, _, numbers = text.partition(":")
    if name not in known:
        raise SettingsError(unknown(kind, name, known))
    try:
        found = tuple(float(n) for n in numbers.split(",")) if numbers else ()
    except ValueError:
        raise SettingsError(f"'{text}' is no {kind}: after the colon come numbers.\nExample: {name}:0.5.") from None
    if len(found) > most:
        raise SettingsError(f"'{text}' has {len(found)} numbers, but {kind} {name} takes {most} at most.")
    return name, found


def _named_parts(s: Settings) -> None:
    """Raise for any name that does not exist, before data is read."""
    hidden_of(s)
    if s.activation not in ACTIVATIONS:
        raise SettingsError(unknown("activation", s.activation, ACTIVATIONS))
    if s.output != "auto" and s.output not in OUTPUTS:
        raise SettingsError(unknown("output", s.output, ("auto", *OUTPUTS)))
    _init(s)
    start_at(s)
    _loss_named(s)
    rule_of(s)
    rate_changes_of(s)
    schedule_of(s)
    stops_of(s)
    average_of(s)


def hidden_of(s: Settings) -> tuple[int, ...]:
    """The sizes of the hidden layers: () for a model of one layer."""
    name, _, sizes = s.model.partition(":")
    if name not in MODELS:
        raise SettingsError(unknown("model", name, MODELS))
    if name != "mlp":
        if sizes:
            raise SettingsError(f"'{s.model}': only mlp takes sizes.\nExample: mlp:64,64.")
        return ()
    try:
        hidden = tuple(int(n) for n in sizes.split(",")) if sizes else (64, 64)
    except ValueError:
        hidden = (0,)
    if min(hidden) < 1:
        raise SettingsError(f"'{s.model}': the sizes of hidden layers are whole numbers.\nExample: mlp:64,64.")
    return hidden


def _init(s: Settings) -> tuple[str, float]:
    if s.init.partition(":")[0] == AT:  # the weights themselves, which no part needs to know: see `start_at`
        return "auto", 0.0
    name, numbers = _split("init", s.init, (*INITS, AT))
    if (name in ("normal", "uniform", "constant")) != bool(numbers):
        raise SettingsError(f"init '{s.init}': normal:SD, uniform:LIMIT and constant:C take a number, others none.")
    return name, numbers[0] if numbers else 0.0


def start_at(s: Settings) -> tuple[float, ...] | None:
    """The start weights themselves, flat, where `init` names them: at:0.5,-1; else None."""
    name, _, numbers = s.init.partition(":")
    if name != AT:
        return None
    try:
        found = tuple(float(n) for n in numbers.split(","))
    except ValueError:
        found = ()
    if not found or not all(map(math.isfinite, found)):
        raise SettingsError(f"init '{s.init}': after at: come the start weights, all of them.\nExample: at:0.5,-1.25.")
    return found


def at_weights(flat: Iterable[float]) -> str:
    """The `init` that starts at these weights: `start_at` gives the very same numbers back.

    >>> at_weights([0.1, -2.0])
    'at:0.1,-2.0'
    """
    return f"{AT}:" + ",".join(repr(float(w)) for w in flat)


def rate_changes_of(s: Settings) -> tuple[tuple[int, float], ...]:
    """((step, rate), ...), upwards: from the update after that step on the base rate is that one.

    >>> rate_changes_of(check(rate=0.1, rate_changes="200:0.05, 400:0.01"))
    ((200, 0.05), (400, 0.01))
    """
    if s.rate_changes is None or s.rate_changes == "none":
        return ()
    asked, example = f"rate_changes '{s.rate_changes}'", "Example: 200:0.05,400:0.01."
    found = []
    for text in s.rate_changes.split(","):
        step, _, rate = text.partition(":")
        try:
            found.append((int(step), float(rate)))
        except ValueError:
            raise SettingsError(f"{asked}: '{text.strip()}' is not STEP:RATE.\n{example}") from None
    steps = [step for step, _ in found]
    if steps[0] < 0 or any(b <= a for a, b in pairwise(steps)):
        raise SettingsError(f"{asked}: its steps go upwards, from 0.\n{example}")
    if not all(0 < rate < math.inf for _, rate in found):
        raise SettingsError(f"{asked}: a rate must be above 0.\n{example}")
    return tuple(found)


def rule_of(s: Settings) -> Rule:
    """The rule that the settings name."""
    name = s.rule.partition(":")[0]
    name, numbers = _split("rule", s.rule, RULES, NUMBERS.get(name, 0))
    if not all(0 <= n < 1 for n in numbers):
        raise SettingsError(f"rule '{s.rule}': its numbers lie from 0 to below 1.\nExample: momentum:0.9.")
    return Rule(name, numbers, s.clip)


def schedule_of(s: Settings) -> Schedule:
    """The schedule that the settings name."""
    name = s.schedule.partition(":")[0]
    name, numbers = _split("schedule", s.schedule, DEFAULTS, len(DEFAULTS.get(name, ())))
    if min(numbers, default=1) < 0 or (name == "step" and 0 in numbers):
        raise SettingsError(f"schedule '{s.schedule}': its numbers must be above 0.\nExample: step:0.5,10.")
    return Schedule(name, numbers)


def stops_of(s: Settings) -> dict[str, float]:
    """{"plateau": relative fall, "patience": evaluations}, those of them that are asked for."""
    defaults = {"plateau": 1e-4, "patience": 10.0}
    found: dict[str, float] = {}
    for text in (s.stop or "none").split(","):
        part = text.strip()
        if part[:1].isdigit():  # "plateau,patience:5" has no second number that a comma could bring
            raise SettingsError(f"stop '{s.stop}': a condition starts with its name.\nExample: plateau,patience:5.")
        name, numbers = _split("stop", part, STOPS)
        if name != "none":
            found[name] = numbers[0] if numbers else defaults[name]
    return found


def average_of(s: Settings) -> tuple[str, float] | None:
    """("tail", the part of the steps that is averaged) or ("ema", decay)."""
    if s.average is None or s.average == "none":
        return None
    name, numbers = _split("average", s.average, AVERAGES)
    number = numbers[0] if numbers else {"tail": 0.5, "ema": 0.99}[name]
    if not 0 < number <= 1:
        raise SettingsError(f"average '{s.average}': its number lies above 0 and at most 1.\nExample: tail:0.5.")
    return name, number


def batch_size(s: Settings, rows: int) -> int:
    """Rows a step. Raises SettingsError when that is more than there are."""
    if s.batch == "full" or (s.batch == "auto" and rows <= SMALL):
        return rows
    if s.batch == "auto":
        return -(-rows // -(-rows // BATCH))
    if s.batch > rows:
        raise SettingsError(
            f"batch is {s.batch:,}, but there are only {rows:,} training rows.\nGive at most {rows:,}, or full."
        )
    return s.batch


def task_of(s: Settings, found: str) -> str:
    """ "regression" or "classes": what the model and loss ask for, or what was found in the target."""
    if s.model in ("logistic", "softmax") or s.loss in ("log", "hinge"):
        return "classes"
    if s.model == "linear" and s.loss in ("auto", "squared", "absolute", "poisson"):
        return "regression"
    if s.loss.partition(":")[0] in ("absolute", "huber", "quantile", "poisson"):
        return "regression"
    return found


def parts_of(s: Settings, *, features: int, task: str, classes: int = 0) -> Parts[Linear | Network, AbstractRowLoss]:
    """Model, loss, penalty and rule for a table with so many features and classes.

    Raises: SettingsError for a model or a loss that does not fit the target.
    """
    outputs, loss, output = _loss_of(s, task, classes)
    hidden, start = hidden_of(s), _init(s)
    if hidden:
        model = Network(features, hidden, outputs, s.activation, s.bias, output, start)
    else:
        model = Linear(features, outputs, s.bias, output, start)
    return Parts(model, loss, Penalty(s.l1, s.l2), rule_of(s), average_of(s) is not None)


def _loss_named(s: Settings) -> tuple[str, tuple[float, ...]]:
    name = s.loss.partition(":")[0]
    name, numbers = _split("loss", s.loss, LOSSES, 1 if name in ("huber", "quantile") else 0)
    if name == "quantile" and numbers and not 0 < numbers[0] < 1:
        raise SettingsError(f"loss {s.loss}: a quantile lies between 0 and 1.\nTry quantile:0.9.")
    if name == "huber" and numbers and not numbers[0] > 0:
        raise SettingsError(
            f"loss {s.loss}: an error of huber's DELTA and below counts squared, so it is above 0.\nTry huber:1."
        )
    return name, numbers


def _loss_of(s: Settings, task: str, classes: int) -> tuple[int, AbstractRowLoss, str]:
    """Outputs, loss and output function. Log loss reads scores where its own function would be the output."""
    name, numbers = _loss_named(s)
    if name == "auto":
        name = "log" if task == "classes" else "squared"
    if task == "regression" and name in OF_CLASSES:
        raise SettingsError(f"loss {name} needs classes, but the target is a number.\nTry loss squared.")
    if task == "classes" and name in OF_NUMBERS:
        raise SettingsError(f"loss {name} needs a number, but the target has {classes} classes.\nTry loss log.")
    if s.model == "logistic" and classes != 2:
        raise SettingsError(f"logistic tells 2 classes apart, but the target has {classes}.\nTry model softmax.")
    scores_each = classes > 2 or s.model == "softmax"
    outputs = classes if task == "classes" and scores_each else 1
    output = "identity" if s.output == "auto" else s.output
    if name == "log":
        own = "softmax" if outputs > 1 else "sigmoid"
        if s.output in ("auto", own):
            return outputs, SoftmaxLoss() if outputs > 1 else LogLoss(), "identity"
        return outputs, Probability(), output
    if name == "poisson":
        return (1, Poisson(), "identity") if s.output in ("auto", "exp") else (1, PoissonOfCount(), output)
    if name == "squared" and task == "classes" and s.output == "auto":
        output = "softmax" if outputs > 1 else "sigmoid"
    plain = {"squared": Squared, "absolute": Absolute, "hinge": Hinge}
    if name in plain:
        return outputs, plain[name](), output
    if name == "huber":
        return 1, Huber(*numbers), output
    return 1, Quantile(*numbers), output
