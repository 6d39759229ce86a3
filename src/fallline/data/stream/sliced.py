"""A Parquet file too wide to be read with all of its columns at once: some columns at a time, laid side by side again.

Parquet keeps each column of a group of rows together, and its reader holds a page of each, packed and unpacked. Where
that is more than the memory allowed, each slice of columns is written once as Arrow batches of few rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from fallline.data.columnar import flat

PAGE = 2**21  # bytes of a column that the reader holds, packed and unpacked, about
FILES = 256  # at most, of slices


def file_of(path: Path, columns: int) -> Any:
    """A Parquet file of so many columns, opened to be read a chunk at a time; pages are checked."""
    # buffered ahead, pyarrow would keep all of the file until it is closed
    buffer = min(2**16, max(2**12, 2**26 // max(columns, 1)))
    return parquet.ParquetFile(path, pre_buffer=False, buffer_size=buffer, page_checksum_verification=True)


def held(path: Path) -> int:
    """Bytes that reading all columns at once holds, at most, about."""
    with parquet.ParquetFile(path) as file:
        about = file.metadata
        groups = [max(about.row_group(i).total_byte_size, 0) for i in range(about.num_row_groups)]
        return min(2 * max(groups, default=0), PAGE * about.num_columns)


def sliced(path: Path, to: Path, rows: int, room: int) -> list[Path]:
    """The slices of a file, written beside `to`: batches of so many rows, of as many columns as there is room for."""
    with parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
    columns = flat(schema)
    width = max(1, room // PAGE, -(-len(columns) // FILES))
    written = []
    for first in range(0, len(columns), width):
        chosen = columns[first : first + width]
        written.append(to.with_name(f"{to.name}-{first:06d}"))
        fields = pa.schema([schema.field(name) for name in chosen])
        with file_of(path, len(chosen)) as file, pa.ipc.new_stream(str(written[-1]), fields) as writer:
            for batch in file.iter_batches(batch_size=rows, columns=chosen):
                writer.write_batch(batch.select(chosen))
    return written


def side_by_side(slices: Sequence[Path]) -> Iterator[Any]:
    """The batches of a file from its slices."""
    with ExitStack() as stack:
        readers = [iter(pa.ipc.open_stream(stack.enter_context(pa.OSFile(str(path), "rb")))) for path in slices]
        heads: list[Any] = [next(reader) for reader in readers]
        while all(
            head is not None for head in heads
        ):  # where the reader of Parquet ends its batches differs from column to column
            rows = min(map(len, heads))
            columns = {name: head.column(name)[:rows] for head in heads for name in head.schema.names}
            yield pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
            heads = [head[rows:] if len(head) > rows else next(r, None) for head, r in zip(heads, readers, strict=True)]
        if any(head is not None for head in heads):
            raise ValueError("its columns differ in length")
