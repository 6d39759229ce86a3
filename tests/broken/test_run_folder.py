"""A run folder whose files were damaged gives what it held, or a RunError: never another model, never another error."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fallline as fl
from broken.case import clean, is_clear
from broken.conftest import FEW
from fallline.errors import RunError

FILES = [
    "run.json",
    "weights.safetensors",
    "weights/000000000.safetensors",
    "trace/00000.parquet",
    "evidence/slice.json",
    "evidence/slice.parquet",
    "evidence/predictions.parquet",
    "evidence/evaluations.parquet",
]
PLACE = st.floats(0, 1, exclude_max=True)  # as a share, so that every file has it
DAMAGE = st.one_of(
    st.tuples(st.just("flip"), PLACE, st.integers(1, 255)),
    st.tuples(st.just("cut"), PLACE, st.integers(1, 4000)),
    st.tuples(st.just("zero"), PLACE, st.integers(1, 400)),
    st.tuples(st.just("insert"), PLACE, st.binary(min_size=1, max_size=12)),
    st.tuples(st.just("end"), PLACE, st.just(0)),
)


def damaged(data: bytes, how: str, place: float, what: Any) -> bytes:
    at = int(place * len(data))
    if how == "flip":
        return data[:at] + bytes([data[at] ^ what]) + data[at + 1 :]
    if how == "cut":
        return data[:at] + data[at + what :]
    if how == "zero":
        return data[:at] + bytes(len(data[at : at + what])) + data[at + what :]
    return data[:at] + what + data[at:] if how == "insert" else data[:at]


def facts(folder: Path, table: Path) -> dict[str, Any]:
    """All that a run gives without its table's help, and its predictions."""
    run = fl.open_run(folder)
    found = run.measured("slice")
    return {
        "told": {k: v for k, v in run.to_json().items() if k != "path"},
        "asked": run.asked,
        "names": run.parameter_names,
        "trace": run.trace,
        "weights": run.weights(),
        "start": run.weights(0),
        "step": run.weights(2),
        "flat": run.flat_weights(),
        "evaluations": run.evaluations,
        "held out": run.predictions,
        "slice": None if found is None else (found.frame, found.figures, found.options),
        "predictions": run.predict(table),
    }


def same(one: Any, other: Any) -> bool:
    if isinstance(one, pl.DataFrame):
        return isinstance(other, pl.DataFrame) and one.equals(other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return isinstance(other, tuple) and all(map(same, one, other))
    return one == other


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> tuple[Path, Path, dict[str, Any]]:
    """A run, a table to predict from, and what the run gives."""
    home = tmp_path_factory.mktemp("kept")
    (home / "clean.csv").write_bytes(clean())
    folder = fl.train(home / "clean.csv", "y", runs=home / "runs", **FEW).path
    return folder, home / "clean.csv", facts(folder, home / "clean.csv")


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_is_told_or_changes_nothing(kept, file, tmp_path_factory):
    folder, table, before = kept
    copy = Path(shutil.copytree(folder, tmp_path_factory.mktemp("copy") / folder.name))
    whole = (copy / file).read_bytes()
    told = 0

    @given(st.lists(DAMAGE, min_size=1, max_size=2))
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    def mutate(damage):
        nonlocal told
        data = whole
        for how, place, what in damage:
            data = damaged(data, how, place, what) if data else data
        (copy / file).write_bytes(data)
        try:
            after = facts(copy, table)
        except RunError as error:
            told += 1
            if not is_clear(error):
                raise
        else:
            assert same(before, after)

    mutate()
    assert told


def test_each_byte_of_the_weights_is_guarded(kept, tmp_path):
    folder, _, before = kept
    copy = Path(shutil.copytree(folder, tmp_path / "run"))
    whole = (copy / "weights.safetensors").read_bytes()
    for place in range(len(whole)):
        (copy / "weights.safetensors").write_bytes(damaged(whole, "flip", place / len(whole) + 1e-9, 1))
        try:
            assert same(fl.open_run(copy).weights(), before["weights"])
        except RunError as error:
            if "weights.safetensors is damaged" not in str(error):
                raise


def test_a_part_of_the_trace_that_is_lost_is_told(kept, tmp_path):
    folder, _, before = kept
    copy = Path(shutil.copytree(folder, tmp_path / "run"))
    trace = before["trace"]
    trace[:1].write_parquet(copy / "trace" / "00000.parquet")
    trace[2:].write_parquet(copy / "trace" / "00001.parquet")
    with pytest.raises(RunError, match="steps are lacking"):
        _ = fl.open_run(copy).trace
