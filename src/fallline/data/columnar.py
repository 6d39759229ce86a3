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
    """The table in a Parquet ("parquet") or Arrow ("arrow") file; lists in Parquet are empty. Raises DataError."""
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
        raise damaged(name, error) from None
    check_unique(names, f"'{name}'")
    return frame_of_arrow(table, names, name), table.schema.metadata or {}


def frame_of_arrow(table: Any, names: list[str], file: str) -> pl.DataFrame:
    """A frame of Arrow's columns under some names. Raises DataError with the column that can't be read."""
    return pl.DataFrame({name: _column(table.column(place), name, file) for place, name in enumerate(names)})


def flat(schema: Any) -> list[str]:
    """The columns that are no lists and the like: nobody learns from those, and one cell may hold millions."""
    import pyarrow as pa

    return [field.name for field in schema if not pa.types.is_nested(field.type)]


def with_empty_lists(table: Any, names: list[str]) -> Any:
    """A table or batch of the columns with these names, where those that it lacks are empty lists."""
    import pyarrow as pa

    there, empty = set(table.schema.names), pa.array([[]] * table.num_rows, pa.list_(pa.null()))
    return pa.table([table.column(each) if each in there else empty for each in names], names=names)


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
        if nested or len(flat(fields)) == len(fields):
            return file.read()
        return with_empty_lists(file.read(columns=flat(fields)), fields.names)


def _arrow(data: bytes, name: str) -> Any:
    import pyarrow as pa

    is_file = data.startswith(b"ARROW1")
    check_size(name, sum(map(unpacked, blocks(data) if is_file else pa.ipc.MessageReader.open_stream(data))))
    opened = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(pa.BufferReader(data))
    return opened.read_all()


def _column(column: Any, title: str, name: str) -> pl.Series:
    try:
        if str(column.type).startswith("decimal256"):
            raise TypeError  # Polars would write its panic to standard error as well
        found = pl.from_arrow(column)
    except (Exception, pl.exceptions.PanicException):
        kind = str(column.type)[:60]
        raise DataError(
            f"Column '{title}' of '{name}' holds {kind} values, which can't be read.\nLeave it out, or make it text."
        ) from None
    return (found if isinstance(found, pl.Series) else found.to_series()).rename(title)


def damaged(name: str, error: BaseException) -> DataError:
    """The error for a file that a reader stumbled over."""
    reason = " ".join(str(error).split())[:160].rstrip(".") or type(error).__name__
    return DataError(f"'{name}' is damaged or cut short: {reason}.\nWrite or download it again.")
