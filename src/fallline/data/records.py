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
SLOW = 2**20  # bytes that Python's csv module is given at a time
csv.field_size_limit(2**31 - 1)  # a field of 10 MB is odd, but it is one; without this csv stops at 128 kB


@dataclass(frozen=True)
class Records:
    """The records of a text, in order. A blank line is a record with one empty field."""

    ends: np.ndarray  # [records] the byte after each one's last
    fields: np.ndarray  # [records]
    blank: np.ndarray  # [records] bool


@dataclass(frozen=True)
class At:
    """Where in its file a text begins that may be a piece of it, and what the first record of the file was like."""

    line: int = 1  # of the text's first line
    byte: int = 0  # before it
    first: int = 0  # line of the file's first record that is not blank; 0 where it is in this text
    fields: int = 0  # that it has


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


def check_even(data: bytes, separator: str, records: Records, name: str, at: At) -> list[list[str]] | None:
    """None when all records have as many fields; all rows where quote marks made that hard to tell.

    Raises: DataError with the line, the fields found and the fields expected, at the first ragged record.
    """
    filled = ~records.blank
    first = int(np.argmax(filled))
    fields = at.fields or int(records.fields[first])
    odd = filled & (records.fields != fields)
    if data.count(b'"') % 2 or (odd.any() and QUOTE in data):
        return rows(data, separator, name, at)
    if not odd.any():
        return None
    place = int(np.argmax(odd))
    return _ragged(name, at.line + place, int(records.fields[place]), at.first or at.line + first, fields)


def rows(data: bytes, separator: str, name: str, at: At) -> list[list[str]]:
    """All records that are not blank, by Python's csv module. Raises DataError as `check_even` does."""
    check_text(name, data, separator, slowly=True)
    reader = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=separator, strict=True)
    found: list[list[str]] = []
    first, fields, line = at.first, at.fields, at.line
    try:
        for row in reader:
            first, fields = (first, fields) if fields or not row else (line, len(row))
            if row and len(row) != fields:
                _ragged(name, line, len(row), first, fields)
            if row:
                found.append(row)
            line = at.line + reader.line_num
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


def upto_last(data: bytes, separator: str) -> int:
    """How many bytes of a text, which may break off anywhere, hold whole records; 0 where none ends in it."""
    lines = data.rfind(b"\n") + 1
    if QUOTE not in data:
        return lines
    text = np.frombuffer(data, np.uint8)[:lines]
    ends = np.flatnonzero((text == LINE_END) & (np.cumsum(text == QUOTE, dtype=np.uint8) % 2 == 0))
    whole = int(ends[-1]) + 1 if len(ends) else 0
    if whole and _only_around(text[:whole], separator):
        return whole
    slowly = data[:lines] if lines <= SLOW else data[: data.rfind(b"\n", 0, SLOW) + 1 or lines]
    return _upto_last_slowly(slowly, separator)


def _only_around(text: np.ndarray, separator: str) -> bool:
    """Whether quote marks stand around fields only, or twice, so that every second one ends a quoted text."""
    quotes = np.flatnonzero(text == QUOTE)
    allowed = [ord(separator), LINE_END, QUOTE]
    opening, closing = quotes[::2], quotes[1::2]
    before, after = text[opening[opening > 0] - 1], text[closing + 1]  # a line end is the last of the text
    return bool(np.isin(before, allowed).all() and np.isin(after, [*allowed, RETURN]).all())


def _upto_last_slowly(data: bytes, separator: str) -> int:
    lines = list(io.BytesIO(data))
    reader = csv.reader((line.decode(errors="replace") for line in lines), delimiter=separator, strict=True)
    count = 0
    try:
        for _ in reader:
            count = reader.line_num
    except csv.Error as error:
        if "unexpected end" not in str(error):  # told by whoever reads the rows
            return len(data)
    return sum(map(len, lines[:count]))
