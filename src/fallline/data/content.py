"""What a file is by its ending and by its first bytes, and its bytes, unpacked where they are packed."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from fallline.data.header import ENDINGS
from fallline.errors import DataError

MARKS = {
    b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "arrow", b"PK\x03\x04": "zip", b"\x89PNG": "PNG",
    b"%PDF": "PDF", b"SQLite": "SQLite", b"FEA1": "old Feather", b"\x89HDF": "HDF5", b"\xd0\xcf\x11\xe0": "old Excel",
}  # fmt: skip
PACKED = b"\x1f\x8b"  # how a gzip file begins
SHOWN = ".csv, .tsv, .txt (also .gz), .parquet, .arrow, .feather, .ipc, .jsonl, .ndjson"


def ending_of(path: Path) -> str:
    """The ending that tells a file's format; that of what is packed, for .gz."""
    return Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()


def check_content(start: bytes, path: Path) -> str:
    """The format of a file, by its ending.

    Args:
        start: its first bytes, unpacked.

    Raises: DataError where the format is not one of ours, or the first bytes are of another one.
    """
    name, kind = path.name, ENDINGS.get(ending_of(path))
    if kind is None:
        raise DataError(f"'{name}' does not end in the name of a format that can be read.\nKnown: {SHOWN}.")
    if not start:
        raise DataError(f"'{name}' is empty.\nName a file with at least one row.")
    mark = next((mark for begin, mark in MARKS.items() if start.startswith(begin)), None)
    if mark != kind and (mark or kind in ("parquet", "arrow")):
        raise DataError(
            f"'{name}' is {f'{_a(mark)} file' if mark else f'no {kind} file'} by its content.\n"
            f"Give the file the ending of what it is, or save the table as one of: {SHOWN}."
        )
    return kind


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked. Raises DataError, inside too, where they can't be read."""
    try:
        with path.open("rb") as file:
            packed = file.read(len(PACKED)) == PACKED
            file.seek(0)
            yield cast(IO[bytes], gzip.GzipFile(fileobj=file)) if packed else file
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"'{path.name}' is a damaged or cut short gzip file.\nDownload it again.") from None


def unpacked(path: Path, enough: int) -> tuple[int, int]:
    """How many bytes a file has, unpacked, and packed; about `enough` of them are looked at. Raises DataError."""
    count = 0
    try:
        with opened(path) as file:
            while count < enough and (part := file.read(2**20)):
                count += len(part)
            raw: Any = getattr(file, "fileobj", file)
            return count, raw.tell()
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> DataError:
    """The error for a file that the system does not hand out."""
    return DataError(f"'{path}' can't be read: {error.strerror}.\nCheck who may read it.")


def _a(mark: str) -> str:
    return f"{'an' if mark[0] in 'aoH' else 'a'} {mark}"
