"""Step 2 of a project, data: any table becomes one Polars frame, or an error that says what to do."""

from __future__ import annotations

import gzip
import io
import stat
import zlib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from fallline.data.bound import TO_DO, size, text_allowed
from fallline.data.columnar import read_columnar
from fallline.data.content import PACKED, check_content, ending_of, unreadable
from fallline.data.delimited import read_delimited
from fallline.data.frames import frame_of
from fallline.data.header import check_unique, plain_name
from fallline.data.lines import read_json_lines
from fallline.data.stream.sources import common, files_of, is_several, other_columns
from fallline.data.values import tidy
from fallline.errors import DataError

PART = 2**20  # bytes unpacked at a time


def read_table(source: Any, *, header: bool | None = None) -> pl.DataFrame:
    """The table in a file, a data frame, a dictionary of columns, an array, or a pair (X, y).

    White space around text is stripped; an empty cell, NA, NaN, null, None and ? are missing values (null).

    Args:
        source: a path (CSV, TSV, also gzip; Parquet; Arrow or Feather; JSON lines), a folder of such files or a
            pattern such as "big/*.parquet", a data frame (Polars, pandas,
            Arrow or any that narwhals knows), {name: values}, an array [rows, columns] (then named x1, x2, ...),
            or (X, y), where y becomes the column "target".
        header: whether the first row of a text names the columns; None to find out.

    Raises: DataError for whatever can't be read as a table, or holds an infinite number.
    """
    if is_several(source):
        frame, where = _concatenated(files_of(source), header), f"'{source}'"
    elif isinstance(source, str | Path):
        frame = _read_file(Path(source).expanduser(), header)
        where = f"'{Path(source).name}'"
    else:
        frame, where = frame_of(source), "The table"
    names = [plain_name(name, place) for place, name in enumerate(frame.columns)]
    check_unique(names, where)
    if names != frame.columns:
        frame = frame.rename(dict(zip(frame.columns, names, strict=True)))
    if frame.width == 0 or frame.height == 0:
        raise DataError(f"{where} has no {'columns' if frame.width == 0 else 'rows'}.\nGive at least one row of data.")
    return pl.DataFrame([tidy(column) for column in frame])


def _concatenated(files: list[Path], header: bool | None) -> pl.DataFrame:
    frames = [_read_file(path, header) for path in files]
    for path, frame in zip(files, frames, strict=True):
        if frame.columns != frames[0].columns:
            raise other_columns(path, frame.columns, files[0], frames[0].columns)
    common([dict(frame.schema) for frame in frames])
    return pl.concat(frames, how="vertical_relaxed")


def _read_file(path: Path, header: bool | None) -> pl.DataFrame:
    data = _bytes(path)
    name, kind = path.name, check_content(data.strip() and data[:64], path)
    if kind == "text":
        return read_delimited(data, name, header=header, separator="\t" if ending_of(path) == ".tsv" else None)
    if kind == "json lines":
        return read_json_lines(data, name)
    return read_columnar(data, kind, name)


def _bytes(path: Path) -> bytes:
    """The content of a file, unpacked."""
    allowed = text_allowed()
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError
        if not stat.S_ISREG(about.st_mode):  # a pipe or a device may never end
            raise DataError(f"'{path}' is no file that holds a table, but a pipe or a device.\nName a file.")
        _check_allowed(path, about.st_size, allowed, f"holds {size(about.st_size)}")
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"There is no file '{path}'.\n{_near(path)}") from None
    except IsADirectoryError:
        raise DataError(f"'{path}' is a folder.\nName a file in it.") from None
    except OSError as error:
        raise unreadable(path, error) from None
    if not data.startswith(PACKED):
        return data
    unpacked = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            while part := packed.read(PART):
                unpacked += part
                _check_allowed(path, len(unpacked), allowed, "unpacks to more than that")
    except (OSError, EOFError, zlib.error):
        raise DataError(f"'{path.name}' is a damaged or cut short gzip file.\nDownload it again.") from None
    return bytes(unpacked)


def _check_allowed(path: Path, count: int, allowed: int, does: str) -> None:
    if count > allowed:
        raise DataError(
            f"In the memory allowed, at most {size(allowed)} can be read, but '{path.name}' {does}.\n{TO_DO}"
        )


def _near(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder '{folder}' either."
    near = get_close_matches(path.name, [entry.name for entry in folder.iterdir()], n=2)
    return f"Did you mean {' or '.join(near)}?" if near else f"Look in the folder '{folder.resolve()}'."
