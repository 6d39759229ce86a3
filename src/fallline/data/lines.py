"""JSON lines as a table: one object a line, its keys the columns."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import polars as pl

from fallline.data.bound import check_columns, check_text
from fallline.errors import DataError

BOM = b"\xef\xbb\xbf"
EXAMPLE = 'Write one object a line, like {"age": 39, "city": "Bern"}.'


def read_json_lines(data: bytes, name: str, *, first: int = 1, texts: Collection[str] = ()) -> pl.DataFrame:
    """The table in JSON lines; a key that a line lacks is a missing value there.

    Args:
        first: the number of the first line, where this is a piece of a file.
        texts: keys whose values become text, whatever they are.

    Raises: DataError with the line that is no JSON object.
    """
    check_text(name, data, ":")
    marked = first > 1 and data.startswith(BOM)  # the mark is dropped at the start of a file alone
    try:
        if marked:
            raise pl.exceptions.ComputeError
        return pl.read_ndjson(data, infer_schema_length=None, schema_overrides=dict.fromkeys(texts, pl.String))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pass  # what is wrong, and in which line, is found line by line
    check_text(name, data, ":", slowly=True)
    rows = []
    for number, line in enumerate(data.removeprefix(b"" if marked else BOM).split(b"\n"), start=first):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except UnicodeDecodeError:
            raise DataError(f"Line {number} of '{name}' is not UTF-8.\nSave the file as UTF-8.") from None
        except json.JSONDecodeError as error:
            raise DataError(
                f"Line {number} of '{name}' is no JSON: {error.msg} at character {error.pos + 1}.\n{EXAMPLE}"
            ) from None
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, or brackets in brackets
            said = "it is nested too deep" if isinstance(error, RecursionError) else "a number has too many digits"
            raise DataError(f"Line {number} of '{name}' can't be read: {said}.\n{EXAMPLE}") from None
        if not isinstance(row, dict):
            raise DataError(f"Line {number} of '{name}' is no JSON object.\n{EXAMPLE}")
        rows.append(row)
    if not rows:
        raise DataError(f"'{name}' is empty.\nName a file with at least one row.")
    keys = dict.fromkeys(key for row in rows for key in row)
    check_columns(name, len(keys))
    return pl.DataFrame([_column(rows, key, texts) for key in keys])


def _column(rows: list[dict[str, Any]], key: str, texts: Collection[str]) -> pl.Series:
    """One key of all rows; where its values are of different kinds, each becomes text, as JSON writes it."""
    values = [row.get(key) for row in rows]
    try:
        if _text(key) in texts:
            raise TypeError
        return pl.Series(_text(key), values)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(_text(key), [_as_text(value) for value in values], dtype=pl.String)


def _as_text(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)  # as the fast reader writes it
    return None if value is None else _text(value if isinstance(value, str) else json.dumps(value))


def _text(text: str) -> str:
    """Half of a surrogate pair, which JSON can write but no text can hold, becomes a question mark."""
    return text.encode(errors="replace").decode()
