"""Files that are packed, JSON lines, or no files at all."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import zipfile
from pathlib import Path
from typing import Any

from broken.case import Case, clean, columns

GZIP = gzip.compress(clean(), mtime=0)
DAMAGED = ("damaged or cut short gzip",)
AGAIN = gzip.compress(GZIP, mtime=0)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("t.csv", clean())
    return out.getvalue()


def packed() -> list[Case]:
    half = clean()[: len(clean()) // 2]
    two = gzip.compress(half, mtime=0) + gzip.compress(clean()[len(half) :], mtime=0)
    return [
        *(
            Case(f"gzip cut to {share:.0%}", GZIP[: int(len(GZIP) * share)], DAMAGED, file="t.csv.gz")
            for share in (0.05, 0.25, 0.5, 0.9, 0.99)
        ),
        Case("gzip with a wrong checksum", GZIP[:-8] + b"\0\0\0\0" + GZIP[-4:], DAMAGED, file="t.csv.gz"),
        Case("gzip with a wrong size", GZIP[:-4] + b"\xff\xff\xff\xff", DAMAGED, file="t.csv.gz"),
        Case("gzip with a flipped byte", GZIP[:40] + bytes([GZIP[40] ^ 1]) + GZIP[41:], DAMAGED, file="t.csv.gz"),
        Case("gzip with more after its end", GZIP + b"more", DAMAGED, file="t.csv.gz"),
        Case("gzip with zeros after its end", GZIP + bytes(64), file="t.csv.gz"),
        Case("gzip in two parts", two, file="t.csv.gz"),
        Case("gzip in gzip", AGAIN, ("no text",), file="t.csv.gz"),
        Case("gzip of nothing", gzip.compress(b"", mtime=0), ("is empty",), file="t.csv.gz"),
        Case("gzip without its ending", GZIP),
        Case("text with the ending of gzip", clean(), file="t.csv.gz"),
        Case("zip", zipped(), ("is a zip file",)),
        Case("zip with the ending of gzip", zipped(), ("is a zip file",), file="t.csv.gz"),
        Case("bzip2", bz2.compress(clean()), ("t.csv",)),
        Case("xz", lzma.compress(clean()), ("t.csv",)),
        Case("an old Excel file", b"\xd0\xcf\x11\xe0" + bytes(500), ("old Excel",)),
        Case("a web page", b"<!DOCTYPE html>\n<html><body>Sign in, please</body></html>\n", ("Line 2",)),
        Case("an ending that is unknown", clean(), ("does not end in",), file="t.xlsx"),
        Case("no ending", clean(), ("does not end in",), file="table"),
        Case("an ending in capitals", clean(), file="T.CSV"),
    ]


def lines(rows: list[Any]) -> bytes:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


def json_lines() -> list[Case]:
    rows = [dict(zip(columns(), values, strict=True)) for values in zip(*columns().values(), strict=True)]

    def at_5(row: Any, **more: Any) -> bytes:
        return lines([*rows[:4], row if not more else rows[4] | more, *rows[5:]])

    ragged = at_5({k: v for k, v in rows[4].items() if k != "b"})
    return [
        Case(f"JSON lines: {name}", data, says, new, "t.jsonl")
        for name, data, says, new in (
            ("a key lacking", ragged, (), None),
            ("a key more", at_5(None, z=3), (), None),
            ("no key", at_5({}), (), None),
            ("no keys at all", b"{}\n{}\n{}\n{}\n", ("has no columns",), None),
            ("a key twice", at_5('{"a": 1, "a": 2, "b": 1, "c": "u", "y": 2}'), (), None),
            ("cut", lines(rows)[:-9], ("Line 24",), None),
            ("an array a line", at_5([1, 2, 3]), ("Line 5", "no JSON object"), None),
            ("a number a line", at_5(5), ("Line 5", "no JSON object"), None),
            ("one array", json.dumps(rows).encode(), ("Line 1", "no JSON object"), None),
            ("one object over many lines", json.dumps(rows[0], indent=1).encode(), ("Line 1", "no JSON"), None),
            ("two objects a line", at_5('{"a": 1}{"a": 2}'), ("Line 5", "no JSON"), None),
            ("single quotes", at_5("{'a': 1}"), ("Line 5", "no JSON"), None),
            ("a comma at the end", at_5('{"a": 1,}'), ("Line 5", "no JSON"), None),
            ("a comment", at_5("// made by hand"), ("Line 5", "no JSON"), None),
            ("a blank line", at_5(""), (), None),
            ("infinity", at_5(None, a=float("inf")), ("Row 5 of column 'a'", "infinite"), None),
            ("1e999", at_5('{"a": 1e999, "b": 1, "c": "u", "y": 2}'), ("Row 5 of column 'a'", "infinite"), None),
            ("NaN", at_5(None, a=float("nan")), (), None),
            ("1e308", at_5(None, a=1e308), ("Row 5 of column 'a'", "too large"), None),
            ("30 digits", at_5(None, a=10**30), (), ("Row 5 of column 'a'", "too far")),
            ("5,000 digits", at_5('{"a": ' + "1" * 5000 + "}"), ("Line 5", "too many digits"), None),
            ("a text among numbers", at_5(None, a="oops"), ("Row 5 of column 'a' is 'oops'",), None),
            ("an object among numbers", at_5(None, a={"x": 1}), ("Row 5 of column 'a'",), None),
            ("a list among numbers", at_5(None, a=[1, 2]), ("Row 5 of column 'a'",), None),
            ("true among numbers", at_5(None, a=True), (), None),
            ("an object in each row", lines([row | {"o": {"x": 1, "z": [2]}} for row in rows]), (), None),
            (
                "deep brackets",
                at_5('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"),
                ("Line 5", "nested too deep"),
                None,
            ),
            ("half a surrogate pair", at_5('{"a": 1, "b": 1, "c": "\\ud800", "y": 2}'), (), None),
            (
                "half a surrogate pair beside mixed values",
                at_5('{"a": "x", "b": 1, "c": "\\ud800", "y": 2}'),
                ("Row 5 of column 'a'",),
                None,
            ),
            ("an escaped zero", at_5('{"a": 1, "b": 1, "c": "u\\u0000v", "y": 2}'), (), None),
            ("a zero byte", lines(rows).replace(b'"u"', b'"\0"', 1), ("Line 1", "no JSON"), None),
            ("Latin-1", lines(rows).replace(b'"v"', b'"\xe9"', 1), ("Line 2", "not UTF-8"), None),
            ("UTF-16", lines(rows).decode().encode("utf-16"), ("not UTF-8",), None),
            ("a mark of UTF-8", b"\xef\xbb\xbf" + lines(rows), (), None),
            ("an empty key", lines([row | {"": i % 3} for i, row in enumerate(rows)]), (), None),
            ("a key with a line end", lines([row | {"x\ny": i % 3} for i, row in enumerate(rows)]), (), None),
            ("words only", b"hello\nworld\n", ("Line 1", "no JSON"), None),
            ("all null", lines([dict.fromkeys("abcy")] * 9), ("Every value of the target 'y'",), ()),
        )
    ]


def no_files() -> list[Case]:
    return [
        Case("a missing file", lambda path: None, ("There is no file",)),
        Case("a folder", Path.mkdir, ("is a folder",)),
        Case("a link to nowhere", lambda path: path.symlink_to("nowhere.csv"), ("There is no file",)),
        Case("a link in a circle", lambda path: path.symlink_to(path.name), ("can't be read",)),
        Case("a pipe", os.mkfifo, ("a pipe or a device",)),
        Case("a device without end", lambda path: path.symlink_to("/dev/zero"), ("a pipe or a device",)),
        Case("a random device", lambda path: path.symlink_to("/dev/urandom"), ("a pipe or a device",)),
    ]


def odd_files() -> list[Case]:
    return [
        Case(
            "a link to a table", lambda path: (path.with_name("u.csv").write_bytes(clean()), path.symlink_to("u.csv"))
        ),
        Case("a file of zeros without content", lambda path: path.open("wb").truncate(10_000), ("no text",)),
    ]


CASES = [*packed(), *json_lines(), *no_files(), *odd_files()]
