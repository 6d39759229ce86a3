"""All that may be chosen on the page, with numbers and defaults: taken from where the parts are defined."""

from __future__ import annotations

from inspect import signature
from typing import Any

from fallline.models.activations import ACTIVATIONS
from fallline.models.init import INITS
from fallline.rules import NUMBERS, RATE_FREE, RULES
from fallline.schedules import DEFAULTS
from fallline.settings import LOSSES, MODELS
from fallline.words import MODELS as MODEL_NAMES

FITS = {  # which losses and models fit which task
    "regression": {
        "losses": ("auto", "squared", "absolute", "huber", "quantile", "poisson"),
        "models": ("linear", "mlp"),
    },
    "classes": {"losses": ("auto", "log", "squared", "hinge"), "models": ("logistic", "softmax", "mlp")},
}
LOSS_NUMBERS = {"huber": [1.0], "quantile": [0.5]}


def choices(task: str, classes: int) -> dict[str, Any]:
    """What fits a task: models, losses, rules, schedules, activations and starts."""
    models = [m for m in FITS[task]["models"] if m != "logistic" or classes == 2]
    return {
        "models": [{"name": m, "title": MODEL_NAMES.get(m, "network")} for m in MODELS if m in ("auto", *models)],
        "losses": [{"name": n, "numbers": LOSS_NUMBERS.get(n, [])} for n in LOSSES if n in FITS[task]["losses"]],
        "rules": [
            {"name": name, "numbers": _defaults(name), "names": _names(name), "finds_rate": name in RATE_FREE}
            for name in RULES
        ],
        "schedules": [{"name": name, "numbers": list(numbers)} for name, numbers in DEFAULTS.items()],
        "activations": list(ACTIVATIONS),
        "inits": list(INITS),
    }


def _defaults(rule: str) -> list[float]:
    return [p.default for p in signature(RULES[rule]).parameters.values()][: NUMBERS.get(rule, 0)]


def _names(rule: str) -> list[str]:
    return [p.name for p in signature(RULES[rule]).parameters.values()][: NUMBERS.get(rule, 0)]
