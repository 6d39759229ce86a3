"""Where the records of a delimited text begin and end, and whether all have as many fields.

Counted over the bytes at once, because readers fill short rows silently. A quoted field may hold separators and
line ends; where quotes are used in other ways, Python's csv module decides, slowly but exactly.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from fallline.data.bound import check_text
from fallline.errors import DataError

LINE_END, RETURN, QUOTE = 10, 13, 34
csv.field_size_limit(2**31 - 1)  # a field of 10 MB is odd, but it is one; without this csv stops at 128 kB


@dataclass(frozen=True)
class Records:
    """The records of a text, in order. A blank line is a record with one empty field."""

    ends: np.ndarray  # [records] the byte after each one's last
    fields: np.ndarray  # [records]
    blank: np.ndarray  # [records] bool


def scan(data: bytes, separator: str) -> Records:
    """The records of a text that is not empty."""
    text = np.frombuffer(data, np.uint8)
    line_end, between = text == LINE_END, text == ord(separator)
    if QUOTE in data:
        outside = np.cumsum(text == QUOTE, dtype=np.uint8) % 2 == 0
        line_end &= outside
        between &= outside
    ends = np.flatnonzero(line_end)
    if not line_end[-1]:
        ends = np.append(ends, len(text))
    starts = np.append(0, ends[:-1] + 1)
    upto = np.searchsorted(np.flatnonzero(between), ends)  # separators before each end
    fields = np.diff(upto, prepend=0) + 1
    length = ends - starts
    lone = (length == 1) & (text[np.minimum(starts, len(text) - 1)] == RETURN)
    return Records(ends, fields, (length == 0) | lone)


def check_even(data: bytes, separator: str, records: Records, name: str) -> list[list[str]] | None:
    """None when all records have as many fields; all rows where quote marks made that hard to tell.

    Raises: DataError with the line, the fields found and the fields expected, at the first ragged record.
    """
    filled = ~records.blank
    odd = filled & (records.fields != records.fields[filled][0])
    if data.count(b'"') % 2 or (odd.any() and QUOTE in data):
        return rows(data, separator, name)
    if not odd.any():
        return None
    line = int(np.argmax(odd)) + 1
    first = int(np.argmax(filled)) + 1
    return _ragged(name, line, int(records.fields[line - 1]), first, int(records.fields[first - 1]))


def rows(data: bytes, separator: str, name: str) -> list[list[str]]:
    """All records that are not blank, by Python's csv module. Raises DataError as `check_even` does."""
    check_text(name, data, separator, slowly=True)
    reader = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=separator, strict=True)
    found: list[list[str]] = []
    first = line = 1
    try:
        for row in reader:
            if row and not found:
                first = line
            elif row and len(row) != len(found[0]):
                _ragged(name, line, len(row), first, len(found[0]))
            if row:
                found.append(row)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"'{name}' can't be read from line {line} on: {error}.\nIs a double quote left open there?"
        ) from None
    return found


def _ragged(name: str, line: int, found: int, first: int, expected: int) -> NoReturn:
    raise DataError(
        f"Line {line} of '{name}' has {_fields(found)}, but line {first} has {expected}.\n"
        "Correct the line; put a text that holds the separator in double quotes."
    )


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
