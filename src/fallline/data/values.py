"""What one cell of a table can mean: missing, a number, a text, a moment in time.

Reading, inferring and preparing all ask here, so that a cell means the same to each of them.
"""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from fallline.errors import DataError

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")
"""What stands for a missing value, with or without white space around it."""

DATE = r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}"
DAY_FORMATS = ("%Y-%m-%d", "%Y/%m/%d")
MOMENT_FORMATS = tuple(
    f"{day}{between}{time}"
    for day in DAY_FORMATS
    for between in (" ", "T")
    for time in ("%H:%M:%S%.f", "%H:%M", "%H:%M:%S%.f%#z")
)
YEARS = (-719_162, 2_932_897)  # days since 1970: the start of year 1 and the end of year 9999
DAY = 86_400e6  # microseconds
TEXT = (pl.String, pl.Categorical, pl.Enum)
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # line ends among them
LONGEST = 1_000  # characters of a category
LARGEST = 1e150  # a number whose square is still one


def shown(value: object) -> str:
    """A cell as an error quotes it: on one line, and cut after 40 characters."""
    text = " ".join(CONTROL.sub(" ", str(value)[:1_000]).split())
    return text if len(text) <= 40 else f"{text[:39]}…"


def is_text(series: pl.Series) -> bool:
    """Whether the cells are text (categories of a data frame are)."""
    return series.dtype in TEXT


def tidy(series: pl.Series, *, decimal_comma: bool = False) -> pl.Series:
    """A column as it was meant: white space stripped, missing values null, numbers and true/false recognised.

    Raises: DataError for an infinite number, or a date far out.
    """
    if series.dtype.is_float():
        check_finite(series)
        return _without_nan(series)
    if series.dtype in (pl.Date, pl.Datetime):
        _check_years(series)
    if not is_text(series):
        return series
    series = stripped(series)
    booleans = series.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None)
    if series.null_count() < len(series) and booleans.null_count() == series.null_count():
        return booleans
    for text in (series, series.str.replace(",", ".", literal=True)) if decimal_comma else (series,):
        parsed = text.cast(pl.Float64, strict=False)
        if series.null_count() < len(series) and parsed.null_count() == series.null_count():
            check_finite(parsed)
            whole = text.cast(pl.Int64, strict=False)
            return whole if whole.null_count() == series.null_count() else parsed
    return series


def stripped(series: pl.Series) -> pl.Series:
    """Text without the white space around it, null where it stands for a missing value."""
    series = series.cast(pl.String).str.strip_chars()
    return series.set(series.is_in(MISSING), None)


def present(series: pl.Series) -> pl.Series:
    """True where a cell holds a value: not null, not NaN, no text that stands for a missing value."""
    if series.dtype.is_float():
        return pl.Series(series.name, ~np.isnan(series.to_numpy()))
    return (stripped(series) if is_text(series) else series).is_not_null()


def _without_nan(series: pl.Series) -> pl.Series:
    """Floats with NaN made null."""
    return series if np.isnan(series.to_numpy()).sum() == series.null_count() else series.fill_nan(None)


def check_finite(series: pl.Series) -> None:
    """Raises: DataError with the row (counted from 1) and the column of the first infinite number."""
    infinite = np.isinf(series.to_numpy())  # not by Polars: beside a wide table's many columns its calls are slow
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"Row {row + 1} of column '{shown(series.name)}' is an infinite number ({series[row]}).\n"
            "Correct it, or leave the cell empty if the value is not known."
        )


def _check_years(series: pl.Series) -> None:
    """Raises: DataError with the row of the first moment outside of the years that dates can be shown in."""
    odd = ~as_days(series).is_between(*YEARS).fill_null(True)
    if odd.any():
        row = odd.arg_true()[0]
        raise DataError(
            f"Row {row + 1} of column '{shown(series.name)}' is a date outside of the years 1 to 9999.\n"
            "Correct it, or leave the cell empty if the date is not known."
        )


def check_size(series: pl.Series) -> None:
    """Raises: DataError with the row and the column of the first number that is too large to compute with."""
    large = np.abs(series.to_numpy()) > LARGEST
    if large.any():
        row = int(np.argmax(large))
        raise DataError(
            f"Row {row + 1} of column '{shown(series.name)}' is {series[row]:g}, too large a number: "
            f"its square is past {LARGEST**2:g}.\n"
            "Correct it, leave the cell empty if the value is not known, or measure in a larger unit."
        )


def as_numbers(series: pl.Series) -> pl.Series:
    """The cells as float64; null where one is missing or is no number."""
    kind = series.dtype
    if kind.is_float():
        return _without_nan(series.cast(pl.Float64))
    if is_text(series):
        return stripped(series).cast(pl.Float64, strict=False).fill_nan(None)
    if kind == pl.Duration:
        return series.dt.total_microseconds() / 1e6  # seconds
    if kind == pl.Time:
        return series.cast(pl.Int64) / 1e9  # seconds after midnight
    if kind.is_numeric() or kind in (pl.Boolean, pl.Null):
        return series.cast(pl.Float64)
    return pl.Series(series.name, [None] * len(series), dtype=pl.Float64)


def numbers(series: pl.Series) -> pl.Series:
    """The cells as float64, null where one is missing.

    Raises: DataError with the row and the column of the first cell that is no number, is infinite or too large.
    """
    parsed = as_numbers(series)
    if not (series.dtype.is_numeric() or series.dtype == pl.Boolean):
        _check_all(series, parsed, "a number", "Correct it, or make the column a category.")
    check_finite(parsed)
    check_size(parsed)
    return parsed


def texts(series: pl.Series) -> pl.Series:
    """The cells as text, null where one is missing. A whole number reads the same with and without ".0"."""
    if series.dtype.is_float():
        return series.fill_nan(None).cast(pl.String).str.replace(r"\.0$", "")
    if is_text(series):
        return stripped(series)
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        raise DataError(
            f"Column '{shown(series.name)}' holds {str(series.dtype).lower()} values.\nLeave it out, or make it text."
        )
    return series.cast(pl.String)


def as_days(series: pl.Series) -> pl.Series:
    """The cells as float64 days since 1970-01-01 (UTC); null where one is missing or is no date.

    Text is read as ISO 8601: 2026-03-01, 2026/03/01, 2026-03-01 08:30, 2026-03-01T08:30:00Z.
    """
    if is_text(series):
        series = stripped(series)
        parsed = pl.Series(series.name, [None] * len(series), dtype=pl.Float64)
        if not (series.str.contains(DATE).fill_null(False)).any():
            return parsed
        for form in (*DAY_FORMATS, *MOMENT_FORMATS):
            read = series.str.to_date if form in DAY_FORMATS else series.str.to_datetime
            parsed = parsed.zip_with(parsed.is_not_null(), as_days(read(form, strict=False)))
            if parsed.null_count() == series.null_count():
                break
        return parsed
    if series.dtype == pl.Date:
        return series.cast(pl.Int32).cast(pl.Float64)
    if series.dtype == pl.Datetime:
        unit = getattr(series.dtype, "time_unit", "us")
        return series.cast(pl.Int64) / (DAY * {"ms": 1e-3, "us": 1.0, "ns": 1e3}[unit])
    return pl.Series(series.name, [None] * len(series), dtype=pl.Float64)


def check_length(series: pl.Series) -> None:
    """Raises: DataError with the row and the column of the first text that is too long for a category."""
    long = (series.cast(pl.String).str.len_chars() > LONGEST).fill_null(False)
    if long.any():
        row = long.arg_true()[0]
        raise DataError(
            f"Row {row + 1} of column '{shown(series.name)}' is a text of {len(str(series[row])):,} characters "
            f"('{shown(series[row])}'), but a category has at most {LONGEST:,}.\nShorten it, or leave the column out."
        )


def days(series: pl.Series) -> pl.Series:
    """The cells as float64 days since 1970-01-01, null where one is missing.

    Raises: DataError with the row and the column of the first cell that is no date.
    """
    parsed = as_days(series)
    _check_all(series, parsed, "a date", "Write dates as 2026-03-01 or 2026-03-01T08:30:00.")
    return parsed


def _check_all(series: pl.Series, parsed: pl.Series, what: str, to_do: str) -> None:
    bad = parsed.is_null() & present(series)
    if bad.any():
        row = bad.arg_true()[0]
        raise DataError(
            f"Row {row + 1} of column '{shown(series.name)}' is '{shown(series[row])}', which is not {what}.\n{to_do}"
        )
