"""The final measure: how good the predictions are, in the target's own units, by scikit-learn.

It is not the loss. The loss is what training minimises and must have a slope; the measure is what a person cares
about and needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fallline.errors import SettingsError, unknown

REGRESSION = ("rmse", "mae", "r2", "median_error")
CLASSES = ("accuracy", "balanced_accuracy", "auc", "log_loss", "f1")
LARGER_IS_BETTER = ("r2", "accuracy", "balanced_accuracy", "auc", "f1")


def known_metric(name: str, task: str) -> str:
    """`name`, or the task's default for "auto". Raises SettingsError for a measure that does not fit the task."""
    fitting = CLASSES if task == "classes" else REGRESSION
    if name == "auto":
        return fitting[0]
    if name not in fitting:
        raise SettingsError(unknown("metric for this target", name, fitting))
    return name


def measure_numbers(actual: np.ndarray, predicted: np.ndarray, names: Sequence[str] = REGRESSION) -> dict[str, float]:
    """The measures of a regression, both arrays [rows] in the target's own units."""
    from sklearn import metrics

    if not np.isfinite(predicted).all():
        return dict.fromkeys(names, float("nan"))
    of: dict[str, Callable[[], float]] = {
        "rmse": lambda: metrics.root_mean_squared_error(actual, predicted),
        "mae": lambda: metrics.mean_absolute_error(actual, predicted),
        "r2": lambda: metrics.r2_score(actual, predicted) if len(actual) > 1 else float("nan"),
        "median_error": lambda: metrics.median_absolute_error(actual, predicted),
    }
    return {name: float(of[name]()) for name in names}


def measure_classes(
    actual: np.ndarray, predicted: np.ndarray, probability: np.ndarray | None, names: Sequence[str] = CLASSES
) -> dict[str, float]:
    """The measures of a classification.

    Args:
        actual, predicted: [rows] class codes 0, 1, ...
        probability: [rows, classes], or None when the model gives scores that are none (hinge); the measures
            that need one are then left out.
    """
    from sklearn import metrics

    of: dict[str, Callable[[], float]] = {
        "accuracy": lambda: metrics.accuracy_score(actual, predicted),
        "balanced_accuracy": lambda: metrics.recall_score(actual, predicted, average="macro", zero_division=0.0),  # pyright: ignore[reportArgumentType]
        "f1": lambda: metrics.f1_score(actual, predicted, average="macro", zero_division=0.0),  # pyright: ignore[reportArgumentType]
    }
    if probability is not None and np.isfinite(probability).all():
        labels = np.arange(probability.shape[1])
        two = probability.shape[1] == 2
        of["log_loss"] = lambda: metrics.log_loss(actual, probability, labels=labels)
        if len(np.unique(actual)) == len(labels):
            of["auc"] = lambda: metrics.roc_auc_score(
                actual, probability[:, 1] if two else probability, multi_class="ovr", labels=labels
            )
    return {name: float(of[name]()) if name in of else float("nan") for name in names}
