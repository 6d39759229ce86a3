"""Delimited text (CSV and its kin) as a table: all or a clear error."""

from __future__ import annotations

import csv
import io
import re
from typing import NamedTuple

import numpy as np
import polars as pl

from fallline.data.bound import check_columns, check_text
from fallline.data.header import has_header, named
from fallline.data.records import At, Records, check_even, rows, scan
from fallline.data.values import MISSING, tidy
from fallline.errors import DataError

BOM = b"\xef\xbb\xbf"
SEPARATORS = ",;\t|"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
LOOKED_AT = 1 << 18  # bytes at the start that tell the separator and the header
FEWEST_LINES, MOST_ROWS = 20, 1_000  # of them, also where they are long or short


class Head(NamedTuple):
    """What the start of a text tells of all of it."""

    names: list[str]
    separator: str
    at: At  # where the next piece begins


def read_delimited(data: bytes, name: str, *, header: bool | None, separator: str | None) -> pl.DataFrame:
    """The table in a delimited text.

    Args:
        name: of the file, for errors.
        header: whether the first row names the columns; None to find out.
        separator: None to find out.
    """
    frame, head = read_start(data.removeprefix(BOM), name, header=header, separator=separator, typed=True)
    check_rows(len(frame), name)
    return pl.DataFrame([tidy(column, decimal_comma=head.separator != ",") for column in frame])


def check_rows(count: int, name: str) -> None:
    """Raises: DataError for a text of no rows."""
    if not count:
        raise DataError(f"'{name}' has a header, but no rows below it.\nAdd rows, or say that it has no header.")


def read_start(
    data: bytes, name: str, *, header: bool | None, separator: str | None, typed: bool = False
) -> tuple[pl.DataFrame, Head]:
    """The rows of a text, or of its first piece, and what that tells of all other pieces.

    Args:
        typed: whether cells that are numbers may be read as such at once; else all are text.
    """
    size, lines = len(data), data.count(b"\n")
    data = checked(data, name, At())
    separator = separator or separator_of(data)
    check_text(name, data, separator)
    records = scan(data, separator)
    check_columns(name, int(records.fields[np.argmax(~records.blank)]))
    read = check_even(data, separator, records, name, At())
    start = read[:MOST_ROWS] if read else _rows_at_the_start(data, separator, records.ends)
    header = has_header(start) if header is None else header
    names = named(start[0], name) if header else [f"column_{i + 1}" for i in range(len(start[0]))]
    first, at = int(np.argmax(~records.blank)), At()
    if read is None and header:
        below = int(records.ends[first]) + 1
        at = At(1 + data.count(b"\n", 0, below), below, first + 1, len(names))
        data = data[below:]
        records = Records(records.ends, records.fields, records.blank[first + 1 :])
    frame = _frame(data, name, Head(names, separator, at), records, read[header:] if read else None, typed)
    return frame, Head(names, separator, At(lines + 1, size, first + 1, len(names)))


def read_on(data: bytes, name: str, head: Head) -> pl.DataFrame:
    """The rows, as text, of a later piece of a text, which begins at `head.at`."""
    data = checked(data, name, head.at)
    check_text(name, data, head.separator)
    records = scan(data, head.separator)
    read = check_even(data, head.separator, records, name, head.at)
    if read is None and data.startswith(BOM):  # which the fast reader would drop, but here is a part of a cell
        read = rows(data, head.separator, name, head.at)
    return _frame(data, name, head, records, read, typed=False)


def _frame(
    data: bytes, name: str, head: Head, records: Records, read: list[list[str]] | None, typed: bool
) -> pl.DataFrame:
    """The rows below the header; `read` has them where quote marks made it necessary."""
    frame = _parsed(data, head.separator, len(head.names), records.blank, typed) if read is None else None
    if frame is None:
        read = rows(data, head.separator, name, head.at) if read is None else read
        frame = pl.DataFrame(read, schema=[(column, pl.String) for column in head.names], orient="row")
    frame.columns = head.names
    return frame


def checked(data: bytes, name: str, at: At) -> bytes:
    """UTF-8 with lines that end in a line feed, or an error."""
    if not data.strip() and not at.fields:
        raise DataError(f"'{name}' is empty.\nName a file with at least one row.")
    if data[:2] in UTF16:
        raise DataError(f"'{name}' is UTF-16 text, not UTF-8.\nSave it as UTF-8 (in Excel: CSV UTF-8).")
    if b"\0" in data:
        if not at.fields and data[:64].count(b"\0") >= len(data[:64]) // 3:
            raise DataError(f"'{name}' is UTF-16 text without a mark, or no text.\nSave it as UTF-8.")
        raise DataError(
            f"'{name}' is no text: byte {at.byte + data.index(0) + 1:,} is zero, as in a binary file.\n"
            "Name a CSV file, or give the file the ending of what it is (.parquet, .arrow)."
        )
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            place = error.start
            line, byte = at.line + data.count(b"\n", 0, place), at.byte + place + 1
            raise DataError(
                f"'{name}' is not UTF-8: line {line}, byte {byte:,} is 0x{data[place]:02x}.\n"
                f"Save it as UTF-8, or convert it: iconv -f LATIN1 -t UTF-8 {name}"
            ) from None
    if b"\r" in data and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    if data.count(b"\r") > data.count(b"\r\n"):  # within a line: readers differ on whether it ends there
        data = re.sub(rb"\r(?!\n)", b" ", data)
    return data.rstrip(b"\r\n") + b"\n"


def separator_of(data: bytes) -> str:
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


def _parsed(body: bytes, separator: str, columns: int, blank: np.ndarray, typed: bool) -> pl.DataFrame | None:
    """The rows, by the fast reader; None where it stumbles over quote marks."""
    for looked_at in (10_000, None) if typed else (0,):  # rows that tell the types; all, where a later one breaks them
        try:
            frame = pl.read_csv(
                body,
                has_header=False,
                separator=separator,
                null_values=[token for token in MISSING if token],
                infer_schema_length=looked_at,
                infer_schema=typed,
            )
        except pl.exceptions.PolarsError:
            continue
        if frame.shape != (len(blank), columns):
            return None
        # in a table of one column, a blank line is a missing value
        return frame.filter(pl.Series(~blank)) if columns > 1 and blank.any() else frame
    return None
