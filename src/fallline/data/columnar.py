"""Parquet and Arrow files as a table: checked by their own account of their size before anything is unpacked.

pyarrow reads them, since it holds its ground against damaged files, where other readers abort.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from fallline.data.arrow import CELL, blocks, unpacked
from fallline.data.bound import check_columns, check_size
from fallline.data.header import check_unique, plain_name
from fallline.errors import DataError


def read_columnar(data: bytes, kind: str, name: str) -> pl.DataFrame:
    """The table in a Parquet ("parquet") or Arrow ("arrow") file. Raises DataError.

    Nobody learns from lists and the like, and one cell may hold millions: those of a Parquet file become empty lists.
    """
    return _frame(lambda: _parquet(data, name, nested=False) if kind == "parquet" else _arrow(data, name), name)[0]


def read_noted(data: bytes, name: str, key: str) -> tuple[pl.DataFrame, str | None]:
    """A Parquet file as a frame, and what it notes under a key of its own; None without it. Raises DataError."""
    frame, notes = _frame(lambda: _parquet(data, name, nested=True), name)
    noted = notes.get(key.encode())
    return frame, None if noted is None else noted.decode(errors="replace")


def _frame(read: Callable[[], Any], name: str) -> tuple[pl.DataFrame, dict[bytes, bytes]]:
    try:
        table = read()
        table.validate(full=True)
        check_columns(name, table.num_columns)
        names = [plain_name(column, place) for place, column in enumerate(table.column_names)]
    except DataError:
        raise
    except Exception as error:  # whatever a reader says of bytes that are none of its format
        raise _damaged(name, error) from None
    check_unique(names, f"'{name}'")
    columns = [_column(table.column(place), names[place], name) for place in range(len(names))]
    return pl.DataFrame(columns), table.schema.metadata or {}


def _parquet(data: bytes, name: str, *, nested: bool) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(pa.BufferReader(data), page_checksum_verification=True) as file:
        about, fields = file.metadata, file.schema_arrow
        check_columns(name, len(fields))
        check_unique(fields.names, f"'{name}'")
        # a column's own metadata is not asked: pyarrow ends the process over some damaged ones
        packed = sum(max(about.row_group(i).total_byte_size, 0) for i in range(about.num_row_groups))
        check_size(name, CELL * max(about.num_rows, 0) * len(fields) + packed)
        flat = [field.name for field in fields if not pa.types.is_nested(field.type)]
        if nested or len(flat) == len(fields):
            return file.read()
        found = file.read(columns=flat)
        empty = pa.array([[]] * about.num_rows, pa.list_(pa.null()))
        return pa.table([found[each] if each in set(flat) else empty for each in fields.names], names=fields.names)


def _arrow(data: bytes, name: str) -> Any:
    import pyarrow as pa

    is_file = data.startswith(b"ARROW1")
    check_size(name, sum(map(unpacked, blocks(data) if is_file else pa.ipc.MessageReader.open_stream(data))))
    opened = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(pa.BufferReader(data))
    return opened.read_all()


def _column(column: Any, title: str, name: str) -> pl.Series:
    try:
        found = pl.from_arrow(column)
    except (Exception, pl.exceptions.PanicException):
        kind = str(column.type)[:60]
        raise DataError(
            f"Column '{title}' of '{name}' holds {kind} values, which can't be read.\nLeave it out, or make it text."
        ) from None
    return (found if isinstance(found, pl.Series) else found.to_series()).rename(title)


def _damaged(name: str, error: BaseException) -> DataError:
    reason = " ".join(str(error).split())[:160].rstrip(".") or type(error).__name__
    return DataError(f"'{name}' is damaged or cut short: {reason}.\nWrite or download it again.")
