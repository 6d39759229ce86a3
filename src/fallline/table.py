"""Step 2 of a project, data: a table becomes prepared rows to train, validate and test on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from fallline.data import (
    Column,
    Preparation,
    Split,
    Target,
    apply,
    encode,
    fit_preparation,
    fit_target,
    infer,
    present,
    shown,
    split,
    task_of,
)
from fallline.errors import DataError, SettingsError, unknown
from fallline.settings import Settings
from fallline.settings import task_of as task_asked
from fallline.survey import Rows

HEAVIEST = 1e15  # a weight; beside a larger one, the rows of weight 1 would be lost in rounding


@dataclass(frozen=True)
class Table:
    """A table that has been read, split and prepared."""

    frame: pl.DataFrame  # rows with a target, in their order in the file
    numbers: np.ndarray  # of those rows in the table as it was read, from 0
    columns: tuple[Column, ...]
    preparation: Preparation
    target: Target
    split: Split
    features: np.ndarray  # [rows, features] float64
    codes: np.ndarray  # [rows]: the standardised number, or the code of the class
    weight: np.ndarray  # [rows]
    dropped: int  # rows without a target

    def rows(self, part: np.ndarray, outputs: int, dtype: Any) -> Rows:
        """The rows of a part as arrays; the target one-hot when the model has an output a class."""
        codes = self.codes[part]
        target = codes if outputs == 1 else np.eye(outputs)[codes.astype(int)]
        weight = self.weight[part]
        return Rows(self.features[part].astype(dtype), target.astype(dtype), weight / weight.mean())


def prepare_table(
    frame: pl.DataFrame,
    target: str,
    settings: Settings,
    *,
    types: Mapping[str, str] | None = None,
    validation: float = 0.15,
    test: float = 0.15,
    split_column: str | None = None,
    weight_column: str | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
) -> Table:
    """Infer, split and prepare. Statistics come from the training rows alone.

    Raises: DataError, SettingsError.
    """
    for asked in (target, split_column, weight_column):
        if asked is not None and asked not in frame.columns:
            raise DataError(f"{unknown('column', asked, frame.columns)}\n{to_name(frame.columns)}")
    columns = infer(frame, target=target, types=types)
    there = present(frame[target]).to_numpy()
    if not there.any():
        raise DataError(f"Every value of the target '{target}' is missing.\nName another column with --target.")
    numbers = np.flatnonzero(there)
    every_weight = _weights(frame, weight_column, there)
    task = task_asked(settings, task_of(frame[target], types))
    standardize = settings.standardize and settings.loss != "poisson"
    # on all rows, those without a target too, so that errors count rows as the table does
    known = fit_target(frame[target], task=task, standardize=standardize, centre=settings.bias, weights=every_weight)
    frame, weight = frame.filter(pl.Series(there)), every_weight[there]
    set_aside = {split_column: "it says which part a row is in", weight_column: "it says what a row counts"}
    columns = tuple(replace(c, kind="ignore", why=set_aside[c.name]) if c.name in set_aside else c for c in columns)
    parts = split(
        len(frame),
        seed=settings.seed,
        validation=validation,
        test=test,
        classes=encode(known, frame[target], numbers) if task == "classes" else None,
        column=frame[split_column] if split_column else None,
        numbers=numbers,
    )
    for name in ("train", "validation", "test"):
        rows = getattr(parts, name)
        if len(rows) and not weight[rows].any():
            raise DataError(f"All {name} rows have weight 0 in '{weight_column}'.\nGive one of them a weight above 0.")
    training = frame[parts.train]
    known = fit_target(
        training[target], task=task, standardize=standardize, centre=settings.bias, weights=weight[parts.train]
    )
    codes = np.asarray(encode(known, frame[target], numbers), np.float64)
    if settings.loss == "poisson" and codes.min() < 0:
        raise SettingsError(f"loss poisson needs counts, but '{target}' has {codes.min():g}.\nTry loss squared.")
    preparation = fit_preparation(
        training, columns, standardize=settings.standardize, centre=settings.bias, weights=weight[parts.train]
    )
    if not preparation.feature_names:
        raise nothing_to_learn_from(columns)
    weight = weight * _class_weights(class_weight, known, codes, parts.train)
    return Table(
        frame, numbers, columns, preparation, known, parts, apply(preparation, frame, numbers), codes, weight,
        int((~there).sum()),
    )  # fmt: skip


def nothing_to_learn_from(columns: tuple[Column, ...]) -> DataError:
    """The error for a table without a feature."""
    why = "; ".join(f"{shown(c.name)}: {c.why}" for c in columns[:4])
    return DataError(f"No column is left to learn from.\n{why or 'Give a column besides the target.'}")


def to_name(columns: list[str]) -> str:
    """What to do about a column that is not there."""
    if all(name == f"column_{i + 1}" for i, name in enumerate(columns)):
        return "The first row was read as data; if it holds the names, say so with --header."
    return "Name a column of the table; if the names look wrong, save it with commas between them."


def _weights(frame: pl.DataFrame, column: str | None, there: np.ndarray) -> np.ndarray:
    """What each row counts; 0 without a target. Raises DataError for a weight that is none."""
    weight = row_weights(frame, column, there)
    if not weight.any():
        raise DataError(f"All weights in '{column}' are 0.\nGive at least one row a weight above 0.")
    return weight


def row_weights(frame: pl.DataFrame, column: str | None, there: np.ndarray) -> np.ndarray:
    """As `_weights`, of a piece of a table, which may be all 0."""
    if column is None:
        return there.astype(float)
    try:
        weight = frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    except pl.exceptions.PolarsError:
        weight = np.full(len(frame), np.nan)
    weight = np.where(there, weight, 0.0)
    bad = ~((weight >= 0) & (weight <= HEAVIEST))
    if bad.any():
        row = int(np.argmax(bad))
        found = shown(repr(frame[column][row]))
        raise DataError(
            f"Row {row + 1} has {found} as its weight in '{shown(column)}'.\nExpected 0 or more, up to {HEAVIEST:g}."
        )
    return weight


def class_weights(
    asked: str | Mapping[Any, float], target: Target, counts: np.ndarray, rows: int
) -> Float[np.ndarray, "classes"]:
    """What a row of each class counts; "balanced" makes all classes of the training rows count alike.

    Args:
        counts: [classes] training rows of each.
        rows: how many train.
    """
    if target.task != "classes":
        raise SettingsError("class_weight needs classes, but the target is a number.\nLeave it out.")
    classes = target.classes or ()
    if asked == "balanced":
        return rows / (len(counts) * np.maximum(counts, 1))
    if not isinstance(asked, Mapping):
        raise SettingsError(f"class_weight is {asked!r}.\nGive balanced, or a weight for each class.")
    given = {str(k): v for k, v in asked.items()}
    for name in given:
        if name not in map(str, classes):
            raise SettingsError(unknown("class", name, map(str, classes)))
    return np.array([float(given.get(str(c), 1.0)) for c in classes])


def _class_weights(
    asked: str | Mapping[Any, float] | None, target: Target, codes: np.ndarray, training: np.ndarray
) -> np.ndarray:
    """What each row counts for its class."""
    if asked is None:
        return np.ones(len(codes))
    there = codes[training].astype(int) if target.task == "classes" else np.zeros(0, int)
    counts = np.bincount(there, minlength=len(target.classes or ()))
    return class_weights(asked, target, counts, len(training))[codes.astype(int)]


def to_classes(response: np.ndarray, probabilities: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Class codes [rows], and probabilities [rows, classes] where the response is one, of a model's response."""
    if response.ndim == 2:
        each = response / response.sum(axis=1, keepdims=True) if probabilities else None  # to the last of 64 bits
        return response.argmax(axis=1), each
    if not probabilities:
        return (response > 0).astype(int), None
    return (response > 0.5).astype(int), np.column_stack([1 - response, response])
