"""Tables that are dangerous by their size: bombs, wide tables, long fields. Put into a file, never held as one text."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl

from broken.case import Case, cells, clean, text, with_cell

MEMORY = "1GB"  # what the tables are read with: FALLLINE_MEMORY
ALLOWED = ("1 GB allowed",)
MORE_TEXT = ("at most 250 MB can be read",)


def gzip_bomb(path: Path, size: int) -> None:
    """A table of that many bytes, in a file of about a thousandth."""
    row = clean().splitlines(keepends=True)[1]
    part = row * (2**24 // len(row))
    packed = gzip.compress(part, mtime=0)
    with path.open("wb") as file:
        file.write(gzip.compress(b"a,b,c,y\n", mtime=0))
        for _ in range(size // len(part)):
            file.write(packed)


def large_text(path: Path, size: int) -> None:
    draw = np.random.default_rng(0)
    rows = "".join(
        f"{a:.6f},{b:.3f},{'uvw'[i % 3]},{a + b:.4f}\n" for i, (a, b) in enumerate(draw.normal(size=(9999, 2)))
    )
    with path.open("w") as file:
        file.write("a,b,c,y\n")
        for _ in range(size // len(rows)):
            file.write(rows)


def constant(path: Path, rows: int) -> None:
    """Columns of one value each, which pack to nearly nothing."""
    frame = pl.select(pl.repeat(1.5, rows).alias("a"), pl.repeat(2.0, rows).alias("y"))
    frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_ipc(path, compression="zstd")


def lists(path: Path, values: int) -> None:
    """One cell that holds a list of very many equal values."""
    rows = values // 10**7
    one = pl.Series([pl.repeat(1, 10**7, eager=True)])
    pl.DataFrame({"a": pl.concat([one] * rows), "y": range(rows)}).write_parquet(path)


def wide(columns: int, rows: int = 24) -> bytes:
    """Columns of different digits."""
    line = ",".join(str(i % 10) for i in range(columns))
    names = ",".join(f"x{i}" for i in range(columns))
    table = [f"{line[2 * (i % 9) :]},{'0,' * (i % 9)}{row[3]}" for i, row in enumerate(cells(rows))]
    return "\n".join([f"{names},y", *table]).encode()


def wide_zeros(columns: int) -> bytes:
    """Columns of zeros, but every hundredth."""
    names = ",".join(f"x{i}" for i in range(columns))
    table = [",".join(f"{number}" + ",0" * 99 for _ in range(columns // 100)) for number in range(24)]
    return "\n".join([f"{names},y", *(f"{line},{row[3]}" for line, row in zip(table, cells(), strict=True))]).encode()


def wide_categories(path: Path) -> None:
    draw = np.random.default_rng(0)
    levels = np.array([f"w{i}" for i in range(60)])
    frame = pl.DataFrame(
        {f"c{i}": levels[draw.integers(0, 60, 4000)] for i in range(900)} | {"y": draw.normal(size=4000)}
    )
    frame.write_parquet(path)


def categories() -> bytes:
    rows = [[str(i % 7), str(i % 11), f"w{i % 50_000}", str(i % 101 / 4)] for i in range(60_000)]
    return text(rows).encode()


def header_of(size: int) -> bytes:
    return clean().replace(b"a,b", b"a" * size + b",b", 1)


SLOW = ("100,000 columns",)  # and first, while the process that reads it is small
CASES = [
    Case("100,000 columns", lambda p: p.write_bytes(wide(100_000))),
    Case("a gzip bomb of 4 GB", lambda p: gzip_bomb(p, 4 * 10**9), (*MORE_TEXT, "unpacks to more"), file="t.csv.gz"),
    Case("a gzip bomb in JSON lines", lambda p: gzip_bomb(p, 4 * 10**9), ("unpacks to more than",), file="t.jsonl.gz"),
    Case("a file of 5 GB", lambda p: p.open("wb").truncate(5 * 10**9), ("or no text",)),
    Case(
        "a Parquet file of 5 GB",
        lambda p: p.open("wb").truncate(5 * 10**9),
        ("damaged or cut short",),
        file="t.parquet",
    ),
    Case("a text of 8 MB", lambda p: large_text(p, 8 * 10**6)),
    Case("a text of 200 MB", lambda p: large_text(p, 200 * 10**6), ("batch full", "--memory")),
    Case("a gzip file of 30 MB", lambda p: gzip_bomb(p, 30 * 10**6), ("is constant",), ()),
    Case("a Parquet bomb of 200 million rows", lambda p: constant(p, 200_000_000), ALLOWED, file="t.parquet"),
    Case("an Arrow bomb of 200 million rows", lambda p: constant(p, 200_000_000), ALLOWED, file="t.arrow"),
    Case("a Parquet bomb of lists", lambda p: lists(p, 200_000_000), ("No column is left", "list"), file="t.parquet"),
    Case("2,000 columns", lambda p: p.write_bytes(wide(2_000))),
    Case("50,000 columns, most of one value", lambda p: p.write_bytes(wide_zeros(50_000))),
    Case(
        "100,000 columns, none with a name",
        lambda p: p.write_bytes(wide(100_000).partition(b"\n")[2]),
        ("Unknown column 'y'",),
    ),
    Case("54,000 features from 900 categories", wide_categories, ("features would take", *ALLOWED), file="t.parquet"),
    Case("50,000 categories", lambda p: p.write_bytes(categories())),
    Case("a field of 10 MB", lambda p: p.write_bytes(with_cell("x" * 10**7, "c"))),
    Case("a field of 10 MB in quotes", lambda p: p.write_bytes(with_cell('"' + "x\n" * (5 * 10**6) + '"', "c"))),
    Case("a number of 10 MB", lambda p: p.write_bytes(with_cell("1" * 10**7, "a")), ("Row 5 of column 'a'",)),
    Case("a name of 10 MB", lambda p: p.write_bytes(header_of(10**7)), ("name of column 1 has 10,000,000",)),
    Case(
        "an unclosed quote before 15 MB",
        lambda p: p.write_bytes(with_cell('"u', "c", 5) + clean(24) * 30_000),
        ("double quote",),
    ),
    Case(
        "60 MB without a line end",
        lambda p: p.write_bytes(b"1," * (3 * 10**7)),
        ("has 30,000,001 columns", "at most 200,000"),
    ),
    Case("100 MB of short lines", lambda p: p.write_bytes(b"1\n" * (5 * 10**7)), ("would take", *ALLOWED)),
    Case("40 MB of commas", lambda p: p.write_bytes(b"," * (4 * 10**7)), ("has 40,000,001 columns",)),
    Case("100 MB of line ends", lambda p: p.write_bytes(b"a,b,c,y\n" + b"\n" * 10**8), ("no rows below",)),
]
