"""Parquet files as one table, read a chunk of rows at a time, each column of one kind in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fallline.data.bound import check_columns
from fallline.data.columnar import damaged, flat, frame_of_arrow, with_empty_lists
from fallline.data.header import check_unique, plain_name
from fallline.data.stream.sliced import file_of, side_by_side
from fallline.data.stream.sources import common, other_columns
from fallline.errors import DataError

CHUNK = 65_536  # rows read at a time, at most
CELLS = 2**22  # cells, so that wide rows take no more memory than narrow ones


@dataclass(frozen=True)
class Part:
    """A Parquet file with some of the rows."""

    path: Path
    name: str  # of the file that was given, for errors
    schema: dict[str, Any] = field(default_factory=dict)  # kinds by the names in the file; known when it is written
    slices: tuple[Path, ...] = ()  # of its columns, where it is too wide to be read from
    commas: frozenset[str] = frozenset()  # columns of text in which all cells are numbers with a decimal comma


class Source:
    """Parts read as one table, a chunk at a time. Raises DataError when they don't fit together."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        about = [_opened(part) for part in parts]
        self.counts = [metadata.num_rows for metadata, _ in about]
        seen: dict[Any, dict[str, Any]] = {}
        schemas = []
        for part, (_, schema) in zip(parts, about, strict=True):
            key = tuple(zip(schema.names, map(str, schema.types), strict=True))
            if key not in seen:
                seen[key] = _kinds(schema, part)
            schemas.append(seen[key])
        given = list(dict.fromkeys(name for schema in schemas for name in schema))
        if not parts[0].schema:  # parts that we wrote may lack keys that others have
            given = about[0][1].names
            for part, schema in zip(parts, schemas, strict=True):
                if list(schema) != given:
                    raise other_columns(part.path, list(schema), parts[0].path, given)
        check_columns(parts[0].name, len(given))
        self.names = [plain_name(name, place) for place, name in enumerate(given)]
        check_unique(self.names, f"'{parts[0].name}'")
        kinds = common(schemas)
        self.kinds = {name: kinds[each] for name, each in zip(self.names, given, strict=True)}
        self.given = given
        if not self.rows or not given:
            what = "columns" if not given else "rows"
            raise DataError(f"'{parts[0].name}' has no {what}.\nGive at least one row of data.")

    @property
    def rows(self) -> int:
        return sum(self.counts)

    @property
    def cells(self) -> int:
        return self.rows * len(self.names)

    def chunks(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """(number of the first row, rows as they lie) of each chunk, in order."""
        first = 0
        for part in self.parts:
            try:
                with file_of(part.path, len(self.names)) as file:
                    names = file.schema_arrow.names
                    read = file.iter_batches(batch_size=rows_of(len(self.names)), columns=flat(file.schema_arrow))
                    for batch in side_by_side(part.slices) if part.slices else read:
                        batch.validate(full=True)
                        yield first, self._frame(batch, names, part)
                        first += len(batch)
                if first != sum(self.counts[: self.parts.index(part) + 1]):
                    raise ValueError("it has another number of rows than it says")
            except DataError:
                raise
            except Exception as error:  # whatever a reader says of bytes that are none of its format
                raise damaged(part.name, error) from None

    def _frame(self, batch: Any, names: list[str], part: Part) -> pl.DataFrame:
        """A chunk with all columns of the table, each of its kind."""
        if len(names) > batch.num_columns:
            batch = with_empty_lists(batch, names)
        found = {column.name: column for column in frame_of_arrow(batch, names, part.name)}
        columns = []
        for given, (name, kind) in zip(self.given, self.kinds.items(), strict=True):
            column = found.get(given)
            if column is None:
                column = pl.Series([None] * len(batch), dtype=kind)
            if given in part.commas:
                column = column.str.replace(",", ".", literal=True)
            columns.append((column if column.dtype == kind else column.cast(kind)).alias(name))
        return pl.DataFrame(columns)


def rows_of(columns: int) -> int:
    """The rows of a chunk of so many columns."""
    return int(np.clip(CELLS // max(columns, 1), 1, CHUNK))


def _kinds(schema: Any, part: Part) -> dict[str, Any]:
    """What the columns of a file are once read; lists and the like are empty ones."""
    check_unique(schema.names, f"'{part.name}'")
    check_columns(part.name, len(schema.names))
    kinds = frame_of_arrow(
        with_empty_lists(schema.empty_table().select(flat(schema)), schema.names), schema.names, part.name
    )
    return {name: pl.String() if kind in (pl.Categorical, pl.Enum) else kind for name, kind in kinds.schema.items()}


def _opened(part: Part) -> tuple[Any, Any]:
    try:
        with file_of(part.path, 1) as file:
            if file.metadata.num_rows < 0:
                raise ValueError("its number of rows is lost")
            return file.metadata, file.schema_arrow
    except Exception as error:
        raise damaged(part.name, error) from None
