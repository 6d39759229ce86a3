"""JSON lines as a table: one object a line, its keys the columns."""

from __future__ import annotations

import json

import polars as pl

from fallline.errors import DataError


def read_json_lines(data: bytes, name: str) -> pl.DataFrame:
    """The table in JSON lines; a key that a line lacks is a missing value there.

    Raises: DataError with the line that is no JSON object.
    """
    try:
        return pl.read_ndjson(data, infer_schema_length=None)
    except pl.exceptions.PolarsError:
        pass  # what is wrong, and in which line, is found line by line
    rows = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except UnicodeDecodeError:
            raise DataError(f"Line {number} of '{name}' is not UTF-8.\nSave the file as UTF-8.") from None
        except json.JSONDecodeError as error:
            raise DataError(
                f"Line {number} of '{name}' is no JSON: {error.msg} at character {error.pos + 1}.\n"
                'Write one object a line, like {"age": 39, "city": "Bern"}.'
            ) from None
        if not isinstance(row, dict):
            raise DataError(
                f"Line {number} of '{name}' is no JSON object.\n"
                'Write one object a line, like {"age": 39, "city": "Bern"}.'
            )
        rows.append(row)
    if not rows:
        raise DataError(f"'{name}' is empty.\nName a file with at least one row.")
    return pl.DataFrame(rows, infer_schema_length=None, strict=False)
