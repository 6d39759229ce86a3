"""What each column is taken for, and why. It looks at all rows, but learns nothing from them but the kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from fallline.data.values import (
    LONGEST,
    as_days,
    as_numbers,
    check_length,
    days,
    is_text,
    numbers,
    present,
    shown,
    texts,
)
from fallline.errors import DataError, SettingsError, unknown

KINDS = ("number", "category", "date", "ignore")
MOST_NUMBERS = 20  # distinct ones that may be classes beside texts
LIKE_AN_ID = re.compile(r"(?i:^$|^unnamed|^(index|idx|rowid|row|key)$|(^|[_\s.-])id$)|[a-z]I[dD]$")


@dataclass(frozen=True)
class Column:
    """What a column is taken for."""

    name: str
    kind: str  # one of KINDS
    why: str  # "text with 5 distinct values"
    distinct: int  # distinct values, not counting missing ones
    missing: int  # rows without a value


def infer(table: pl.DataFrame, *, target: str, types: Mapping[str, str] | None = None) -> tuple[Column, ...]:
    """What each column but the target is taken for, in their order in the table.

    Args:
        types: kinds that the user knows better, by column.

    Raises: DataError when the target is absent, or a column can't be what `types` says (row and column named);
        SettingsError for a column or a kind in `types` that does not exist.
    """
    if target not in table.columns:
        raise DataError(unknown("column", target, table.columns))
    types = types or {}
    for name, kind in types.items():
        if name not in table.columns:
            raise SettingsError(unknown("column", name, table.columns))
        if kind not in KINDS:
            raise SettingsError(unknown(f"kind for column '{name}':", kind, KINDS))
    return tuple(_column(table[name], types.get(name)) for name in table.columns if name != target)


def task_of(target: pl.Series, types: Mapping[str, str] | None = None) -> str:
    """ "regression" or "classes".

    Text and true/false are classes, and so are whole numbers of which there are but two. Other numbers are a
    regression. `types` may say otherwise: {"quality": "category"}.

    Raises: DataError with the row of the first text in a column that holds numbers nearly everywhere.
    """
    asked = (types or {}).get(target.name)
    if asked in ("category", "number"):
        return "classes" if asked == "category" else "regression"
    if target.dtype == pl.Boolean:
        return "classes"
    values = as_numbers(target).filter(present(target))
    if values.null_count() and is_text(target):
        _check_spoilt(target, f"the target '{shown(target.name)}'", "all are classes: --type COLUMN=category")
        return "classes"
    if values.null_count():
        return "regression"
    return "classes" if values.n_unique() == 2 and (values == values.round()).all() else "regression"


def _check_spoilt(series: pl.Series, name: str, otherwise: str) -> None:
    """Raises: DataError for what looks like numbers spoilt by a few texts, and would make a category of each number."""
    odd = as_numbers(series).is_null() & present(series)
    values = as_numbers(series).filter(present(series))
    if not 0 < values.null_count() <= len(values) / 10 or values.n_unique() <= MOST_NUMBERS:
        return
    row = odd.arg_true()[0]
    raise DataError(
        f"Row {row + 1} of {name} is '{shown(series[row])}', but {values.count():,} of "
        f"{len(values):,} rows hold numbers.\nCorrect it, or say that {otherwise}."
    )


def _column(series: pl.Series, asked: str | None) -> Column:
    missing = len(series) - int(present(series).sum()) if is_text(series) or series.null_count() else 0
    kind, why, distinct = _inferred(series, missing)
    if asked is None and is_text(series) and kind in ("category", "ignore") and distinct > MOST_NUMBERS:
        otherwise = "these are no numbers: --type COLUMN=category, or ignore"
        _check_spoilt(series, f"column '{shown(series.name)}'", otherwise)
    if kind == "number" and asked is None:
        numbers(series)  # they are, but one may be too large to compute with
    if asked is not None:
        checks = {"number": numbers, "date": days, "category": texts}
        if asked in checks:
            checks[asked](series)
        if asked == "category" and is_text(series):
            check_length(series)
        why = "as you said" if asked == kind else f"as you said; it would be {kind}: {why}"
        kind = asked
    return Column(series.name, kind, why, distinct, missing)


def _inferred(series: pl.Series, missing: int) -> tuple[str, str, int]:
    """Kind, why, and the number of distinct values."""
    dtype = series.dtype
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        return "ignore", f"{str(dtype).lower()} values are neither numbers nor text", 0
    known = series.filter(present(series)) if missing else series
    if is_text(series):
        known = texts(known)
        longest = known.str.len_chars().max()
        if isinstance(longest, int) and longest > LONGEST:
            return "ignore", f"texts of up to {longest:,} characters, no categories", known.n_unique()
    distinct = known.n_unique()
    if distinct == 0:
        return "ignore", "every value is missing", 0
    if distinct == 1:
        if missing:
            return "category", f"one value ('{shown(known[0])}') or missing", 1
        return "ignore", f"constant: every value is '{shown(known[0])}'", 1
    if dtype == pl.Boolean:
        return "number", "true or false, as 1 and 0: one feature says it all", distinct
    if dtype in (pl.Date, pl.Datetime):
        return "date", f"{'dates' if dtype == pl.Date else 'dates with times'}", distinct
    if is_text(series):
        return *_inferred_text(known, distinct), distinct
    if dtype.is_integer() and distinct == len(series) > 20 and LIKE_AN_ID.search(series.name):
        return "ignore", "an id by its name: a different whole number in every row", distinct
    if dtype in (pl.Time, pl.Duration):
        return "number", "times, in seconds", distinct
    return "number", f"{'whole ' if dtype.is_integer() else ''}numbers, {distinct:,} distinct", distinct


def _inferred_text(known: pl.Series, distinct: int) -> tuple[str, str]:
    parsed = as_numbers(known)
    if not parsed.null_count():
        return "number", f"numbers written as text, {distinct:,} distinct"
    if not as_days(known).null_count():
        return "date", "text that reads as dates"
    why = f"text with {distinct:,} distinct values"
    if distinct > max(2, len(known) / 2):
        return "ignore", f"{why} in {len(known):,} rows, like names or ids ('{shown(known[0])}')"
    if parsed.null_count() <= len(known) / 10:
        odd = known.filter(parsed.is_null())[0]
        why += f"; {len(known) - parsed.null_count():,} are numbers, but '{shown(odd)}' is not"
    return "category", why
