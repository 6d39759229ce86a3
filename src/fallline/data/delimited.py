"""Delimited text (CSV and its kin) as a table: all or a clear error."""

from __future__ import annotations

import csv
import io

import numpy as np
import polars as pl

from fallline.data.header import has_header, named
from fallline.data.records import check_even, rows, scan
from fallline.data.values import MISSING, tidy
from fallline.errors import DataError

SEPARATORS = ",;\t|"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
LOOKED_AT = 1 << 18  # bytes at the start that tell the separator and the header


def read_delimited(data: bytes, name: str, *, header: bool | None, separator: str | None) -> pl.DataFrame:
    """The table in a delimited text.

    Args:
        name: of the file, for errors.
        header: whether the first row names the columns; None to find out.
        separator: None to find out.
    """
    data = _text(data, name)
    separator = separator or _separator(data)
    records = scan(data, separator)
    check_even(data, separator, records, name)
    start = _rows_at_the_start(data, separator, records.ends)
    header = has_header(start) if header is None else header
    filled = (~records.blank).nonzero()[0]
    if header and len(filled) == 1:
        raise DataError(f"'{name}' has a header, but no rows below it.\nAdd rows, or say that it has no header.")
    names = named(start[0], name) if header else [f"column_{i + 1}" for i in range(len(start[0]))]
    body = data[records.ends[filled[0]] + 1 :] if header else data
    blank = records.blank[filled[0] + 1 :] if header else records.blank
    frame = _parsed(body, separator, len(names))
    if frame is None or len(frame) < len(blank) - blank[::-1].argmin():
        frame = pl.DataFrame(rows(data, separator, name)[header:], schema=[(n, pl.String) for n in names], orient="row")
    elif len(names) > 1:  # in a table of one column, a blank line is a missing value
        blank = blank[: len(frame)]
        frame = frame.filter(pl.Series(~blank)) if blank.any() else frame
    frame.columns = names
    return frame.select(tidy(column, decimal_comma=separator != ",") for column in frame)


def _text(data: bytes, name: str) -> bytes:
    """UTF-8 with lines that end in a line feed, or an error."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise DataError(f"'{name}' is empty.\nName a file with at least one row.")
    if data[:2] in UTF16:
        raise DataError(f"'{name}' is UTF-16 text, not UTF-8.\nSave it as UTF-8 (in Excel: CSV UTF-8).")
    if b"\0" in data:
        raise DataError(
            f"'{name}' is no text: byte {data.index(0) + 1:,} is zero, as in a binary file.\n"
            "Name a CSV file, or give the file the ending of what it is (.parquet, .arrow)."
        )
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise DataError(
                f"'{name}' is not UTF-8: line {line}, byte {error.start + 1:,} is 0x{data[error.start]:02x}.\n"
                f"Save it as UTF-8, or convert it: iconv -f LATIN1 -t UTF-8 {name}"
            ) from None
    return data.replace(b"\r", b"\n") if b"\r" in data and b"\n" not in data else data


def _separator(data: bytes) -> str:
    """The separator that comes up equally often in each of the first lines, and most often."""
    lines = data[:LOOKED_AT].decode(errors="ignore").splitlines()
    lines = [line for line in lines[: max(1, min(20, len(lines) - (len(data) > LOOKED_AT)))] if line.strip()]

    def score(separator: str) -> tuple[bool, int]:
        counts = [len(next(csv.reader([line], delimiter=separator), [])) - 1 for line in lines]
        return len(set(counts)) == 1 and counts[0] > 0, counts[0]

    return max(SEPARATORS, key=score)


def _rows_at_the_start(data: bytes, separator: str, ends: np.ndarray) -> list[list[str]]:
    """The first records that are not blank, up to 1,000."""
    last = max(int(np.searchsorted(ends, LOOKED_AT)), 1)
    text = data[: ends[min(last, 2_000) - 1]].decode()
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row][:1_000]


def _parsed(body: bytes, separator: str, columns: int) -> pl.DataFrame | None:
    """The rows, by the fast reader; None where it stumbles over quote marks."""
    try:
        frame = pl.read_csv(
            body,
            has_header=False,
            separator=separator,
            null_values=[token for token in MISSING if token],
            infer_schema_length=None,
        )
    except pl.exceptions.PolarsError:
        return None
    return frame if frame.width == columns else None
