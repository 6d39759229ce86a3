"""Delimited text (CSV and its kin) as a table: all or a clear error."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import polars as pl

from fallline.data.bound import check_columns, check_text
from fallline.data.header import has_header, named
from fallline.data.records import check_even, rows, scan
from fallline.data.values import MISSING, tidy
from fallline.errors import DataError

SEPARATORS = ",;\t|"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
LOOKED_AT = 1 << 18  # bytes at the start that tell the separator and the header
FEWEST_LINES, MOST_ROWS = 20, 1_000  # of them, also where they are long or short


def read_delimited(data: bytes, name: str, *, header: bool | None, separator: str | None) -> pl.DataFrame:
    """The table in a delimited text.

    Args:
        name: of the file, for errors.
        header: whether the first row names the columns; None to find out.
        separator: None to find out.
    """
    data = _text(data, name)
    separator = separator or _separator(data)
    check_text(name, data, separator)
    records = scan(data, separator)
    check_columns(name, int(records.fields[np.argmax(~records.blank)]))
    read = check_even(data, separator, records, name)
    start = read[:MOST_ROWS] if read else _rows_at_the_start(data, separator, records.ends)
    header = has_header(start) if header is None else header
    names = named(start[0], name) if header else [f"column_{i + 1}" for i in range(len(start[0]))]
    if header and (len(read) == 1 if read else np.count_nonzero(~records.blank) == 1):
        raise DataError(f"'{name}' has a header, but no rows below it.\nAdd rows, or say that it has no header.")
    frame = None
    if read is None:
        first = int(np.argmax(~records.blank)) + 1 if header else 0  # record below the header
        body = data[records.ends[first - 1] + 1 :] if header else data
        frame = _parsed(body, separator, len(names), records.blank[first:])
    if frame is None:
        read = read or rows(data, separator, name)
        frame = pl.DataFrame(read[header:], schema=[(column, pl.String) for column in names], orient="row")
    frame.columns = names
    return pl.DataFrame([tidy(column, decimal_comma=separator != ",") for column in frame])


def _text(data: bytes, name: str) -> bytes:
    """UTF-8 with lines that end in a line feed, or an error."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise DataError(f"'{name}' is empty.\nName a file with at least one row.")
    if data[:2] in UTF16:
        raise DataError(f"'{name}' is UTF-16 text, not UTF-8.\nSave it as UTF-8 (in Excel: CSV UTF-8).")
    if b"\0" in data:
        if data[:64].count(b"\0") >= len(data[:64]) // 3:
            raise DataError(f"'{name}' is UTF-16 text without a mark, or no text.\nSave it as UTF-8.")
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
    if b"\r" in data and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    if data.count(b"\r") > data.count(b"\r\n"):  # within a line: readers differ on whether it ends there
        data = re.sub(rb"\r(?!\n)", b" ", data)
    return data.rstrip(b"\r\n") + b"\n"


def _separator(data: bytes) -> str:
    """The separator that comes up equally often in each of the first lines, and most often."""
    lines = data[:LOOKED_AT].decode(errors="ignore").replace("\r\n", "\n").split("\n")
    lines = [line for line in lines[: max(1, min(20, len(lines) - (len(data) > LOOKED_AT)))] if line.strip()]

    def score(separator: str) -> tuple[bool, int]:
        counts = [len(next(csv.reader([line], delimiter=separator), [])) - 1 for line in lines]
        return len(set(counts)) == 1 and counts[0] > 0, max(counts[:1], default=0)

    return max(SEPARATORS, key=score)


def _rows_at_the_start(data: bytes, separator: str, ends: np.ndarray) -> list[list[str]]:
    """The first records that are not blank, up to `MOST_ROWS`."""
    last = min(max(int(np.searchsorted(ends, LOOKED_AT)), FEWEST_LINES), 2_000, len(ends))
    text = data[: ends[last - 1]].decode()
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row][:MOST_ROWS]


def _parsed(body: bytes, separator: str, columns: int, blank: np.ndarray) -> pl.DataFrame | None:
    """The rows, by the fast reader; None where it stumbles over quote marks."""
    for looked_at in (10_000, None):  # rows that tell the types; all, where a later one breaks them
        try:
            frame = pl.read_csv(
                body,
                has_header=False,
                separator=separator,
                null_values=[token for token in MISSING if token],
                infer_schema_length=looked_at,
            )
        except pl.exceptions.PolarsError:
            continue
        if frame.shape != (len(blank), columns):
            return None
        # in a table of one column, a blank line is a missing value
        return frame.filter(pl.Series(~blank)) if columns > 1 and blank.any() else frame
    return None
