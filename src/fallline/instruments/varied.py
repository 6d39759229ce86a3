"""Which trainings a comparison is made of: "batch=full,32,1" or "rate=0.01,0.1 x rule=plain;momentum:0.9" as trials."""

from __future__ import annotations

import re
from itertools import product
from typing import Any, NamedTuple

from fallline.errors import SettingsError, unknown
from fallline.instruments.trials import Trial
from fallline.models import Network
from fallline.rules import RATE_FREE
from fallline.settings import Settings, check, start_at
from fallline.training import Training

EXAMPLE = "Example: batch=full,32,1, or rate=0.01,0.1 x rule=plain;momentum:0.9."
KNOWN = ("batch", "rate", "rule", "schedule", "seed", "model", "activation", "init", "average", "clip", "l1", "l2")
WITH_COMMAS = ("rule", "schedule", "model", "init", "average")  # a comma before a letter separates their values
REFUSED = {
    "loss": "losses of two kinds can't be compared",
    "output": "losses of two kinds can't be compared",
    "standardize": "the losses of tables prepared in two ways can't be compared",
    "bias": "the losses of tables prepared in two ways can't be compared",
    "precision": "all trials are computed alike",
    **dict.fromkeys(("epochs", "steps", "seconds", "stop"), "how long a trial takes is said by steps"),
}
MOST = 8  # values of a setting: more can't be told apart in a figure
OWN_RATE = ("rule", "model")  # to compare these with one rate would be to compare how well that rate suits them


class Varied(NamedTuple):
    """A setting and its values, as they were written."""

    name: str
    values: tuple[str, ...]


class Cell(NamedTuple):
    """A trial, and the values that it stands for: one, or two of a grid."""

    trial: Trial
    values: tuple[str, ...]


def parse(vary: str | None) -> list[Varied]:
    """One setting with its values, or two for a grid. Raises SettingsError.

    >>> parse("rule=plain;adam:0.9,0.999")
    [Varied(name='rule', values=('plain', 'adam:0.9,0.999'))]
    >>> [each.values for each in parse("rate=0.1,0.2 x model=linear,mlp:64,64")]
    [('0.1', '0.2'), ('linear', 'mlp:64,64')]
    """
    if not vary:
        raise SettingsError(f"compare needs to know what to vary.\n{EXAMPLE}")
    pieces = re.split(r"\s+x\s+", vary.strip())
    if len(pieces) > 2:
        raise SettingsError(f"'{vary}' varies {len(pieces)} settings, but a grid has two.\n{EXAMPLE}")
    found = [_one(piece) for piece in pieces]
    if len({each.name for each in found}) < len(found):
        raise SettingsError(f"'{vary}' varies {found[0].name} twice.\n{EXAMPLE}")
    return found


def _one(text: str) -> Varied:
    name, equals, values = (part.strip() for part in text.partition("="))
    if name in REFUSED:
        raise SettingsError(f"compare does not vary {name}: {REFUSED[name]}.\n{EXAMPLE}")
    if name not in KNOWN:
        raise SettingsError(f"{unknown('setting to vary', name, KNOWN)}\n{EXAMPLE}")
    comma = r",(?=\s*[A-Za-z])" if name in WITH_COMMAS else ","
    split = values.split(";") if ";" in values else re.split(comma, values)
    kept = tuple(dict.fromkeys(value.strip() for value in split if value.strip()))
    if not equals or len(kept) < 2:
        raise SettingsError(f"'{text}' has nothing to compare: give {name} two values or more.\n{EXAMPLE}")
    if len(kept) > MOST:
        raise SettingsError(f"'{text}' has {len(kept)} values, but at most {MOST} are compared.\n{EXAMPLE}")
    return Varied(name, kept)


def cells(training: Training, varied: list[Varied], *, own: bool = False) -> list[Cell]:
    """A trial for each value, or each pair of values. Raises SettingsError for a value that won't do.

    Args:
        own: whether all have the training's own rate, also where that is no comparison of rules or models.
    """
    for each in varied:
        _check_there(training, each.name)
    found = []
    for values in product(*(each.values for each in varied)):
        change = {each.name: value for each, value in zip(varied, values, strict=True)}
        words = [f"{name}={value}" for name, value in change.items()]
        name = values[0] if len(values) == 1 else ", ".join(words)
        found.append(Cell(trial(training, name, change, own=own), values))
    return found


def trial(training: Training, name: str, change: dict[str, str], *, own: bool = False) -> Trial:
    """The training with some settings changed; with its own rate where that is a fair comparison, else auto."""
    mine = training.ready.settings
    given: dict[str, Any] = {key: None if value == "none" else value for key, value in change.items()}
    if "model" in change and start_at(mine) is not None:  # another model has other weights; the same one starts there
        given = {"init": "auto"} | given
    settings: Settings = check(**(mine.model_dump() | given))
    if "rate" in change:
        return Trial(name, settings)
    rule = settings.rule.partition(":")[0]
    if ("rule" in change and rule in RATE_FREE) or (not own and any(key in change for key in OWN_RATE)):
        return Trial(name, settings.model_copy(update={"rate": "auto"}))
    return Trial(name, settings, training.ready.rate)


def _check_there(training: Training, name: str) -> None:
    if training.table is None and name in ("model", "activation", "init"):
        raise SettingsError(f"{training.name} has no {name}: its loss predicts for itself.\n{EXAMPLE}")
    if name == "activation" and not isinstance(training.parts.model, Network):
        raise SettingsError(f"{training.name} has no layers with an activation between them.\n{EXAMPLE}")
