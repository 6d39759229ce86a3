"""Whether the first row of a text names the columns, and how columns without a name are called."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fallline.data.values import CONTROL, DATE, MISSING, shown
from fallline.errors import DataError

ENDINGS = {
    ".csv": "text", ".tsv": "text", ".txt": "text", ".data": "text", ".parquet": "parquet", ".pq": "parquet",
    ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow", ".jsonl": "json lines", ".ndjson": "json lines",
}  # fmt: skip

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
LONGEST_NAME = 1_000  # characters
SHAPES = (
    ("number", NUMBER),
    ("date", re.compile(DATE)),
    ("true or false", re.compile("true|false", re.IGNORECASE)),
)


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether row 1 names the columns, judged by the rows after it.

    It does where it breaks the shape of a column: "age" above numbers. Where all columns are text it does, unless
    most of its words come up again below them, as values do. 0, 1, 2, ... are names that a data frame gave.
    """
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    if len(first) > 2 and first == [str(i) for i in range(len(first))]:
        return True
    if not rest:
        return not any(_shape(cell) for cell in first)
    shaped = text = again = 0
    for position, cell in enumerate(first):
        below = {row[position].strip() for row in rest} - set(MISSING)
        shapes = {_shape(value) for value in below}
        if len(shapes) == 1 and None not in shapes:
            shaped += 1
            if cell not in MISSING and _shape(cell) not in shapes:
                return True
        elif below:
            text += 1
            again += cell in below
    return not shaped and again <= text / 2


def named(cells: Sequence[str], file: str) -> list[str]:
    """The names in a header row. A column without one (an index that a data frame wrote) is called unnamed_1, ...

    Raises: DataError for a name that two columns share.
    """
    names = [plain_name(cell.strip(), i) for i, cell in enumerate(cells)]
    check_unique(names, f"'{file}'", "Rename one; if the first row is data and no header, say so.")
    return names


def plain_name(name: str, place: int) -> str:
    """A column's name on one line; one without a name is called by its place, counted from 0.

    Raises: DataError for a text that can be no name.
    """
    if len(name) > LONGEST_NAME:
        raise DataError(
            f"The name of column {place + 1} has {len(name):,} characters: '{shown(name)}'.\n"
            f"Give it one of at most {LONGEST_NAME:,}; if the first row is data and no header, say so."
        )
    return CONTROL.sub(" ", name).strip() or f"unnamed_{place + 1}"


def check_unique(names: Sequence[str], where: str, to_do: str = "Rename one.") -> None:
    """Raises: DataError for a name that two columns share."""
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        if first.setdefault(name, position) != position:
            raise DataError(
                f"{where} has two columns named '{shown(name)}': number {first[name] + 1} and number {position + 1}.\n"
                f"{to_do}"
            )


def _shape(cell: str) -> str | None:
    """What a cell looks like; None for a plain text."""
    return next((shape for shape, pattern in SHAPES if pattern.fullmatch(cell[:10] if shape == "date" else cell)), None)
