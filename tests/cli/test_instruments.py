"""Every instrument is a command; its figure or frame is written where it is asked for, and nowhere over a file."""

from __future__ import annotations

import json

import polars as pl
import pytest

from fallline.catalogue import INSTRUMENTS


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_every_instrument_is_a_command_that_says_what_it_measures(command, name):
    code, out, _ = command(name, "--help")
    assert code == 0
    assert INSTRUMENTS[name].asks.split()[0] in out
    assert all(f"--{option.name}" in out for option in INSTRUMENTS[name].options)


def test_a_measurement_is_told_in_words_and_kept_with_the_run(command, linear):
    code, out, _ = command("slice", str(linear.path), "--weight", "weights[rooms]")
    assert code == 0
    assert "weights[rooms]" in out
    kept = linear.path / "evidence" / "slice-weight-weights-rooms.parquet"
    assert str(kept) in out
    assert {"kind", "step", "weight", "loss"} <= set(pl.read_parquet(kept).columns)


def test_a_measurement_for_programs_is_json_with_the_place_of_its_frame(command, linear):
    code, out, _ = command("slice", str(linear.path), "--json")
    told = json.loads(out)
    assert code == 0
    assert told["instrument"] == "slice"
    assert pl.read_parquet(told["frame"]).height > 10


@pytest.mark.parametrize("ending", [".html", ".svg", ".png", ".json", ".csv", ".parquet"])
def test_the_ending_says_what_is_written(command, fails, linear, tmp_path, ending):
    path = tmp_path / f"slice{ending}"
    code, out, _ = command("slice", str(linear.path), "--out", str(path))
    assert code == 0
    assert str(path) in out
    content = path.read_bytes()
    marks = {
        ".html": b"<html",
        ".svg": b"<svg",
        ".png": b"\x89PNG",
        ".json": b"{",
        ".csv": b"kind,",
        ".parquet": b"PAR1",
    }
    assert marks[ending] in content[:200]
    assert "--force" in fails("slice", str(linear.path), "--out", str(path))
    assert path.read_bytes() == content


def test_a_page_of_one_figure_asks_nothing_of_the_network(command, linear, tmp_path):
    path = tmp_path / "slice.html"
    command("slice", str(linear.path), "--out", str(path))
    assert 'src="http' not in path.read_text()


WRONG = {
    "slice RUN --weight rooms": ["Unknown parameter 'rooms'", "weights[rooms]"],
    "slice RUN --step 999999": ["has no step 999,999"],
    "slice RUN --out slice.pdf": ["'slice.pdf' ends in neither"],
    "slice RUN --points 3": ["No such option"],
    "step RUN --step 0": ["has no step 0"],
}


@pytest.mark.parametrize("words", WRONG)
def test_what_cannot_be_measured_is_told_in_two_lines(fails, linear, words):
    said = fails(*words.replace("RUN", str(linear.path)).split())
    assert all(word in said for word in WRONG[words]), said
