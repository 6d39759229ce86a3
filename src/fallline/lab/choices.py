"""All that may be chosen on the page, with numbers and defaults: taken from where the parts are defined."""

from __future__ import annotations

from dataclasses import fields
from inspect import signature
from typing import Any

from fallline.losses import Huber, Quantile
from fallline.models.activations import ACTIVATIONS
from fallline.models.init import INITS
from fallline.rules import NUMBERS, RATE_FREE, RULES
from fallline.schedules import DEFAULTS
from fallline.schedules import NAMES as SCHEDULE_NAMES
from fallline.settings import LOSSES, MODELS, OF_CLASSES, OF_NUMBERS
from fallline.words import MODELS as MODEL_NAMES

MODELS_OF = {"regression": ("linear", "mlp"), "classes": ("logistic", "softmax", "mlp")}
UNFIT = {"regression": OF_CLASSES, "classes": OF_NUMBERS}  # losses
NUMBERED = {"huber": Huber, "quantile": Quantile}  # losses with a number of their own


def choices(task: str, classes: int) -> dict[str, Any]:
    """What fits a task: models, losses, rules, schedules, activations and starts."""
    models = [m for m in MODELS_OF[task] if m != "logistic" or classes == 2]
    return {
        "models": [{"name": m, "title": MODEL_NAMES.get(m, "network")} for m in MODELS if m in ("auto", *models)],
        "losses": [_loss(name) for name in LOSSES if name not in UNFIT[task]],
        "rules": [
            {"name": name, "numbers": _defaults(name), "names": _names(name), "finds_rate": name in RATE_FREE}
            for name in RULES
        ],
        "schedules": [
            {"name": name, "numbers": list(numbers), "names": list(SCHEDULE_NAMES.get(name, ()))}
            for name, numbers in DEFAULTS.items()
        ],
        "activations": list(ACTIVATIONS),
        "inits": list(INITS),
    }


def _loss(name: str) -> dict[str, Any]:
    own = fields(NUMBERED[name]) if name in NUMBERED else ()
    return {"name": name, "numbers": [field.default for field in own], "names": [field.name for field in own]}


def _defaults(rule: str) -> list[float]:
    return [p.default for p in signature(RULES[rule]).parameters.values()][: NUMBERS.get(rule, 0)]


def _names(rule: str) -> list[str]:
    return [p.name for p in signature(RULES[rule]).parameters.values()][: NUMBERS.get(rule, 0)]
