"""The files of a table that is spread over several: a folder, or a pattern such as big/*.parquet."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from fallline.data.header import ENDINGS
from fallline.data.values import shown
from fallline.errors import DataError

WILD = frozenset("*?[")


def is_several(source: Any) -> bool:
    """Whether a source names a folder, or files by a pattern such as big/*.parquet."""
    if not isinstance(source, str | Path):
        return False
    path = Path(source).expanduser()
    return path.is_dir() or (bool(WILD & set(str(source))) and not path.exists())


def files_of(source: str | Path) -> list[Path]:
    """The files of a table, in the order of their names: rows are numbered through them.

    Raises: DataError when there is none that can be read, or they are of different formats.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        found = [each for each in path.iterdir() if kind_of(each) and each.is_file()]
        to_do = f"Put files in it that end in one of: {', '.join(ENDINGS)}."
    elif is_several(source):
        found = [Path(each) for each in glob.glob(str(path), recursive=True) if Path(each).is_file()]
        to_do = "Check the pattern, and quote it so that the shell leaves it alone."
    else:
        found, to_do = [path] * path.is_file(), "Check the name of the file."
    if not found:
        what = "is a folder without a" if path.is_dir() else "names no"
        raise DataError(f"'{source}' {what} file that holds a table.\n{to_do}")
    found = sorted(each.absolute() for each in found)
    odd = [each for each in found if kind_of(each) != kind_of(found[0])]
    if odd:
        raise DataError(
            f"'{found[0].name}' and '{odd[0].name}' are of different formats, so they are not one table.\n"
            "Name the files of one format, by a pattern such as 'big/*.parquet'."
        )
    return found


def kind_of(path: Path) -> str | None:
    """The format by a file's ending; None where it is none of ours."""
    if path.suffix.lower() == ".gz":
        return "gzip" if Path(path.stem).suffix.lower() in ENDINGS else None
    return ENDINGS.get(path.suffix.lower())


def other_columns(path: Path, names: list[str], first: Path, known: list[str]) -> DataError:
    """The error for a file that is not of the table that the first one begins."""
    odd = sorted(set(names) ^ set(known)) or names
    return DataError(
        f"'{path.name}' has other columns than '{first.name}' ('{odd[0]}').\n"
        "Give files with the same columns in the same order."
    )


def common(schemas: Sequence[dict[str, Any]], *, mixed: Any = None) -> dict[str, Any]:
    """The kind of each column that all of some kinds become, as files of a table in memory do.

    Args:
        mixed: what kinds that don't go together become; None where that is an error.

    Raises: DataError with the column.
    """
    found: dict[str, Any] = {}
    for schema in schemas:
        for name, kind in schema.items():
            before = found.get(name, kind)
            if before != kind:
                try:
                    both = [pl.DataFrame(schema={"": each}) for each in (before, kind)]
                    before = pl.concat(both, how="vertical_relaxed").schema[""]
                except pl.exceptions.PolarsError:
                    if mixed is None:
                        raise DataError(
                            f"The files of the table don't fit together: column '{shown(name)}' holds "
                            f"{_said(before)} values in one and {_said(kind)} in another.\nGive each column one kind."
                        ) from None
                    before = mixed
            found[name] = before
    return found


def _said(kind: Any) -> str:
    return "list" if kind.is_nested() else str(kind).lower()
