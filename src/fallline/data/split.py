"""Which rows train, which validate while training goes on, and which test at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from fallline.data.values import shown, texts
from fallline.errors import DataError, SettingsError

STREAM = 2**63  # the second half of the generator's key; the epochs' orders use 0, 1, ...
PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class Split:
    """The rows of each part, counted from 0 and ascending, and how they were chosen."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    how: str


def split(
    rows: int,
    *,
    seed: int,
    validation: float = 0.15,
    test: float = 0.15,
    classes: np.ndarray | None = None,
    column: pl.Series | None = None,
    numbers: np.ndarray | None = None,
) -> Split:
    """Every row goes to exactly one part; the same seed gives the same parts.

    Args:
        rows: how many there are.
        validation, test: the share of the rows; 0 leaves the part empty.
        classes: [rows] the class of each row. Each part then keeps each class's share to within a row or two,
            and each class has a row to train on.
        column: [rows] says which part a row is in, in place of seed and shares.
        numbers: [rows] each row's number in its table, from 0, for errors; else as they come.

    Raises: DataError when there are too few rows; SettingsError for shares that are none.
    """
    if column is not None:
        return _by_column(column, numbers)
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise SettingsError(f"The share of {name} rows is {share}.\nGive a number from 0 to below 1.")
    if validation + test >= 1:
        raise SettingsError(
            f"With {validation} to validate and {test} to test, no rows are left to train on.\n"
            "The two shares must add up to less than 1."
        )
    if not 0 <= seed < 2**64:
        raise SettingsError(f"The seed is {seed}.\nGive a whole number from 0 to below 2**64.")
    needed = 2 + (validation > 0) + (test > 0)
    if rows < needed:
        raise DataError(
            f"The table has {_rows(rows)}, but {needed} are needed: 2 to train and 1 for each other part.\n"
            "Add rows, or set the share of validation or test rows to 0."
        )
    checking = max(1, round(validation * rows)) if validation else 0
    testing = max(1, round(test * rows)) if test else 0
    training = max(2, rows - checking - testing)
    checking = min(checking, rows - training - (testing > 0))
    order = _order(np.zeros(rows, int) if classes is None else np.asarray(classes), training, seed)
    how = f"drawn with seed {seed}"
    if classes is not None:
        how += ", each class keeping its share"
    return _split(order[:training], order[training : training + checking], order[training + checking :], how)


def _order(classes: np.ndarray, training: int, seed: int) -> np.ndarray:
    """All rows in a random order in which every stretch holds each class in its share.

    The rows of a class are shuffled and laid out evenly over [0, 1) from a random start (systematic sampling):
    a stretch then holds of each class its share, rounded down or up. Each class's first row comes before all.
    """
    stream = np.random.Generator(np.random.Philox(key=np.array([seed, STREAM], np.uint64)))
    shuffled = stream.permutation(len(classes))
    _, code, counts = np.unique(classes[shuffled], return_inverse=True, return_counts=True)
    if len(counts) > training:
        raise DataError(
            f"There are {len(counts)} classes, but only {_rows(training)} to train on: each class needs one.\n"
            "Add rows, or train on a number."
        )
    by_class = np.argsort(code, kind="stable")
    nth = np.empty(len(classes), int)  # of a row among those of its class, from 0
    nth[by_class] = np.arange(len(classes)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = (nth + stream.random(len(counts))[code]) / counts[code]
    return shuffled[np.argsort(np.where(nth == 0, -1, place), kind="stable")]


def said_part(column: pl.Series, numbers: np.ndarray | None = None) -> pl.Series:
    """ "train", "validation" or "test" [rows], as a column says. Raises DataError for a cell that says neither."""
    name = shown(column.name)
    part_of = {word: part for part, words in PARTS.items() for word in words}
    said = texts(column).str.to_lowercase()
    part = said.replace_strict(part_of, default=None, return_dtype=pl.String)
    if part.null_count():
        row = part.is_null().arg_true()[0]
        found = f"'{shown(column[row])}'" if said[row] is not None else "empty"
        raise DataError(
            f"Row {(row if numbers is None else numbers[row]) + 1} of the split column '{name}' is {found}.\n"
            "Expected train, validation or test."
        )
    return part


def _by_column(column: pl.Series, numbers: np.ndarray | None) -> Split:
    name, part = shown(column.name), said_part(column, numbers)
    rows = {each: (part == each).arg_true().to_numpy() for each in PARTS}
    if len(rows["train"]) < 2:
        raise DataError(
            f"The split column '{name}' gives {_rows(len(rows['train']))} to train on, but 2 are needed.\n"
            "Mark more rows with train."
        )
    return _split(rows["train"], rows["validation"], rows["test"], f"as column '{column.name}' says")


def _split(train: np.ndarray, validation: np.ndarray, test: np.ndarray, how: str) -> Split:
    sizes = f"{_rows(len(train))} to train, {len(validation):,} to validate, {len(test):,} to test"
    parts = (np.sort(part).astype(np.int64) for part in (train, validation, test))
    return Split(*parts, how=f"{sizes}, {how}")


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
