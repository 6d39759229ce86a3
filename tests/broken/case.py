"""What a broken table is: its bytes, what is wrong with it, and what is expected of whoever reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROWS = 24  # in most tables: one shape, so that a training is compiled once
NAMES = ("a", "b", "c", "y")
ENDING = ".csv"


@dataclass(frozen=True)
class Case:
    """One broken table.

    name: what is wrong. data: the file's bytes, or what puts something at its path. says: words of the refusal, which
    name the row and the column where there is one; none where the table reads. new: the same when a model that was
    trained on a clean table predicts from it; like `says` when None. options: further words for `train`.
    """

    name: str
    data: bytes | Callable[[Path], object]
    says: tuple[str, ...] = ()
    new: tuple[str, ...] | None = None
    file: str = "t.csv"
    options: tuple[str, ...] = ()

    @property
    def new_says(self) -> tuple[str, ...]:
        return self.says if self.new is None else self.new

    def put(self, folder: Path) -> Path:
        """The table, in a folder."""
        path = folder / self.file
        if isinstance(self.data, bytes):
            path.write_bytes(self.data)
        else:
            self.data(path)
        return path


def cells(rows: int = ROWS) -> list[list[str]]:
    """A clean table: two numbers, a category and a number to predict."""
    return [[f"{i * 7 % 24}", f"{i * i % 11}.5", "uvw"[i % 3], f"{i * 37 % 1009 / 4 + i % 3}"] for i in range(rows)]


def text(rows: Iterable[Sequence[str]], names: Sequence[str] = NAMES, separator: str = ",") -> str:
    return "".join(separator.join(row) + "\n" for row in [names, *rows])


def clean(rows: int = ROWS) -> bytes:
    return text(cells(rows)).encode()


def columns(rows: int = ROWS) -> dict[str, list]:
    """The same table as values."""
    return {
        "a": [float(row[0]) for row in cells(rows)],
        "b": [float(row[1]) for row in cells(rows)],
        "c": [row[2] for row in cells(rows)],
        "y": [float(row[3]) for row in cells(rows)],
    }


def with_cell(value: str, column: str = "a", row: int = 5, rows: int = ROWS) -> bytes:
    """The clean table with one cell replaced; rows are counted from 1."""
    table = cells(rows)
    table[row - 1][NAMES.index(column)] = value
    return text(table).encode()


def with_column(values: Sequence[str], column: str = "a") -> bytes:
    """The clean table with a column's cells replaced, repeating."""
    table = cells()
    for i, row in enumerate(table):
        row[NAMES.index(column)] = values[i % len(values)]
    return text(table).encode()


def with_line(line: bytes, number: int = 6, rows: int = ROWS) -> bytes:
    """The clean table with one line of the file replaced; lines are counted from 1."""
    lines = clean(rows).split(b"\n")
    lines[number - 1] = line
    return b"\n".join(lines)


def is_clear(error: Exception) -> bool:
    """Whether it is said in two short lines."""
    lines = str(error).splitlines()
    return len(lines) == 2 and all(len(line) < 400 for line in lines)
