"""Text and JSON lines become Parquet once, piece by piece, so that every later pass over their rows is fast.

Each piece is read, and what is wrong with it is told, by the reader of such a file in memory. Text stays text: what a
column means is found out later, as it is for a table in memory.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from pyarrow import parquet

from fallline.data.bound import check_columns, size
from fallline.data.content import check_content, opened, unreadable
from fallline.data.stream.chunks import Part, Source, rows_of
from fallline.data.stream.sliced import held, sliced
from fallline.data.stream.sources import common, other_columns
from fallline.data.stream.texts import delimited_pieces, json_pieces
from fallline.data.values import stripped
from fallline.errors import DataError, StorageError

SMALLEST, LARGEST = 2**18, 2**23  # bytes of a piece of text
LEAST_ROOM = 2**26  # bytes that reading all columns of a Parquet file may hold


def source_of(files: list[Path], folder: Path, *, header: bool | None, bound: int) -> Source:
    """The files of a table, read a chunk at a time within so many bytes of memory; `folder` holds what is converted.

    Raises: DataError for a format that can't be streamed, for whatever a reader in memory refuses, and for files that
        don't fit together; StorageError where the disk is full.
    """
    for path in files:
        try:
            with opened(path) as file:
                kind = check_content(file.read(64), path)
        except OSError as error:
            raise unreadable(path, error) from None
    if kind == "parquet":
        return _narrow(Source([Part(path, path.name) for path in files]), folder, max(bound // 8, LEAST_ROOM))
    if kind not in ("text", "json lines"):
        raise DataError(
            f"'{files[0].name}' does not fit into the memory allowed, and can't be read piece by piece.\n"
            "Save it as Parquet, or allow more with --memory."
        )
    most = int(np.clip(bound // 128, SMALLEST, LARGEST))
    parts: list[Part] = []
    first: list[str] = []
    try:
        for number, path in enumerate(files):
            to = folder / f"{number:05d}"
            new = [_text(path, to, header, most)] if kind == "text" else _json(path, to, most)
            names = list(dict.fromkeys(name for part in new for name in part.schema))
            check_columns(path.name, len(names))
            first = first or names
            if names != first:
                raise other_columns(path, names, files[0], first)
            parts += new
    except OSError as error:
        raise _full(folder, error, "Parquet") from None
    return Source(parts)


def _narrow(source: Source, folder: Path, room: int) -> Source:
    """The same rows, from slices of columns where all columns at once would hold more than so many bytes."""
    rows = rows_of(len(source.names))
    try:
        parts = [
            replace(part, slices=tuple(sliced(part.path, folder / f"{number:05d}", rows, room // 2)))
            if held(part.path) > room
            else part
            for number, part in enumerate(source.parts)
        ]
    except OSError as error:
        raise _full(folder, error, "Arrow") from None
    return Source(parts)


def _full(folder: Path, error: OSError, kind: str) -> StorageError:
    """The error for a table that can't be written anew."""
    where = tempfile.gettempdir()
    free = size(shutil.disk_usage(where).free)
    return StorageError(
        f"The table can't be written to '{where}' as {kind}, to be read in pieces: {error.strerror} ({free} free).\n"
        "Set TMPDIR to a folder with more room."
    )


def _text(path: Path, to: Path, header: bool | None, most: int) -> Part:
    """One file of text columns, and which of them are numbers with a decimal comma in all rows."""
    writer, frame = None, pl.DataFrame()
    commas: dict[str, bool] | None = None
    try:
        for frame, separator in delimited_pieces(path, most, header=header):
            if commas is None:
                commas = dict.fromkeys(frame.columns if separator != "," else [], False)
            commas = {name: seen or more for name, seen in commas.items() if (more := _commas(frame[name])) is not None}
            table = frame.to_arrow()
            writer = writer or parquet.ParquetWriter(to, table.schema, compression="lz4")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
    assert writer is not None, "a text without rows is refused"
    return Part(
        to,
        path.name,
        dict.fromkeys(frame.columns, pl.String()),
        commas=frozenset(n for n, s in (commas or {}).items() if s),
    )


def _commas(series: pl.Series) -> bool | None:
    """Whether some numbers are written with a decimal comma; None where a cell is no number even so."""
    series = stripped(series)
    if series.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).null_count() > series.null_count():
        return None
    return series.cast(pl.Float64, strict=False).null_count() > series.null_count()


def _json(path: Path, to: Path, most: int) -> list[Part]:
    """A file a piece, since keys and kinds may differ; where a key is text in one of them, it is in all."""
    texts: dict[str, None] = {}
    while True:
        found = _json_parts(path, to, most, texts)
        kinds = common([part.schema for part in found], mixed=pl.String())
        several = {name for part in found for name, kind in part.schema.items() if kind not in (kinds[name], pl.Null)}
        mixed = {name: None for name, kind in kinds.items() if kind == pl.String and name in several}
        if mixed.keys() <= texts.keys():
            return found
        texts |= mixed


def _json_parts(path: Path, to: Path, most: int, texts: Collection[str]) -> list[Part]:
    found = []
    for number, frame in enumerate(json_pieces(path, most, texts=texts)):
        frame = frame.with_columns(pl.col(pl.Int128).cast(pl.Float64))  # which Arrow does not have
        nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
        frame = frame.with_columns(pl.lit([], pl.List(pl.Null)).alias(name) for name in nested)
        part = to.with_name(f"{to.name}-{number:06d}")
        parquet.write_table(frame.to_arrow(), part, compression="lz4")
        found.append(Part(part, path.name, dict(frame.schema)))
    return found
