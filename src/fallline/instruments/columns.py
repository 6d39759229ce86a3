"""What the columns of a table say about the target, each by itself, and about each other. NumPy only.

A column is judged on rows that it was not fitted on: a straight line and the mean of 2 to 64 equal groups of rows
(their shares of the classes where the target is one), the better of the two.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from fallline.data import Preparation, Target
from fallline.data.steps import Category
from fallline.data.values import texts
from fallline.table import Table

ROWS = 4_000  # that columns are judged on
GROUPS = 64  # of rows, by a column's value
SAME = 0.9999  # correlation from which two columns are one
LEVELS = 50  # distinct values up to which a number may be a category under another name
MOVED = 5  # rows that are not like most: columns that differ in fewer may do so together by chance
PAIRS = 400  # columns among which pairs are looked for
FEWEST = 40  # rows that a column is judged on


class Columns(NamedTuple):
    """Each column of the table that became features."""

    names: list[str]
    first: list[int]  # its first feature
    width: list[int]  # how many features it became
    category: list[bool]


def columns_of(preparation: Preparation) -> Columns:
    """Which features belong to which column."""
    found = Columns([], [], [], [])
    start = 0
    for step in preparation.steps:
        width = len(step.feature_names)
        if width:
            found.names.append(step.name)
            found.first.append(start)
            found.width.append(width)
            found.category.append(isinstance(step, Category))
        start += width
    return found


def alone(
    columns: Columns, features: Float[np.ndarray, "rows features"], codes: Float[np.ndarray, "rows"], target: Target
) -> list[float | None]:
    """How well each column alone tells the target of rows that it was not fitted on: 1 is perfectly.

    Numbers: R squared. Classes: the mean over the classes of the share that is recognised, set so that guessing is 0.
    None where there are too few rows to tell.
    """
    if len(codes) < FEWEST:
        return [None] * len(columns.names)
    fitted, judged = np.arange(len(codes)) % 2 == 0, np.arange(len(codes)) % 2 == 1
    scores = []
    for first, width, category in zip(columns.first, columns.width, columns.category, strict=True):
        group = _groups(features[:, first : first + width], category, fitted)
        if target.task == "classes":
            scores.append(_recognised(group, codes.astype(int), fitted, judged))
        else:
            scores.append(_explained(group, features[:, first], codes, fitted, judged, category))
    return scores


def _groups(values: np.ndarray, category: bool, fitted: np.ndarray) -> Int[np.ndarray, "rows"]:
    """The group that each row is in: its level, or the stretch of values that it falls into."""
    if category:
        return np.where(values.any(axis=1), values.argmax(axis=1) + 1, 0)
    numbers = values[:, 0]
    count = max(2, min(GROUPS, fitted.sum() // 15))
    levels = np.unique(numbers[fitted])
    if len(levels) <= count:
        return np.searchsorted((levels[1:] + levels[:-1]) / 2, numbers)
    edges = np.unique(np.quantile(numbers[fitted], np.linspace(0, 1, count + 1)[1:-1]))
    return np.searchsorted(edges, numbers, side="right")


def _explained(
    group: np.ndarray, line: np.ndarray, codes: np.ndarray, fitted: np.ndarray, judged: np.ndarray, category: bool
) -> float:
    """R squared on the judged rows, of group means or of a straight line."""
    total = np.sum((codes[judged] - codes[fitted].mean()) ** 2)
    if total <= 0:
        return 0.0
    counts = np.bincount(group[fitted], minlength=group.max() + 1)
    sums = np.bincount(group[fitted], codes[fitted], minlength=group.max() + 1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), codes[fitted].mean())
    found = [1 - np.sum((codes[judged] - means[group[judged]]) ** 2) / total]
    spread = line[fitted].std()
    if not category and spread > 0:
        x = (line - line[fitted].mean()) / spread
        slope = np.mean(x[fitted] * (codes[fitted] - codes[fitted].mean()))
        found.append(1 - np.sum((codes[judged] - codes[fitted].mean() - slope * x[judged]) ** 2) / total)
        where = counts > 0
        centres = np.bincount(group[fitted], x[fitted], minlength=group.max() + 1)[where] / counts[where]
        drawn = np.interp(x[judged], centres, means[where])  # straight from group to group
        found.append(1 - np.sum((codes[judged] - drawn) ** 2) / total)
    return float(max(found))


def _recognised(group: np.ndarray, codes: np.ndarray, fitted: np.ndarray, judged: np.ndarray) -> float | None:
    """(mean recall - guess) / (1 - guess), where guessing recognises 1 / classes of each."""
    classes = codes.max() + 1
    each = np.bincount(codes[fitted], minlength=classes)
    there = np.flatnonzero((each > 0) & (np.bincount(codes[judged], minlength=classes) > 0))
    if len(there) < 2:
        return None
    table = np.zeros((group.max() + 1, classes))
    np.add.at(table, (group[fitted], codes[fitted]), 1)
    said = np.argmax(table / np.maximum(each, 1), axis=1)[group[judged]]
    recall = np.mean([np.mean(said[codes[judged] == code] == code) for code in there])
    guess = 1 / len(there)
    return float((recall - guess) / (1 - guess))


def twins(table: Table, columns: Columns, rows: np.ndarray) -> list[tuple[str, str]]:
    """Pairs of columns that say the same: correlated beyond 0.9999, or values that go with each other one to one."""
    count = min(len(columns.names), PAIRS)
    kinds = columns.category[:count]
    numbers = [place for place in range(count) if not kinds[place]]
    values = table.features[rows][:, [columns.first[place] for place in numbers]]
    often = np.sum(values != np.median(values, axis=0), axis=0)  # rows that make the difference
    spread = np.where(often >= MOVED, values.std(axis=0), 0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    correlation = np.abs(scaled.T @ scaled) / max(len(rows), 1)
    near = np.argwhere(np.triu(correlation > SAME, 1)) if len(rows) > 2 else []
    found = [(numbers[a], numbers[b]) for a, b in near if spread[a] > 0 and spread[b] > 0]
    found += _under_another_name(table, columns, rows, count)
    return [(columns.names[a], columns.names[b]) for a, b in sorted(set(found))]


def _under_another_name(table: Table, columns: Columns, rows: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Pairs with a category among them, of few values each, that go with each other one to one."""
    distinct = {column.name: column.distinct for column in table.columns}
    few = [p for p in range(count) if 2 <= distinct.get(columns.names[p], 0) <= LEVELS]
    few = [p for p in few if len(rows) >= 5 * distinct[columns.names[p]]]
    frame = table.frame[rows]
    codes = {p: texts(frame[columns.names[p]]).fill_null("").rank("dense") for p in few}
    found = []
    for i, a in enumerate(few):
        for b in few[i + 1 :]:
            alike = distinct[columns.names[a]] == distinct[columns.names[b]]
            if alike and (columns.category[a] or columns.category[b]):
                pairs = pl.DataFrame({"a": codes[a], "b": codes[b]}).n_unique()
                if pairs == codes[a].n_unique() == codes[b].n_unique() > 1:
                    found.append((a, b))
    return found


def conditions(features: Float[np.ndarray, "rows features"], bias: bool) -> tuple[float, float] | None:
    """The condition number of [features, 1]' [features, 1] as it stands, and after scaling every feature.

    Directions in which the scaled features do not vary at all are left out of both. None when nothing varies.
    """
    if features.shape[1] > PAIRS or len(features) < 2:
        return None
    spread = features.std(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(features).max(axis=0), 1e-300)
    if not varies.any():
        return None
    features = features[:, varies]
    scaled = (features - features.mean(axis=0) * bias) / (spread[varies] if bias else _rms(features))
    with_bias = [np.column_stack([x, np.ones(len(x))]) if bias else x for x in (scaled, features)]
    better, raw = (np.linalg.svd(x, compute_uv=False) for x in with_bias)
    count = int((better > 1e-6 * better[0]).sum())
    if raw[count - 1] <= 0:
        return None
    return float((raw[0] / raw[count - 1]) ** 2), float((better[0] / better[count - 1]) ** 2)


def _rms(features: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(features**2, axis=0))
