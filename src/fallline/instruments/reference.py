"""A flexible reference that has nothing to do with descent: what could be predicted from these features at all?

Extremely randomised trees (Geurts, Ernst and Wehenkel, 2006) grown on some training rows and judged on others. They
have nothing in common with the model that is diagnosed, need no scaling, and can't be stuck: a yardstick, no remedy.
One thread: boosting is a little better, but its threads and those of XLA got in each other's way for seconds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

ROWS = 1_500  # that are fitted
JUDGED = 2_000  # that are judged, at most
TREES = 40
FOLDS = 3  # where there are too few rows to set some aside
FEATURES = 200  # beyond these a reference takes too long


class Reference(NamedTuple):
    """Predictions for rows that the reference was not fitted on."""

    rows: np.ndarray  # which
    predicted: np.ndarray  # [rows], or [rows, classes] probabilities
    fitted: int  # rows that it was fitted on


def refer(
    features: Float[np.ndarray, "rows features"], codes: Float[np.ndarray, "rows"], classes: int
) -> Reference | None:
    """Fit the reference and predict other rows. None when there are too few rows or too many features."""
    count = len(codes)
    if count < 30 or features.shape[1] > FEATURES or (classes and len(np.unique(codes)) < 2):
        return None
    order = np.random.default_rng(0).permutation(count)
    if count >= 2 * ROWS:
        fit, judge = order[:ROWS], order[ROWS : ROWS + JUDGED]
        return Reference(judge, _predict(features, codes, classes, fit, judge), ROWS)
    order = order[: ROWS + ROWS // 2]
    folds = np.array_split(order, FOLDS)
    said = []
    for held in folds:
        fit = np.setdiff1d(order, held, assume_unique=True)
        said.append(_predict(features, codes, classes, fit, held))
    return Reference(np.concatenate(folds), np.concatenate(said), len(order) - len(folds[0]))


def _predict(features: np.ndarray, codes: np.ndarray, classes: int, fit: np.ndarray, judge: np.ndarray) -> np.ndarray:
    from sklearn import ensemble

    made = ensemble.ExtraTreesClassifier if classes else ensemble.ExtraTreesRegressor
    model = made(TREES, min_samples_leaf=2, random_state=0)
    model.fit(features[fit], codes[fit].astype(int) if classes else codes[fit])
    if not classes:
        return np.asarray(model.predict(features[judge]), np.float64)
    said = np.zeros((len(judge), classes))
    said[:, model.classes_.astype(int)] = model.predict_proba(features[judge])  # pyright: ignore[reportAttributeAccessIssue]
    return said


def skill(predicted: np.ndarray, codes: np.ndarray, middle: np.ndarray | float) -> float:
    """1 - squared error / that of always predicting `middle`: R squared, or Brier's skill of probabilities."""
    truth = np.eye(predicted.shape[1])[codes.astype(int)] if predicted.ndim == 2 else codes
    total = np.sum((truth - middle) ** 2)
    return float(1 - np.sum((truth - predicted) ** 2) / total) if total > 0 else 0.0


def chance(predicted: np.ndarray, truth: np.ndarray, draws: int = 200, seed: int = 0) -> float | None:
    """How often shuffled targets agree with the predictions as well as the real ones do: a permutation test.

    The losses of the exponential family (squared, log, poisson) see the pairing of predictions and targets only in
    sum(score * target), which is therefore what is compared. (1 + as good or better) / (1 + draws), one-sided.

    Args:
        predicted, truth: [rows] or [rows, outputs], scores and targets; finite.
    """
    if len(truth) < 8 or not np.isfinite(predicted).all():
        return None
    predicted, truth = (np.asarray(a, np.float64).reshape(len(a), -1) for a in (predicted, truth))
    predicted, truth = predicted - predicted.mean(axis=0), truth - truth.mean(axis=0)
    scale = np.abs(predicted).max()
    if scale <= 0:
        return 1.0
    predicted = predicted / scale
    real = float(np.sum(predicted * truth))
    draw = np.random.default_rng(seed)
    shuffled = np.array([np.sum(predicted * truth[draw.permutation(len(truth))]) for _ in range(draws)])
    return float((1 + np.sum(shuffled >= real - 1e-12 * abs(real))) / (1 + draws))
