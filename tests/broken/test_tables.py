"""Every broken table is trained on and predicted from: a right model, or two lines that say what, where and what to do.

The corpus says which of the two, and what the lines name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest

import fallline as fl
from broken import binaries, numbers, packed, sizes, texts
from broken.case import Case, clean

CASES = {case.name: case for part in (texts, sizes, numbers, binaries, packed) for case in part.CASES}
FLIPS = {case.name: case for case in binaries.FLIPS}
FEW = ("--steps", "3", "--rate", "0.05", "--batch", "full", "--no-report", "--quiet")


def test_the_corpus_has_200_tables_each_of_its_own_name_and_bytes(tmp_path):
    assert len(CASES) == sum(len(part.CASES) for part in (texts, sizes, numbers, binaries, packed))
    told = {(case.file, case.options, case.data) for case in CASES.values() if isinstance(case.data, bytes)}
    assert len(told) >= 200


@pytest.mark.parametrize("name", CASES)
def test_a_broken_table_gives_a_right_model_or_a_clear_error(command, clean_run, tmp_path, name):
    check(CASES[name], command, clean_run, tmp_path)


@pytest.mark.parametrize("name", FLIPS)
def test_a_file_with_flipped_bytes_gives_a_model_or_a_clear_error(command, clean_run, tmp_path, name):
    check(FLIPS[name], command, clean_run, tmp_path)


def check(case: Case, command, clean_run, folder) -> None:
    path, runs = case.put(folder), folder / "runs"
    code, said = command("train", str(path), "--target", "y", "--runs", str(runs), *FEW, *case.options)
    expect(case.says, code, said)
    if code == 0:
        (run,) = runs.iterdir()
        assert all(np.isfinite(array).all() for array in fl.open_run(run).weights().values())
        assert all(np.isfinite(list(numbers_in(fl.open_run(run).metrics["train"]))))
        new = folder / "clean.csv"
        new.write_bytes(clean())
        expect((), *command("predict", str(run), str(path), "--out", str(folder / "p.csv")))
        predicted(folder / "p.csv")
        expect(("any",), *command("predict", str(run), str(new), "--out", str(folder / "q.csv")))
    else:
        assert not list(runs.glob("*"))
    code, said = command("predict", str(clean_run), str(path), "--out", str(folder / "c.csv"))
    expect(case.new_says, code, said)
    if code == 0:
        predicted(folder / "c.csv")


def expect(says: tuple[str, ...], code: int, said: str) -> None:
    """Exit code 0 and silence, or 2 and at most two lines with these words."""
    assert code in (0, 2), said
    if code == 0:
        assert not says or says == ("any",), f"it was expected to say {says}"
        assert said == ""
        return
    lines = said.splitlines()
    assert says, said
    assert len(lines) == 2, said
    assert lines[0].startswith("Error: ")
    assert all(len(line) < 400 for line in lines), said
    assert all(word in said for word in says if says != ("any",)), said


def predicted(path) -> None:
    """Predictions, all finite where they are numbers."""
    column = pl.read_csv(path)["prediction"]
    assert column.null_count() == 0
    assert not column.dtype.is_float() or column.is_finite().all()


def numbers_in(measures: dict) -> Iterator[float]:
    yield from (value for value in json.loads(json.dumps(measures)).values() if isinstance(value, int | float))
