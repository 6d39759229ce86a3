"""What a run is called and how it is summed up: plain sentences with the run's own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from fallline.numbers import number, share

MODELS = {
    "linear": "linear regression",
    "logistic": "logistic regression",
    "softmax": "softmax regression",
}
CONSTANTS = {"Absolute": "the median", "Quantile": "the quantile", "Huber": "the best constant"}
MOST_TOLD = 5  # columns
TOGETHER = 0.05  # chance that neighbours meet in a batch, above which a shuffle may be called poor
MEASURES = {"rmse": "RMSE", "mae": "MAE", "r2": "R²", "auc": "AUC", "f1": "F1"}


def constant_name(loss: str) -> str:
    """What the best constant prediction is for a loss, by the name of its class."""
    return CONSTANTS.get(loss, "the mean")


def model_name(model: str) -> str:
    """linear regression, or a network with two hidden layers (64, 64)."""
    if model in MODELS:
        return MODELS[model]
    sizes = model.partition(":")[2].split(",")
    layers = "one hidden layer" if len(sizes) == 1 else f"{len(sizes)} hidden layers"
    return f"a network with {layers} ({', '.join(sizes)})"


def parameter_names(arrays: Sequence[dict[str, Any]], features: Sequence[str]) -> list[str]:
    """A name for each of the flat parameters: weights[median_income], layer2/weights[3, 7], bias.

    >>> parameter_names([{"name": "bias", "shape": []}, {"name": "weights", "shape": [2]}], ["x", "z"])
    ['bias', 'weights[x]', 'weights[z]']
    """
    names = []
    for array in arrays:
        name, shape = array["name"], array["shape"]
        first = name in ("weights", "layer1/weights")
        for place in product(*(range(n) for n in shape)):
            labels = [features[p] if first and i == 0 else str(p + 1) for i, p in enumerate(place)]
            names.append(f"{name}[{', '.join(labels)}]" if labels else name)
    return names


def source_name(source: dict[str, Any]) -> str:
    """The name of the file that a table was read from.

    >>> source_name({"name": "housing.csv"}), source_name({"name": None})
    ('housing.csv', 'a table in memory')
    """
    return source["name"] or "a table in memory"


def measure_name(name: str) -> str:
    """RMSE for rmse, balanced accuracy for balanced_accuracy."""
    return MEASURES.get(name, name.replace("_", " "))


def measure(name: str, value: float) -> str:
    """A measure with its name.

    >>> measure("rmse", 68627.87), measure("accuracy", 0.853)
    ('RMSE 68,628', 'accuracy 85.3%')
    """
    return f"{measure_name(name)} {share(value) if name.endswith('accuracy') else number(value)}"


def summary(run: dict[str, Any], condensed: bool) -> list[str]:
    """A run in plain sentences, the verdict last."""
    settings, data, start, metrics = run["settings"], run["data"], run["start"], run["metrics"]
    rows, target = data["rows"], data["target"]["name"]
    begun = "start" if settings["init"].startswith("at:") else "random start"
    lines = [
        f"Trained {model_name(settings['model'])} on {rows['train']:,} rows of {source_name(data['source'])}: "
        f"{target} from {len(data['features'])} features, {settings['parameters']:,} parameters.",
        f"The {begun} had a loss of {number(start['loss'])}; {start['trivial']} has "
        f"{number(start['trivial_loss'])}; the model kept has {number(metrics['train']['loss'])}.",
    ]
    lines += _left_out(data["columns"])
    if settings["rate_asked"] == "auto" and settings["rate"] != 1.0:
        lines.append(f"The rate {number(settings['rate'])} was chosen by trial runs.")
    if condensed:
        lines.append("Each step walked on a few rows that have the same squared loss as the whole table.")
    if "streamed" in data:
        lines.append(
            f"Rows were read from the disk piece by piece; the rate, the verdict and training measures come from "
            f"{data['streamed']['sample']:,} evenly chosen ones, held-out measures from all."
        )
        lines += _reservations(run["given"].get("bound"), **data["streamed"])
    if run.get("apart"):
        lines.append(_apart(run["apart"]))
    if run["exact"]:
        exact = run["exact"]
        lines.append(
            f"The exact answer has a loss of {number(exact['loss'])}: descent is {number(exact['loss_distance'])} "
            f"above it, and its weights differ by {share(exact['weights_distance'])} of their length"
            + ("." if exact["unique"] else "; columns depend on each other, so many weights have that loss.")
        )
    part = "test" if "test" in metrics else "validation" if "validation" in metrics else "train"
    chosen = measure(run["metric"], metrics[part][run["metric"]])
    also = [m for m in ("r2", "mae", "auc", "log_loss") if m in metrics[part] and m != run["metric"]][:1]
    others = "".join(f", {measure(m, metrics[part][m])}" for m in also)
    seen = {
        "test": "test rows, which training never saw",
        "validation": "validation rows",
        "train": "training rows",
    }
    lines.append(f"On {rows[part]:,} {seen[part]}: {chosen}{others}.")
    verdict = run["verdict"]
    lines.append(f"Verdict: {verdict['state']}. {verdict['why'][:1].upper()}{verdict['why'][1:]} {verdict['next']}")
    return lines


def _left_out(columns: list[dict[str, Any]]) -> list[str]:
    """Which columns the model does not see, and why; nothing of those that a person said to ignore."""
    found = [
        f"{c['name']} ({c['why']})" for c in columns if c["kind"] == "ignore" and not c["why"].startswith("as you")
    ]
    more = f"; and {len(found) - MOST_TOLD:,} more" if len(found) > MOST_TOLD else ""
    return [f"Left out: {'; '.join(found[:MOST_TOLD])}{more}."] if found else []


def _reservations(
    bound: int | None, *, least: float = 0, shuffle: dict[str, float] | None = None, **_: Any
) -> list[str]:
    """What a table that was read piece by piece would gain from more memory."""
    found = []
    if bound is not None and bound < least:
        found.append(
            f"The {number(bound / 1e6)} MB of memory allowed can't be held, since the program itself takes up to "
            f"{number(least / 1e6)} MB; rows were read in the smallest pieces."
        )
    if shuffle and shuffle["together"] > max(TOGETHER, 3 * shuffle["together_at_best"]):
        found.append(
            f"The shuffle is a poor one: two rows that are neighbours in the table meet in a batch with a chance of "
            f"{share(shuffle['together'])}, but of {share(shuffle['together_at_best'])} where all rows are shuffled at "
            "once. Allow more with --memory, or give the rows in a random order."
        )
    return found


def _apart(apart: dict[str, Any]) -> str:
    """What it cost that workers averaged now and then, instead of adding up each gradient."""
    more = apart["objective"] / apart["together"] - 1 if apart["together"] else 0.0
    which = f"all {apart['steps']:,}" if apart["all"] else f"the first {apart['steps']:,}"
    return (
        f"{apart['workers']} workers averaged their weights every {apart['sync']} steps: {which} steps led to an "
        f"objective of {number(apart['objective'])}, {abs(more):.2%} {'above' if more > 0 else 'below'} the "
        f"{number(apart['together'])} of a sum at each step."
    )
