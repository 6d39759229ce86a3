"""Whatever bytes stand in a file, reading gives a table or a DataError in two lines."""

from __future__ import annotations

import io

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broken.binaries import as_arrow, as_parquet, as_polars, as_stream
from broken.case import clean, columns, is_clear, with_cell
from broken.packed import GZIP, lines
from broken.test_run_folder import DAMAGE, damaged
from fallline.data import infer, read_table
from fallline.errors import DataError

ROWS = [dict(zip(columns(), values, strict=True)) for values in zip(*columns().values(), strict=True)]
WHOLE = {
    "t.csv": clean(),
    "quoted.csv": with_cell('"u ""v"", w\nx"', "c"),
    "t.csv.gz": GZIP,
    "t.jsonl": lines(ROWS),
    "t.parquet": as_parquet(columns()),
    "t.arrow": as_arrow(columns()),
    "t.feather": as_stream(columns()),
    "polars.arrow": as_polars(columns()),
}
PIECES = [
    '"',
    ",",
    "\n",
    "\r",
    "\r\n",
    ";",
    "\t",
    "a",
    "1",
    "-",
    ".",
    "e",
    " ",
    "inf",
    "NaN",
    "\0",
    "\ufeff",
    "\u2028",
    "é",
    "'",
    "\\",
]


def polars_parquet() -> bytes:
    out = io.BytesIO()
    pl.DataFrame(columns()).write_parquet(out)
    return out.getvalue()


def reads(path) -> None:
    """The table is read, and its columns are understood, or a DataError says in two lines what is wrong."""
    try:
        frame = read_table(path)
        assert frame.height > 0
        infer(frame, target=frame.columns[-1])
    except DataError as error:
        if not is_clear(error):
            raise


@pytest.mark.parametrize("name", [*WHOLE, "polars.parquet"])
def test_a_damaged_table_is_read_or_told(name, tmp_path_factory):
    path, whole = tmp_path_factory.mktemp("read") / name, WHOLE.get(name) or polars_parquet()

    @given(st.lists(DAMAGE, min_size=1, max_size=3))
    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    def mutate(damage):
        data = whole
        for how, place, what in damage:
            data = damaged(data, how, place, what) if data else data
        path.write_bytes(data)
        reads(path)

    mutate()


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_any_text_is_read_or_told(ending, tmp_path_factory):
    path = tmp_path_factory.mktemp("read") / f"t.{ending}"

    @given(st.lists(st.sampled_from(PIECES), max_size=60))
    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    def read(pieces):
        path.write_text("".join(pieces), encoding="utf-8", newline="")
        reads(path)

    read()


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "parquet", "arrow"])
def test_any_bytes_are_read_or_told(ending, tmp_path_factory):
    path = tmp_path_factory.mktemp("read") / f"t.{ending}"
    marks = {"parquet": b"PAR1", "arrow": b"ARROW1", "csv.gz": b"\x1f\x8b\x08"}

    @given(st.binary(max_size=80))
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    def read(data):
        mark = marks.get(ending, b"")
        path.write_bytes(mark + data + mark)
        reads(path)

    read()
