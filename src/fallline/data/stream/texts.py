"""A text larger than memory, a piece of whole records at a time: each is read by the reader of a text in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from fallline.data.bound import size, text_allowed
from fallline.data.content import ending_of, opened, unreadable
from fallline.data.delimited import BOM, FEWEST_LINES, LOOKED_AT, check_rows, checked, read_on, read_start, separator_of
from fallline.data.lines import read_json_lines
from fallline.data.records import At, upto_last
from fallline.errors import DataError

BLANK = b"\r\n"


def delimited_pieces(path: Path, most: int, *, header: bool | None) -> Iterator[tuple[pl.DataFrame, str]]:
    """The rows of a delimited text, all cells text, and its separator. Raises DataError as `read_delimited` does.

    Args:
        most: bytes of a piece, about.
    """
    name, head, count = path.name, None, 0
    between = "\t" if ending_of(path) == ".tsv" else None

    def cut(data: bytes) -> int:
        nonlocal between
        between = between or separator_of(data)
        return upto_last(data, between)

    for data in _pieces(path, most, cut):
        if head is None:
            frame, head = read_start(data, name, header=header, separator=between)
        else:
            frame = read_on(data, name, head)
            at = head.at
            head = head._replace(at=replace(at, line=at.line + data.count(b"\n"), byte=at.byte + len(data)))
        count += len(frame)
        yield frame, head.separator
    check_rows(count, name)


def json_pieces(path: Path, most: int, *, texts: Collection[str] = ()) -> Iterator[pl.DataFrame]:
    """The rows of JSON lines; keys and their kinds may differ from piece to piece.

    Args:
        texts: keys whose values become text, whatever they are.
    """
    first = 1
    for data in _pieces(path, most):
        yield read_json_lines(data, path.name, first=first, texts=texts)
        first += data.count(b"\n")


def _pieces(path: Path, most: int, cut: Callable[[bytes], int] | None = None) -> Iterator[bytes]:
    """The bytes of a text in pieces that end with a record; lines that are blank come at the start of a piece.

    Args:
        cut: how many of some bytes, which may break off anywhere, hold whole records; None where each line is one.
    """
    try:
        with opened(path) as file:
            data, line, wanted, returns = b"", 0, max(most, LOOKED_AT), None
            while True:
                new = file.read(wanted - len(data))
                last = len(new) < wanted - len(data)
                if new.endswith(b"\r") and not last:
                    new += file.read(1)  # it may be half of a line end
                if returns is None:
                    new = new.removeprefix(BOM)
                    returns = b"\r" in new and b"\n" not in new
                data += _line_ends(new, returns, path) if cut else new
                few = not line and data.strip(BLANK).count(b"\n") < FEWEST_LINES  # to tell a header by
                held = 0 if few or last else cut(data) if cut else data.rfind(b"\n")
                whole = len(data) if last else len(data[:held].rstrip(BLANK))
                whole = whole if last else data.find(b"\n", whole) + 1 if whole else 0
                if whole and (line == 0 or data[:whole].strip(BLANK)):
                    yield data[:whole]
                if last:
                    return
                if cut and not whole and not line and b"\0" in data[:LOOKED_AT]:
                    checked(data[:LOOKED_AT], path.name, At())  # tells that it is no text, before all is looked through
                line += data.count(b"\n", 0, whole)
                data = data[whole:]
                wanted = max(most, 2 * len(data))
                if len(data) > max(text_allowed() // 4, 2**24):
                    raise DataError(
                        f"'{path.name}' has no end of a record in the {size(len(data))} from line {line + 1} on.\n"
                        "Is a double quote left open there, or are all lines blank?"
                    )
    except OSError as error:
        raise unreadable(path, error) from None


def _line_ends(data: bytes, returns: bool, path: Path) -> bytes:
    """Lines that end in a line feed; as many bytes."""
    if returns:
        if b"\n" in data:
            raise DataError(f"Lines of '{path.name}' end in different ways.\nSave it with one kind of line end.")
        return data.replace(b"\r", b"\n")
    return re.sub(rb"\r(?!\n)", b" ", data) if data.count(b"\r") > data.count(b"\r\n") else data
