"""Bad input gives one or two lines that say what, where and what to do, and nothing that was there is lost."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import polars as pl
import pytest

ROWS = b"".join(b"%d,%d\n" % (i, i * i % 17) for i in range(30))
TEXTS = b"".join(b"%d,%s\n" % (i, b"yes" if i % 3 else b"no") for i in range(30))

# name -> content of the file, options, words of the error
TABLES = {
    "an empty file": (b"", [], ["is empty", "at least one row"]),
    "white space only": (b" \n\n", [], ["is empty"]),
    "a header only": (b"a,y\n", [], ["no rows below", "Add rows"]),
    "a row too short": (b"a,y\n1,2\n3\n5,6\n", [], ["Line 3"]),
    "a row too long": (b"a,y\n1,2\n3,4,5\n5,6\n", [], ["Line 3"]),
    "Latin-1 text": (b"a,y\n1,2\ncaf\xe9,3\n", [], ["line 3", "UTF-8"]),
    "UTF-16 text": ("a,y\n1,2\n".encode("utf-16"), [], ["UTF-16", "Save it as UTF-8"]),
    "a zero byte": (b"a,y\n1,2\n\0,3\n", [], ["binary", "Name a CSV file"]),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", [], ["PNG", "ending"]),
    "a Parquet file": (b"PAR1" + b"\x15\x04" * 20 + b"PAR1", [], ["parquet", "ending"]),
    "a zip file": (b"PK\x03\x04" + b"x" * 40, [], ["zip"]),
    "half a gzip file": (gzip.compress(b"a,y\n" + ROWS)[:60], [], ["gzip", "again"]),
    "a name that comes twice": (b"a,a,y\n1,2,3\n", [], ["two columns named 'a'", "number 1 and number 2"]),
    "an infinite number": (b"a,y\n1,2\n3,4\ninf,6\n7,8\n", [], ["Row 3 of column 'a'", "leave the cell empty"]),
    "minus infinity": (b"a,y\n1,2\n-Infinity,4\n5,6\n7,8\n", [], ["Row 2 of column 'a'"]),
    "an infinite target": (b"a,y\n1,2\n3,-inf\n5,6\n7,8\n", [], ["Row 2 of column 'y'"]),
    "a target that is absent": (b"a,yy\n" + ROWS, [], ["Unknown column 'y'", "Did you mean yy?"]),
    "a constant target": (b"a,y\n" + b"1,5\n2,5\n" * 9, [], ["'y' is constant", "5 in every row"]),
    "a target all missing": (b"a,y\n" + b"1,\n2,NA\n3,NaN\n" * 9, [], ["Every value of the target 'y' is missing"]),
    "a text in a target of numbers": (
        b"a,y\n1,2\n3,four\n" + ROWS,
        ["--model", "linear", "--loss", "squared"],
        ["row 2", "'y' is 'four'"],
    ),
    "one class only": (b"a,y\n" + b"1,same\n2,same\n" * 9, [], ["one class only", "'same'"]),
    "a class in each row": (
        b"a,y\n" + b"".join(b"%d,name%d\n" % (i, i) for i in range(60)),
        [],
        ["60 classes in 60 rows"],
    ),
    "fewer rows than the split needs": (b"a,y\n1,2\n3,4.5\n5,7\n", [], ["3 rows, but 4 are needed"]),
    "no column to learn from": (b"a,y\n" + b"1,2\n1,3\n" * 9, [], ["No column is left", "constant"]),
    "a batch larger than the data": (b"a,y\n" + ROWS, ["--batch", "31"], ["only 22 training rows", "at most 22"]),
    "a loss that needs classes": (b"a,y\n" + ROWS, ["--model", "linear", "--loss", "poisson:1"], ["poisson"]),
    "a loss of numbers for classes": (b"a,y\n" + TEXTS, ["--loss", "huber:1"], ["'y' is 'no'", "numbers"]),
    "a model of classes for numbers": (b"a,y\n" + ROWS, ["--model", "logistic"], ["logistic", "2 classes"]),
    "counts below 0": (b"a,y\n1,-2\n" + ROWS, ["--loss", "poisson"], ["needs counts", "-2"]),
    "a share of 1": (b"a,y\n" + ROWS, ["--test", "1"], ["share of test rows is 1.0"]),
    "shares above 1": (b"a,y\n" + ROWS, ["--test", "0.6", "--validation", "0.5"], ["less than 1"]),
    "a measure of classes": (b"a,y\n" + ROWS, ["--metric", "auc"], ["'auc'", "rmse"]),
    "weights below 0": (b"a,y,w\n" + b"1,2,1\n2,3,-1\n3,1,2\n" * 9, ["--weights", "w"], ["Row 2 has -1", "0 or more"]),
    "a part that is none": (b"a,y,p\n" + b"1,2,train\n2,3,tain\n" * 9, ["--split", "p"], ["Row 2", "'tain'"]),
    "a column of words as numbers": (b"a,y\nx,1\n" + ROWS, ["--type", "a=number"], ["Row 1 of column 'a' is 'x'"]),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_will_not_do_is_named_with_its_place_and_leaves_no_run(fails, tmp_path, name):
    content, options, words = TABLES[name]
    path = tmp_path / ("bad.csv.gz" if "gzip" in name else "bad.csv")
    path.write_bytes(content)
    said = fails("train", str(path), "--target", "y", "--runs", str(tmp_path / "runs"), *options)
    assert all(word in said for word in words), said
    assert path.read_bytes() == content
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "nan", "null", "None", "?"])
def test_a_cell_that_stands_for_a_missing_value_is_no_error(command, tmp_path, cell):
    rows = [f"{i},{cell if i % 4 == 0 else i * 2},{3 * i + 1}" for i in range(24)]
    (tmp_path / "gaps.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    words = ["--steps", "3", "--rate", "0.1", "--batch", "full", "--no-report", "--json", "--runs", str(tmp_path)]
    code, out, _ = command("train", str(tmp_path / "gaps.csv"), "--target", "y", *words)
    assert code == 0
    kept = json.loads(Path(json.loads(out)["path"], "run.json").read_text())["data"]
    assert "b is missing" in kept["features"]
    assert {c["name"]: c["missing"] for c in kept["columns"]} == {"a": 0, "b": 6}


# options of train -> words of the error
OPTIONS = {
    "--rate -1": ["rate is -1", "above 0", "auto"],
    "--rate 0": ["rate is 0", "above 0"],
    "--rate nan": ["rate is nan"],
    "--rate inf": ["rate is inf"],
    "--rate fast": ["rate is 'fast'"],
    "--batch 0": ["batch is 0", "at least 1"],
    "--batch -4": ["batch is -4"],
    "--batch 2.5": ["batch is '2.5'"],
    "--batch many": ["batch is 'many'"],
    "--epochs 0": ["epochs is 0"],
    "--epochs ten": ["'--epochs'"],
    "--steps 0": ["steps is 0"],
    "--seconds 0": ["seconds is 0"],
    "--seconds nan": ["seconds is nan"],
    "--clip 0": ["clip is 0"],
    "--l2 -1": ["l2 is -1"],
    "--l1 nan": ["l1 is nan"],
    "--seed -1": ["seed is -1"],
    "--precision 16": ["precision is 16", "32 or 64"],
    "--model liner": ["Unknown model 'liner'", "Did you mean linear"],
    "--model mlp:0": ["mlp:0", "whole numbers"],
    "--model mlp:8;8": ["Example: mlp:64,64"],
    "--model linear:3": ["only mlp takes sizes"],
    "--loss huberr": ["Unknown loss 'huberr'", "Did you mean huber"],
    "--loss huber:-1": ["above 0"],
    "--loss quantile:2": ["between 0 and 1"],
    "--loss squared:2": ["squared takes 0 at most"],
    "--loss hinge": ["classes"],
    "--rule adma": ["Unknown rule 'adma'", "Did you mean adam"],
    "--rule momentum:1": ["below 1"],
    "--rule momentum:x": ["after the colon come numbers"],
    "--schedule cosinus": ["Unknown schedule 'cosinus'", "Did you mean cosine"],
    "--schedule step:0.5,0": ["above 0"],
    "--stop platau": ["Unknown stop 'platau'", "Did you mean plateau"],
    "--average tails": ["Unknown average 'tails'", "Did you mean tail"],
    "--average tail:2": ["at most 1"],
    "--activation relux": ["Unknown activation 'relux'", "Did you mean relu"],
    "--output sofmax": ["Unknown output 'sofmax'", "Did you mean softmax"],
    "--init hee": ["Unknown init 'hee'", "Did you mean he"],
    "--init normal": ["normal:SD"],
    "--metric rms": ["'rms'", "Did you mean rmse"],
    "--class-weight balanced": ["needs classes"],
    "--type town": ["names no kind", "zip=category"],
    "--type town=numbers": ["Did you mean number"],
    "--type twon=number": ["Unknown column 'twon'", "Did you mean town"],
    "--type town=number": ["Row 1 of column 'town'"],
    "--split part": ["Unknown column 'part'"],
    "--weights weigth": ["Unknown column 'weigth'"],
    "--no-header": ["Unknown column 'price'", "column_1"],
    "--epoch 3": ["--epoch", "--epochs"],
    "--target": ["requires an argument"],
}


@pytest.mark.parametrize("options", OPTIONS)
def test_an_option_that_will_not_do_is_told_with_what_would_and_leaves_no_run(fails, tmp_path, options):
    said = fails("train", "houses.csv", "--target", "price", "--runs", str(tmp_path / "runs"), *options.split())
    assert all(word in said for word in OPTIONS[options]), said
    assert not list(tmp_path.glob("runs/*"))


USAGE = {
    "--nope": ["No such option: --nope", "`fallline --help`"],
    "trian": ["No such command 'trian'"],
    "train": ["Missing argument 'TABLE'", "`fallline train --help`"],
    "train houses.csv": ["Missing option '--target'", "`fallline train --help`"],
    "train houses.csv more.csv --target price": ["unexpected extra argument"],
    "show": ["Missing argument 'RUN'"],
    "show last --step two": ["'--step'", "`fallline show --help`"],
    "predict last": ["Missing argument 'TABLE'"],
    "report": ["Missing argument 'RUN'"],
    "runs --runs": ["'--runs' requires an argument"],
    "train none.csv --target price": ["There is no file 'none.csv'"],
    "train hoses.csv --target price": ["Did you mean houses.csv?"],
    "train no/where.csv --target price": ["no folder 'no'"],
}


@pytest.mark.parametrize("words", USAGE)
def test_a_command_that_will_not_do_is_told_in_two_lines_as_well(fails, words):
    said = fails(*words.split())
    assert all(word in said for word in USAGE[words]), said


ABSENT = {
    "show nothing-like-it": ["Unknown run 'nothing-like-it'", "fallline runs"],
    "show 2": ["begins the names of 2 runs", "Give more of it"],
    "show last --step 0": ["has no step 0", "It has steps 1 to"],
    "show last --step 4000000": ["has no step 4,000,000", "It has steps 1 to"],
    "predict last none.csv": ["There is no file 'none.csv'"],
    "predict last houses.csv --out a.txt": ["neither .csv nor .parquet"],
    "predict last houses.csv --out no/such/a.csv": ["no/such/a.csv can't be written", "no such file"],
    "report last --out no/such/a.html": ["no/such/a.html can't be written"],
}


@pytest.mark.parametrize("words", ABSENT)
def test_what_is_not_there_is_told_with_what_is(fails, linear, words):
    twin = linear.path.with_name(linear.path.name + "-twin")
    if not twin.exists():
        shutil.copytree(linear.path, twin)
    said = fails(*words.split(), "--runs", "kept")
    assert all(word in said for word in ABSENT[words]), said


def test_a_folder_without_runs_is_told_by_show_and_is_no_error_for_runs(fails, command, tmp_path):
    assert "There are no runs in" in fails("show", "last", "--runs", str(tmp_path / "none"))
    code, out, _ = command("runs", "--runs", str(tmp_path / "none"))
    assert code == 0
    assert "fallline train TABLE --target COLUMN" in out


NEW_ROWS = {
    "size,rooms\n3000,1\n2000,2\n": ["lacks a column", "'town'"],
    "sizes,rooms,town\n3000,1,a\n2000,2,b\n": ["'size'", "Did you mean 'sizes'"],
    "size,rooms,town\n3000,1,a\nlarge,2,b\n": ["Row 2 of column 'size' is 'large'", "not a number"],
    "size,rooms,town\n3000,1,a\ninf,2,b\n": ["Row 2 of column 'size'", "infinite"],
    "size,rooms,town\n": ["no rows below"],
    "": ["is empty"],
}


@pytest.mark.parametrize("rows", NEW_ROWS)
def test_new_rows_that_will_not_do_are_told_and_nothing_is_written(fails, linear, tmp_path, rows):
    (tmp_path / "new.csv").write_text(rows)
    said = fails("predict", str(linear.path), str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv"))
    assert all(word in said for word in NEW_ROWS[rows]), said
    assert [p.name for p in tmp_path.iterdir()] == ["new.csv"]


def test_a_category_never_seen_and_gaps_in_new_rows_are_predicted(command, linear, tmp_path):
    (tmp_path / "new.csv").write_text("size,rooms,town\n3000,1,elsewhere\nNA,,\n")
    code, out, _ = command("predict", str(linear.path), str(tmp_path / "new.csv"))
    assert code == 0
    assert pl.read_csv(out.encode())["prediction"].is_finite().all()


@pytest.mark.parametrize("words", [["predict", "RUN", "houses.csv", "--out"], ["report", "RUN", "--out"]])
def test_a_file_that_is_there_is_overwritten_only_when_forced(command, fails, linear, tmp_path, words):
    path = tmp_path / "mine.csv"
    path.write_text("mine")
    words = [str(linear.path) if word == "RUN" else word for word in words]
    assert "--force" in fails(*words, str(path))
    assert path.read_text() == "mine"
    assert command(*words, str(path), "--force")[0] == 0
    assert len(path.read_text()) > 100


def test_training_twice_in_the_same_second_makes_two_folders(command, tmp_path):
    for _ in range(2):
        words = ["--steps", "2", "--rate", "0.1", "--quiet", "--no-report", "--runs", str(tmp_path), "--name", "same"]
        assert command("train", "houses.csv", "--target", "price", *words)[0] == 0
    assert len(list(tmp_path.iterdir())) == 2


SPOILED = {
    "{": "damaged",
    "[]": "damaged",
    "\0\1\2": "damaged",
    "": "damaged",
    '{"format": null}': "damaged",
    '{"format": 1}': "lacks created",
    '{"format": 1, "verdict": "good"}': "verdict",
    '{"format": 2}': "format 2, but this Fallline reads formats up to 1",
    '{"format": 99}': "newer Fallline",
}


@pytest.mark.parametrize("text", SPOILED)
def test_a_run_folder_that_is_damaged_or_newer_is_told_by_every_command(fails, command, tmp_path, text):
    folder = tmp_path / "2026-01-01-000000-old"
    folder.mkdir()
    (folder / "run.json").write_text(text)
    commands = (["show"], ["show", "--json"], ["show", "--step", "1"], ["predict", "houses.csv"], ["report"])
    for first, *rest in commands:
        said = fails(first, str(folder), *rest)
        assert SPOILED[text] in said
        assert str(folder) in said
    code, out, _ = command("runs", "--runs", str(tmp_path))
    assert code == 0
    assert "damaged" in out
    assert [p.name for p in folder.iterdir()] == ["run.json"]


@pytest.mark.parametrize("key", ["settings", "asked", "data", "target", "preparation", "parameters", "metric"])
def test_a_run_that_has_lost_a_part_of_its_contents_is_told(fails, linear, tmp_path, key):
    copy = Path(shutil.copytree(linear.path, tmp_path / "copy"))
    contents = json.loads((copy / "run.json").read_text())
    del contents[key]
    (copy / "run.json").write_text(json.dumps(contents))
    assert f"lacks {key}" in fails("show", str(copy))


@pytest.mark.parametrize(
    ("lost", "words", "said"),
    [
        ("weights.safetensors", ["predict", "houses.csv"], "is not there"),
        ("run.json", ["show"], "no run.json"),
    ],
)
def test_a_file_that_a_run_has_lost_is_named(fails, linear, tmp_path, lost, words, said):
    copy = Path(shutil.copytree(linear.path, tmp_path / "copy"))
    (copy / lost).unlink()
    told = fails(words[0], str(copy), *words[1:])
    assert said in told
    assert lost in told


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ("weights.safetensors", ["predict", "houses.csv"]),
        ("trace/00000.parquet", ["show", "--step", "7"]),
        ("trace/00000.parquet", ["report"]),
        ("evidence/slice.parquet", ["report"]),
    ],
)
def test_a_file_of_a_run_that_is_cut_short_is_named(fails, linear, tmp_path, spoiled, words):
    copy = Path(shutil.copytree(linear.path, tmp_path / "copy"))
    content = (copy / spoiled).read_bytes()
    (copy / spoiled).write_bytes(content[: len(content) // 2])
    told = fails(words[0], str(copy), *words[1:])
    assert spoiled in told
    assert "damaged" in told


def test_a_table_that_changed_since_is_told_when_a_step_is_asked_for(fails, command, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,y\n" + ROWS)
    words = [
        "--target",
        "y",
        "--steps",
        "3",
        "--rate",
        "0.1",
        "--quiet",
        "--no-report",
        "--runs",
        str(tmp_path / "runs"),
    ]
    assert command("train", str(path), *words)[0] == 0
    asked = ["show", "last", "--step", "2", "--runs", str(tmp_path / "runs")]
    assert command(*asked)[0] == 0
    path.write_bytes(b"a,y\n" + ROWS + b"1,1\n")
    assert command(*asked)[0] == 0  # it was measured before
    asked[3] = "3"
    assert "t.csv has changed since" in fails(*asked)
    path.unlink()
    assert "t.csv, which is no longer at hand" in fails(*asked)
    assert command("show", "last", "--runs", str(tmp_path / "runs"))[0] == 0
