"""Parquet files as one table, read a chunk of rows at a time; other formats are written as Parquet first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from pyarrow import parquet

from fallline.data.delimited import head_of
from fallline.data.header import check_unique, plain_name
from fallline.data.stream.sources import kind_of, other_columns
from fallline.errors import DataError

CHUNK = 65_536  # rows read at a time


def as_parquet(files: list[Path], folder: Path, *, header: bool | None = None) -> list[Path]:
    """The files themselves when they are Parquet; else each written once as Parquet into `folder`.

    Text is kept as text: what its columns mean is found out later, as it is for a table in memory.

    Raises: DataError for a format that can't be streamed, or a damaged file.
    """
    kind = kind_of(files[0])
    if kind == "parquet":
        return files
    if kind not in ("text", "json lines"):
        raise DataError(
            f"'{files[0].name}' does not fit into the memory allowed, and can't be read piece by piece.\n"
            "Save it as Parquet, or allow more with --memory."
        )
    written = []
    for number, path in enumerate(files):
        to = folder / f"{number:05d}.parquet"
        try:
            scan = pl.scan_ndjson(path) if kind == "json lines" else _scan_text(path, header)
            scan.sink_parquet(to, compression="lz4", row_group_size=CHUNK)
        except pl.exceptions.PolarsError as error:
            raise DataError(f"'{path.name}' can't be read: {_line(error)}.\nCorrect the file.") from None
        written.append(to)
    return written


def _scan_text(path: Path, header: bool | None) -> pl.LazyFrame:
    about = head_of(path, header=header)
    return pl.scan_csv(
        path,
        has_header=False,
        skip_rows=about.skip,
        separator=about.separator,
        infer_schema=False,
        new_columns=about.names,
    )


class Source:
    """Parquet files read as one table, a chunk at a time. Raises DataError when they don't fit together."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        about = [_opened(path) for path in files]
        self.counts = [metadata.num_rows for metadata, _ in about]
        self.names = [plain_name(name, place) for place, name in enumerate(about[0][1].names)]
        check_unique(self.names, f"'{files[0].name}'")
        for path, (_, schema) in zip(files, about, strict=True):
            if schema.names != about[0][1].names:
                raise other_columns(path, schema.names, files[0], about[0][1].names)
        if not self.rows:
            raise DataError(f"'{files[0].name}' has no rows.\nGive at least one row of data.")

    @property
    def rows(self) -> int:
        return sum(self.counts)

    @property
    def cells(self) -> int:
        return self.rows * len(self.names)

    def chunks(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """(number of the first row, rows as they lie) of each chunk, in order."""
        first = 0
        for path in self.files:
            try:
                # buffered ahead, pyarrow would keep all of the file until it is closed
                with parquet.ParquetFile(path, pre_buffer=False) as file:
                    for batch in file.iter_batches(batch_size=CHUNK):
                        frame = pl.from_arrow(batch)
                        assert isinstance(frame, pl.DataFrame)
                        frame.columns = self.names
                        yield first, frame
                        first += len(frame)
            except (pa.ArrowException, OSError) as error:
                raise _damaged(path, error) from None


def _opened(path: Path) -> tuple[Any, Any]:
    try:
        with parquet.ParquetFile(path) as file:
            return file.metadata, file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: BaseException) -> DataError:
    return DataError(f"'{path.name}' is damaged or cut short: {_line(error)}.\nWrite or download it again.")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160].rstrip(".") or type(error).__name__
