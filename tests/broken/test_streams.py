"""Whatever a table holds, reading it piece by piece gives the rows that reading it at once gives, or the same words."""

from __future__ import annotations

import gzip

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broken.case import Case, clean, is_clear
from broken.packed import lines, no_files
from broken.test_readers import PIECES, ROWS, polars_parquet
from broken.test_run_folder import DAMAGE, damaged
from broken.test_tables import CASES, FLIPS
from fallline.data import read_table
from fallline.data.content import unpacked
from fallline.data.stream import convert, texts
from fallline.data.stream.convert import source_of
from fallline.data.stream.pieces import Plan, sample
from fallline.errors import DataError
from fallline.settings import check
from fallline.streamed import stream_table

SMALL = 4_000  # bytes of a text that is read in pieces of a line or two
WHOLE = {
    "gzip in gzip",  # refused both ways: what is no text has no records to end a piece with
    "JSON lines: half a surrogate pair beside mixed values",  # told or missing: the fast reader of lines drops it
}


@pytest.fixture
def tiny(monkeypatch):
    """Pieces of a line or two, after the first."""
    monkeypatch.setattr(texts, "LOOKED_AT", 1)
    monkeypatch.setattr(texts, "FEWEST_LINES", 10)
    monkeypatch.setattr(convert, "SMALLEST", 40)


def at_once(path, header) -> pl.DataFrame | str:
    try:
        return read_table(path, header=header)
    except DataError as error:
        return str(error)


def in_pieces(path, folder, header) -> pl.DataFrame | str:
    """All rows, tidied piece by piece as the sample says."""
    to = folder / "pieces"
    to.mkdir(exist_ok=True)
    try:
        source = source_of([path], to, header=header, bound=1)
        _, frame = sample(source, 10**6)
        kinds = dict(zip(frame.columns, frame.dtypes, strict=True))
        plan = Plan(kinds, frame.columns[-1], 0, 0.15, 0.15, None, lambda rows, there: there.astype(float))
        return pl.concat([piece.frame for piece in plan.pieces(source)])
    except DataError as error:
        return str(error)


def same(path, folder, header=None) -> None:
    """Equal rows, or equal words; whole numbers that Arrow can't hold are floats."""
    want, got = at_once(path, header), in_pieces(path, folder, header)
    if isinstance(want, str) or isinstance(got, str):
        assert want == got
        assert is_clear(DataError(want))
        return
    plain = [
        pl.col(name) if not kind.is_nested() else pl.lit(None).alias(name)
        for name, kind in want.select(want.columns).schema.items()
    ]
    as_held = pl.col(pl.Int128).cast(pl.Float64), pl.col(pl.Categorical, pl.Enum).cast(pl.String)
    want, got = (frame.select(plain).with_columns(*as_held) for frame in (want, got))
    assert want.schema == got.schema
    assert want.equals(got)


NO_FILES = {case.name for case in no_files()}
STREAMED = {
    name: case
    for name, case in (CASES | FLIPS).items()
    if name not in NO_FILES and not case.file.endswith((".arrow", ".feather", ".ipc"))
}


@pytest.mark.parametrize("name", STREAMED)
def test_a_broken_table_is_read_in_pieces_as_it_is_at_once(name, tmp_path, monkeypatch, request):
    case: Case = STREAMED[name]
    path = case.put(tmp_path)
    header = True if "--header" in case.options else False if "--no-header" in case.options else None
    if path.stat().st_size < SMALL and name not in WHOLE:
        request.getfixturevalue("tiny")
    same(path, tmp_path, header)
    said = ""
    try:  # and on to its prepared rows
        stream_table(path, "y", check(), 1, header=header)
    except DataError as error:
        said = str(error)
    assert not said or is_clear(DataError(said))


LONG = clean(30_000)


def late(line: bytes) -> bytes:
    """A table of two pieces at least, with one line of the second replaced."""
    found = LONG.split(b"\n")
    found[25_000] = line
    return b"\n".join(found)


LATE = {
    "a short line": late(b"1,2.5,u"),
    "a long line": late(b"1,2.5,u,3,4"),
    "a zero byte": late(b"1,2.5,u\0v,3"),
    "a byte that is not UTF-8": late(b"1,2.5,\xe9,3"),
    "a quote left open": late(b'1,2.5,"u,3'),
    "quotes before a text": late(b'""""""""a,2.5,u,3'),
    "a quote in a field": late(b'1,2.5,5" pipe,3'),
    "a record of two lines": late(b'1,2.5,"u\nv",3'),
    "blank lines at the top": b"\n\n" + late(b"1,2.5,u,3"),
    "lines that end in CR": LONG.replace(b"\n", b"\r"),
    "lines that end in CR LF": late(b"1,2.5,\xe9,3").replace(b"\n", b"\r\n"),
    "decimal commas": LONG.replace(b",", b";").replace(b".", b","),
    "decimal commas but in one cell": late(b"1,x,u,3").replace(b",", b";").replace(b".", b","),
    "a mark of the byte order in a later line": late("\ufeff1,2.5,u,3".encode()),
    "packed": gzip.compress(LONG),
    "JSON: a key that comes late": lines([*ROWS * 400, *({**row, "d": 1.5} for row in ROWS)]),
    "JSON: fractions that come late": lines([*({**row, "a": 7} for row in ROWS * 400), *ROWS]),
    "JSON: a text that comes late": lines([*ROWS * 400, {**ROWS[0], "a": "oops"}]),
    "JSON: lists that come late": lines([*ROWS * 400, {**ROWS[0], "a": [1]}]),
    "JSON: nothing at first": lines([*({**row, "a": None} for row in ROWS * 400), *ROWS]),
    "JSON: an object cut short": lines(ROWS * 400) + b'{"a": 1',
}


@pytest.mark.parametrize("name", LATE)
def test_what_is_odd_past_the_first_piece_is_read_or_told_as_at_once(name, tmp_path):
    path = tmp_path / ("t.jsonl" if name.startswith("JSON") else "t.csv")
    path.write_bytes(LATE[name])
    assert unpacked(path, 2**20)[0] > 1.5 * convert.SMALLEST
    same(path, tmp_path)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_any_text_below_a_table_is_read_in_pieces_as_at_once(ending, tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("read")
    path, whole = folder / f"t.{ending}", clean() if ending == "csv" else lines(ROWS)
    drawn = st.one_of(st.sampled_from(PIECES), st.sampled_from(whole.decode().splitlines(keepends=True)))

    @given(st.lists(drawn, max_size=40))
    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    def read(pieces):
        path.write_bytes(whole + "".join(pieces).encode())
        same(path, folder, header=True)

    read()


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_damaged_table_is_read_in_pieces_as_at_once(ending, tmp_path_factory):
    folder = tmp_path_factory.mktemp("read")
    whole = {"csv": clean(), "jsonl": lines(ROWS), "parquet": polars_parquet()}[ending]
    path = folder / f"t.{ending}"

    @given(st.lists(DAMAGE, min_size=1, max_size=3))
    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    def mutate(damage):
        data = whole
        for how, place, what in damage:
            data = damaged(data, how, place, what) if data else data
        path.write_bytes(data)
        same(path, folder)

    mutate()
