"""Settings, measures and verdicts in words."""

from __future__ import annotations

from typing import Any

from fallline.metrics import LARGER_IS_BETTER
from fallline.numbers import count, number, share
from fallline.words import measure_name

HEADLINES = {
    "converged": "Training converged",
    "improving": "Still improving",
    "stalled": "Training stalled",
    "diverged": "Training diverged",
    "worse than trivial": "Worse than a constant guess",
    "interrupted": "Training was interrupted",
    "running": "Still training",
}
MEASURES = {
    "rmse": "root mean squared error",
    "mae": "mean absolute error",
    "median_error": "median absolute error",
    "r2": "the share of the variance explained",
    "accuracy": "the share of rows predicted right",
    "balanced_accuracy": "the mean over classes of the share predicted right",
    "auc": "the area under the ROC curve",
    "log_loss": "the mean log loss of the predicted probabilities",
    "f1": "the F1 score, averaged over classes",
}
OWN_UNITS = ("rmse", "mae", "median_error")
SHARES = ("accuracy", "balanced_accuracy")
RULES = {"plain": "plain gradient descent", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSProp", "lion": "Lion"}
MODELS = {"linear": "a linear model", "logistic": "a logistic model", "softmax": "a softmax model"}


def sentence(said: str) -> str:
    """The same with a capital at its start and a stop at its end.

    >>> sentence("the loss fell")
    'The loss fell.'
    """
    said = said.strip()
    if not said:
        return ""
    return said[0].upper() + said[1:] + ("" if said[-1] in ".!?:" else ".")


def headline(state: str) -> str:
    """The verdict in a few plain words."""
    return HEADLINES.get(state, state.capitalize())


def short(name: str) -> str:
    """A measure's name as people write it."""
    return measure_name(name)


def measured(name: str, value: Any) -> str:
    """A measure's value.

    >>> measured("accuracy", 0.9667), measured("rmse", 71131.02)
    ('96.7%', '71,131')
    """
    if name in SHARES and value is not None and value == value:
        return share(value)
    return number(value)


def explained(name: str, target: str) -> str:
    """What a measure is, in which units, and which way is better."""
    better = "higher is better" if name in LARGER_IS_BETTER else "lower is better"
    units = f", in the units of {target}" if name in OWN_UNITS else ""
    return f"{MEASURES.get(name, short(name))}{units}; {better}"


def model_words(model: str) -> str:
    """A model's setting as people say it.

    >>> model_words("mlp:64,64")
    'a network with hidden layers of 64 and 64 units'
    """
    kind, _, sizes = model.partition(":")
    if kind == "mlp" and sizes:
        layers = [size.strip() for size in sizes.split(",")]
        if len(layers) == 1:
            return f"a network with one hidden layer of {layers[0]} units"
        return f"a network with hidden layers of {', '.join(layers[:-1])} and {layers[-1]} units"
    return MODELS.get(model, f"a model of the kind {model}")


def training_words(settings: dict[str, Any]) -> str:
    """How it was trained, in one or two sentences."""
    rule = str(settings.get("rule", "plain"))
    batch = settings.get("batch", "full")
    rows = "all training rows" if batch == "full" else f"{count(batch)} rows" if isinstance(batch, int) else batch
    said = [
        f"{model_words(str(settings.get('model', 'linear')))} was trained on the {settings.get('loss')} loss by "
        f"{RULES.get(rule, f'the rule {rule}')}, with {rows} in each step."
    ]
    rate = f"The learning rate was {value_words(settings.get('rate'))}"
    rate += ", chosen by trial runs" if settings.get("rate_asked") == "auto" else ""
    schedule = settings.get("schedule", "constant")
    rate += ", the same at every step." if schedule == "constant" else f" at first, on the schedule {schedule}."
    said.append(rate)
    penalties = [f"{name} = {value_words(settings[name])}" for name in ("l1", "l2") if settings.get(name)]
    if penalties:
        said.append(f"A penalty ({', '.join(penalties)}) is added to the loss; their sum is the objective.")
    return " ".join(sentence(part) for part in said)


def value_words(value: Any) -> str:
    """Any setting's or figure's value."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(value_words, value)) or "none"
    return str(value)
