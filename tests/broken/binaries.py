"""Parquet and Arrow files that are cut, flipped, lie about themselves, or hold what is no column."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
from pyarrow import parquet

from broken.case import Case, clean, columns

DAMAGED = ("is damaged or cut short",)


def as_parquet(table: Any) -> bytes:
    out = io.BytesIO()
    parquet.write_table(table if isinstance(table, pa.Table) else pa.table(table), out, write_page_checksum=True)
    return out.getvalue()


def as_arrow(table: Any) -> bytes:
    out = io.BytesIO()
    table = table if isinstance(table, pa.Table) else pa.table(table)
    with pa.ipc.new_file(out, table.schema) as file:
        file.write(table)
    return out.getvalue()


def as_stream(table: Any) -> bytes:
    out = io.BytesIO()
    table = table if isinstance(table, pa.Table) else pa.table(table)
    with pa.ipc.new_stream(out, table.schema) as file:
        file.write(table)
    return out.getvalue()


def as_polars(table: Any) -> bytes:
    out = io.BytesIO()
    pl.DataFrame(table).write_ipc(out, compression="zstd")
    return out.getvalue()


FORMATS: dict[str, Callable[[Any], bytes]] = {"parquet": as_parquet, "arrow": as_arrow, "feather": as_stream}


def damaged() -> list[Case]:
    found = []
    for ending, write in FORMATS.items():
        whole, name = write(columns()), f"t.{ending}"
        stream = ending == "feather"
        found += [
            Case(f"{ending}: nothing", b"", ("is empty",), file=name),
            Case(f"{ending}: text", clean(), ("by its content",), file=name),
            Case(f"{ending}: the mark only", whole[:6], DAMAGED if not stream else ("damaged",), file=name),
            *(
                Case(f"{ending}: cut to {share:.0%}", whole[: int(len(whole) * share)], DAMAGED, file=name)
                for share in ((0.25, 0.5, 0.75, 0.99) if not stream else (0.25, 0.5, 0.75))
            ),
        ]
        if not stream:
            found += [
                Case(f"{ending}: another mark at the end", whole[:-4] + b"PARX", DAMAGED, file=name),
                Case(
                    f"{ending}: a long footer", whole[:-10] + b"\xff\xff\xff\x7f" * 1 + whole[-6:], DAMAGED, file=name
                ),
                Case(f"{ending}: more after its end", whole + b"more", DAMAGED, file=name),
                Case(
                    f"{ending}: the middle is zeros",
                    whole[:60] + bytes(len(whole) - 160) + whole[-100:],
                    DAMAGED,
                    file=name,
                ),
            ]
        found.append(Case(f"{ending}: twice in a file", whole + whole, (), file=name))
    whole = as_parquet(columns())
    return [
        *found,
        Case(
            "parquet: a footer of negative length",
            whole[:-8] + b"\xff\xff\xff\xff" + b"PAR1",
            DAMAGED,
            file="t.parquet",
        ),
        Case("parquet: a footer of no length", whole[:-8] + b"\0\0\0\0" + b"PAR1", DAMAGED, file="t.parquet"),
        Case("parquet: encrypted by its mark", whole[:-4] + b"PARE", DAMAGED, file="t.parquet"),
        Case("parquet: a flipped byte in a page", flipped(whole, 60), DAMAGED, file="t.parquet"),
        Case("parquet under the name of text", whole, ("is a parquet file",), file="t.csv"),
        Case("arrow under the name of parquet", as_arrow(columns()), ("is an arrow file",), file="t.parquet"),
        Case("text under the name of arrow", clean(), ("no arrow file",), file="t.arrow"),
    ]


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]


def flips() -> list[Case]:
    """Bytes flipped anywhere: read or refused, but never anything else. Nothing is said of which."""
    found, draw = [], random.Random(7)
    for ending, write in {**FORMATS, "ipc": as_polars}.items():
        whole = write(columns())
        for n in range(8):
            data = whole
            for _ in range(1 + n % 3):
                data = flipped(data, draw.randrange(8, len(data)))
            found.append(Case(f"{ending}: flipped bytes, number {n + 1}", data, ("any",), file=f"t.{ending}"))
    return found


def kinds() -> list[Case]:
    """The clean table with one column more, or in place of a number, of a kind that is none."""
    n = len(columns()["a"])
    odd: dict[str, Any] = {
        "lists": [[i, i + 1] for i in range(n)],
        "empty lists": [[]] * n,
        "structs": [{"u": i, "v": [str(i)]} for i in range(n)],
        "bytes": [bytes([i, 255]) for i in range(n)],
        "nulls": pa.nulls(n),
        "maps": pa.array([[("k", i)] for i in range(n)], pa.map_(pa.string(), pa.int64())),
        "times": pa.array([i * 1000 for i in range(n)], pa.time32("ms")),
        "durations": [timedelta(seconds=i) for i in range(n)],
        "dates of year 1 and 9999": [date(1, 1, 1), date(9999, 12, 31)] * (n // 2),
        "moments far out": pa.array([2**62, -(2**62), 0] * (n // 3), pa.timestamp("us")),
        "days far out": pa.array([2**31 - 1, -(2**31), 0] * (n // 3), pa.date32()),
        "moments in nanoseconds": pa.array([2**63 - 1, -(2**63) + 1, 0] * (n // 3), pa.timestamp("ns")),
        "moments with a zone": pa.array(
            [datetime(2020, 1, 1 + i) for i in range(n)], pa.timestamp("us", "Europe/Zurich")
        ),
        "decimals": [Decimal(i) / 100 for i in range(n)],
        "decimals of 38 digits": [Decimal(10) ** 37 + i for i in range(n)],
        "float16": pa.array([float(i) for i in range(n)], pa.float32()).cast(pa.float16()),
        "uint64": pa.array([2**64 - 1 - i for i in range(n)], pa.uint64()),
        "int8": pa.array(range(n), pa.int8()),
        "dictionary text": pa.array(["u", "v", "w"] * (n // 3)).dictionary_encode(),
        "booleans": [i % 2 == 0 for i in range(n)],
        "text with a zero byte": ["u\0v", "w"] * (n // 2),
    }
    found = []
    for name, values in odd.items():
        for ending, write in (("parquet", as_parquet), ("arrow", as_arrow)):
            try:
                data = write(columns() | {"odd": values})
            except pa.ArrowNotImplementedError:  # Parquet has no such kind
                continue
            says = ("Row 1 of column 'odd'", "years 1 to 9999") if "far out" in name else ()
            found.append(Case(f"{ending}: a column of {name}", data, says, file=f"t.{ending}"))
    nan, inf, large = float("nan"), float("inf"), 1e308
    at = {"a": [*columns()["a"][:4], None, *columns()["a"][5:]]}

    def at_5(value: float, column: str = "a") -> bytes:
        return as_parquet(columns() | {column: [value if v is None else v for v in at["a"]]})

    lists = as_parquet(columns() | {"a": odd["lists"]})
    return [
        *found,
        Case(
            "arrow: intervals",
            as_arrow(columns() | {"odd": pa.array([(1, 2, 3)] * n, pa.month_day_nano_interval())}),
            ("Column 'odd'", "can't be read"),
            file="t.arrow",
        ),
        Case("parquet: NaN", at_5(nan), file="t.parquet"),
        Case("parquet: infinity", at_5(inf), ("Row 5 of column 'a'", "infinite"), file="t.parquet"),
        Case(
            "parquet: minus infinity in the target",
            at_5(-inf, "y"),
            ("Row 5 of column 'y'", "infinite"),
            file="t.parquet",
        ),
        Case("parquet: 1e308", at_5(large), ("Row 5 of column 'a'", "too large"), file="t.parquet"),
        Case("parquet: no rows", as_parquet(pa.table(columns()).slice(0, 0)), ("has no rows",), file="t.parquet"),
        Case("parquet: no columns", as_parquet(pa.table({})), ("has no columns",), file="t.parquet"),
        Case("arrow: no columns", as_arrow(pa.table({})), ("has no columns",), file="t.arrow"),
        Case(
            "parquet: a name twice",
            as_parquet(pa.table(list(columns().values()), ["a", "a", "c", "y"])),
            ("two columns named 'a'",),
            file="t.parquet",
        ),
        Case("parquet: an empty name", as_parquet(columns() | {"": [1.5] * n}), file="t.parquet"),
        Case("parquet: a name with a line end", as_parquet(columns() | {"x\ny": list(range(n))}), file="t.parquet"),
        Case("parquet: lists for a number", lists, new=("column 'a'",), file="t.parquet"),
        Case(
            "parquet: a target of lists",
            as_parquet(columns() | {"y": odd["lists"]}),
            ("'y'", "list"),
            (),
            file="t.parquet",
        ),
        Case(
            "parquet: a target of bytes",
            as_parquet(columns() | {"y": odd["bytes"]}),
            ("'y'", "binary"),
            (),
            file="t.parquet",
        ),
        Case(
            "parquet: a target of nulls",
            as_parquet(columns() | {"y": pa.nulls(n)}),
            ("Every value of the target 'y'",),
            (),
            file="t.parquet",
        ),
        Case(
            "parquet: a target of durations", as_parquet(columns() | {"y": odd["durations"]}), (), (), file="t.parquet"
        ),
    ]


CASES = [*damaged(), *kinds()]
FLIPS = flips()
