"""Reading: any table becomes one frame, and whatever can't be read is told in one or two lines."""

from __future__ import annotations

import gzip
import json

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallline.data import fingerprint, read_table
from fallline.errors import DataError

TABLE = "age,city\n39,Bern\n50,Basel\n"
AS_ROWS = [(39, "Bern"), (50, "Basel")]


@pytest.fixture
def file(tmp_path):
    def write(content: str | bytes, name: str = "table.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def error(source, **options) -> str:
    """What the reader says is wrong: one or two lines."""
    with pytest.raises(DataError) as raised:
        read_table(source, **options)
    assert len(str(raised.value).splitlines()) <= 2
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", TABLE.encode()),
        ("t.CSV", TABLE.encode()),
        ("t.csv.gz", gzip.compress(TABLE.encode(), mtime=0)),
        ("t.csv", gzip.compress(TABLE.encode(), mtime=0)),
        ("t.tsv", TABLE.replace(",", "\t").encode()),
        ("t.txt", TABLE.replace(",", ";").encode()),
        ("t.csv", b"\xef\xbb\xbf" + TABLE.encode()),
        ("t.csv", TABLE.replace("\n", "\r\n").encode()),
        ("t.csv", TABLE.replace("\n", "\r").encode()),
        ("t.csv", TABLE.replace("\n", "\n\n").encode()),
        ("t.csv", TABLE.rstrip().encode()),
        ("t.jsonl", b'{"age": 39, "city": "Bern"}\n{"age": 50, "city": "Basel"}\n'),
        ("t.ndjson.gz", gzip.compress(b'{"age": 39, "city": "Bern"}\n{"age": 50, "city": "Basel"}', mtime=0)),
    ],
)
def test_every_text_format_gives_the_same_table(file, name, content):
    frame = read_table(file(content, name))
    assert frame.columns == ["age", "city"]
    assert frame.rows() == AS_ROWS


@pytest.mark.parametrize("ending", ["parquet", "arrow", "feather", "ipc"])
def test_binary_formats_give_the_same_table(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    frame = pl.DataFrame(AS_ROWS, schema=["age", "city"], orient="row")
    frame.write_parquet(path) if ending == "parquet" else frame.write_ipc(path)
    assert read_table(path).equals(frame)
    assert read_table(str(path)).equals(frame)


def test_an_arrow_stream_is_read_too(tmp_path):
    frame = pl.DataFrame({"a": [1, 2]})
    frame.write_ipc_stream(tmp_path / "t.arrow")
    assert read_table(tmp_path / "t.arrow").equals(frame)


@pytest.mark.parametrize(
    "source",
    [
        pl.DataFrame({"age": [39, 50], "city": ["Bern", "Basel"]}),
        pl.LazyFrame({"age": [39, 50], "city": ["Bern", "Basel"]}),
        pd.DataFrame({"age": [39, 50], "city": ["Bern", " Basel "]}),
        pl.DataFrame({"age": [39, 50], "city": ["Bern", "Basel"]}).to_arrow(),
        nw.from_native(pl.DataFrame({"age": [39, 50], "city": ["Bern", "Basel"]})),
        {"age": [39, 50], "city": ["Bern", "Basel"]},
        np.array([[39, "Bern"], [50, "Basel"]], dtype=object),
    ],
    ids=["polars", "lazy", "pandas", "arrow", "narwhals", "dict", "array"],
)
def test_tables_in_memory_give_the_same_rows(source):
    assert read_table(source).rows() == AS_ROWS


def test_an_array_names_its_columns_and_a_pair_its_target():
    assert read_table(np.eye(2)).columns == ["x1", "x2"]
    assert read_table((np.eye(2), [0, 1])).columns == ["x1", "x2", "target"]
    pair = (pd.DataFrame({"q": [1, 2]}), pd.Series([3, 4], name="other name"))
    assert read_table(pair).to_dict(as_series=False) == {"q": [1, 2], "target": [3, 4]}


def test_every_missing_token_is_null_also_with_white_space(file):
    tokens = ["NA", "NaN", "nan", "N/A", "null", "NULL", "None", "?", "", " ?", " NA ", "  "]
    frame = read_table(file("number,text\n" + "".join(f"{t},{t}\n" for t in tokens) + "1.5,x\n"))
    assert frame["number"].to_list() == [None] * len(tokens) + [1.5]
    assert frame["text"].to_list() == [None] * len(tokens) + ["x"]


def test_missing_values_of_data_frames_are_null():
    frame = read_table(pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None], "c": ["?", " y"]}))
    assert frame.rows() == [(1.0, "x", None), (None, None, "y")]


def test_white_space_around_numbers_and_text_is_stripped(file):
    frame = read_table(file("39, State-gov, 77516\n50, Private, 83311\n"))
    assert frame.rows() == [(39, "State-gov", 77516), (50, "Private", 83311)]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("1,2\n3,4\n", ["column_1", "column_2"]),
        ("39, Private, 1\n50, Local, 2\n", ["column_1", "column_2", "column_3"]),
        ("p,x\np,y\ne,x\n", ["column_1", "column_2"]),
        ("class,cap\np,x\ne,y\n", ["class", "cap"]),
        ("a,b\n1,x\n", ["a", "b"]),
        ("id,2020\nx,1.5\n", ["column_1", "column_2"]),
        ("0,1,2\n7,8,9\n", ["0", "1", "2"]),
        (",a\n0,5\n1,6\n", ["unnamed_1", "a"]),
        ("name,when\nx,2020-01-01\n", ["name", "when"]),
        ("who,alone\nx,True\ny,False\n", ["who", "alone"]),
        ("a,b\n?,1\n", ["a", "b"]),
        ("5\n", ["column_1"]),
    ],
)
def test_a_header_is_told_from_data(file, content, names):
    assert read_table(file(content)).columns == names


def test_the_header_can_be_told(file):
    path = file("a,b\n1,2\n")
    assert read_table(path, header=False).rows() == [("a", "b"), ("1", "2")]
    assert read_table(file("1,2\n3,4\n"), header=True).columns == ["1", "2"]


def test_a_type_that_only_a_late_row_breaks_is_found(file):
    lines = ["n,m"] + ["1,1"] * 12_000 + ["2.5,x"]
    frame = read_table(file("\n".join(lines)))
    assert frame["n"].dtype == pl.Float64
    assert frame["m"].dtype == pl.String
    assert frame.rows()[-1] == (2.5, "x")


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ('a,b\n"x,\ny",2\n"q ""z""",3\n', [("x,\ny", 2), ('q "z"', 3)]),
        ('name,size\n5" disk,2\n3" x,3\n', [('5" disk', 2), ('3" x', 3)]),
        ('name,size\n5" disk,2\nx,3\n', [('5" disk', 2), ("x", 3)]),
        ('a,b\n"1","2"\n', [(1, 2)]),
        ("a;b\n1,5;2\n2,25;3\n", [(1.5, 2), (2.25, 3)]),
        ("a,b,\n1,2,\n", [(1, 2, None)]),
        ("a\n1\n\n3\n", [(1,), (None,), (3,)]),
        ("a,b\ntrue,False\nfalse,True\n", [(True, False), (False, True)]),
    ],
    ids=["quoted", "inches", "one inch", "quoted numbers", "decimal comma", "trailing comma", "one column", "bools"],
)
def test_the_ways_people_write_csv_are_understood(file, content, rows):
    assert read_table(file(content)).rows() == rows


@given(
    cells=st.lists(
        st.tuples(st.text("ab ,\"\n;'\t", max_size=6), st.integers(-9, 9), st.text("xyz", min_size=1, max_size=3)),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=60, deadline=None)
def test_what_polars_writes_is_read_back(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    frame = pl.DataFrame(cells, schema=["first", "second", "third"], orient="row")
    frame.write_csv(path)
    meant = frame["first"].str.strip_chars()
    got = read_table(path)
    assert got["first"].fill_null("").cast(pl.String).to_list() == meant.to_list()
    assert got["second"].to_list() == frame["second"].to_list()
    assert got["third"].to_list() == frame["third"].to_list()


@pytest.mark.parametrize("written", ["inf", "-Infinity", "1e999", "-inf"])
def test_an_infinite_number_is_named_by_row_and_column(file, written):
    said = error(file(f"a,price\n1,2.5\n2,{written}\n3,4.5\n"))
    assert "Row 2" in said
    assert "'price'" in said


def test_an_infinite_number_in_a_data_frame_is_named():
    assert "Row 2 of column 'x2'" in error(np.array([[1.0, 2.0], [3.0, -np.inf]]))
    assert "Row 1 of column 'a'" in error({"a": ["inf", "2"]})


def test_a_missing_file_is_told_with_near_matches(file):
    path = file(TABLE, "housing.csv")
    said = error(path.with_name("housng.csv"))
    assert "no file" in said
    assert "Did you mean housing.csv?" in said
    assert "no folder" in error("/no/such/folder/t.csv")


def test_a_folder_without_files_is_no_table(tmp_path):
    assert "is a folder" in error(tmp_path)


@pytest.mark.parametrize("content", ["", "\n\n", "  \n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_told(file, content):
    assert "empty" in error(file(content))


def test_a_header_alone_is_told(file):
    assert "no rows below it" in error(file("age,city\n"))
    assert "no rows below it" in error(file("1,2\n"), header=True)


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        ("a,b\n1,2\n3,4,5\n", "Line 3", "3 fields"),
        ("a,b\n1,2\n3\n4,5\n", "Line 3", "1 field,"),
        ('a,b\n"x\ny",2\n3,4,5\n', "Line 4", "3 fields"),
        ("a,b\n\n1,2,3\n", "Line 3", "3 fields"),
    ],
)
def test_a_ragged_row_is_named_with_fields_found_and_expected(file, content, line, found):
    said = error(file(content))
    assert said.startswith(line)
    assert found in said
    assert "has 2" in said


def test_an_open_quote_mark_swallows_no_rows(file):
    assert "from line 3 on" in error(file('a,b\n1,x\n2,"open\n3,y\n4,z\n'))


def test_a_wrong_encoding_is_told_with_line_and_byte(file):
    said = error(file("a,b\n1,x\n2,é\n".encode("latin1")))
    assert "not UTF-8: line 3, byte 11 is 0xe9" in said
    assert "iconv" in said
    assert "UTF-16" in error(file(TABLE.encode("utf-16")))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"a,b\n1,\0\n", "byte 7 is zero"),
        (b"\x89PNG\r\n\x1a\n\0", "PNG"),
        (b"PK\x03\x04....", "zip"),
        (b"PAR1....PAR1", "parquet"),
    ],
)
def test_a_binary_file_named_csv_is_told(file, content, what):
    assert what in error(file(content))


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("t.parquet", b"a,b\n1,2\n", "no parquet file"),
        ("t.parquet", b"PAR1 cut PAR1", "damaged"),
        ("t.arrow", b"ARROW1 cut", "damaged"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "gzip"),
        ("t.xlsx", b"PK\x03\x04", "Known: .csv"),
        ("t", b"a\n1\n", "Known: .csv"),
        ("t.jsonl", b'{"a": 1}\n{"a":\n', "Line 2"),
        ("t.jsonl", b"[1]\n", "Line 1"),
        ("t.jsonl", b'{"a": 1}\n{"a": Infinity}\n', "Row 2 of column 'a'"),
    ],
)
def test_damaged_and_unknown_files_are_told(file, name, content, what):
    assert what in error(file(content, name))


def test_two_columns_of_one_name_are_told(file):
    assert "two columns named 'a': number 1 and number 3" in error(file("a,b,a\n1,2,3\n"))
    assert "two columns named 'a'" in error(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (5, "int is no table"),
        (None, "no table"),
        ([1, 2], "list is no table"),
        (np.arange(3), "1 dimensions"),
        ({}, "no columns"),
        (pl.DataFrame({"a": []}), "no rows"),
        ({"a": [1, 2], "b": [1]}, "differ in length"),
        ((np.eye(2), [1]), "X has 2 rows, but y has 1"),
        ((np.eye(2), np.eye(2)), "y has 2 dimensions"),
        ((np.eye(2), [1, 2], 3), "3 parts"),
        (({"target": [1]}, [2]), "'target'"),
    ],
)
def test_what_is_no_table_is_told(source, what):
    assert what in error(source)


def test_mixed_values_become_text():
    assert read_table({"a": [1, "x"]}).rows() == [("1",), ("x",)]
    assert read_table(pd.DataFrame({"a": [1, "x"]})).rows() == [("1",), ("x",)]


def test_a_fingerprint_changes_with_the_content(file):
    path = file(TABLE)
    before = fingerprint(path)
    assert before["name"] == "table.csv"
    assert before["path"] == str(path)
    assert before["size"] == len(TABLE)
    assert fingerprint(file(TABLE + "1,x\n"))["sha256"] != before["sha256"]
    assert json.loads(json.dumps(before)) == before


def test_a_fingerprint_of_a_frame_is_that_of_its_values():
    of = fingerprint({"a": [1, 2], "b": ["x", None]})
    assert of == fingerprint(pl.DataFrame({"a": [1, 2], "b": ["x", None]}))
    for other in ({"a": [1, 3], "b": ["x", None]}, {"a": [1, 2], "c": ["x", None]}, {"a": [1, 2], "b": [None, "x"]}):
        assert fingerprint(other)["sha256"] != of["sha256"]
    with pytest.raises(DataError, match="can't be read"):
        fingerprint("/no/such/file.csv")
