"""A run folder made to do harm neither executes code, nor writes outside of itself, nor gives another model."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import fallline as fl
from broken.case import clean
from fallline.errors import DataError, FalllineError, RunError
from fallline.trace.contents import WHERE_THERE
from fallline.trace.evidence import evidence_name

EVIL = (
    "../../evil",
    "/tmp/evil",
    "..\\evil",
    "a/../../evil",
    "\0evil",
    "~/evil",
    "$(touch evil)",
    "<script>alert(1)</script>",
)


@pytest.fixture
def copy(clean_run, tmp_path) -> Path:
    """A run folder of its own, two folders deep, and beside it the table."""
    (tmp_path / "clean.csv").write_bytes(clean())
    return Path(shutil.copytree(clean_run, tmp_path / "runs" / "run"))


def change(folder: Path, edit: Callable[[dict[str, Any]], object], *, seal: bool = False) -> None:
    """Edit run.json; its seal is taken off, as whoever means harm would."""
    told = json.loads((folder / "run.json").read_text())
    if not seal:
        told.pop("sha256")
    edit(told)
    (folder / "run.json").write_text(json.dumps(told))


def files(folder: Path) -> dict[str, bytes | None]:
    return {str(p): p.read_bytes() if p.is_file() and not p.is_symlink() else None for p in sorted(folder.rglob("*"))}


def all_of_it(folder: Path, table: Path, *more: Callable[[], object]) -> None:
    """What people do with a run that they were sent. Errors must be Fallline's own."""
    for use in (
        lambda: fl.open_run(folder).to_json(),
        lambda: fl.open_run(folder).trace,
        lambda: fl.open_run(folder).weights(1),
        lambda: fl.open_run(folder).flat_weights(),
        lambda: fl.open_run(folder).predict(table),
        *more,
    ):
        try:
            use()
        except FalllineError as error:
            if len(str(error).splitlines()) > 2:
                raise


@pytest.mark.parametrize("name", EVIL)
def test_names_that_are_paths_write_nothing_outside(copy, tmp_path, name):
    def edit(told: dict[str, Any]) -> None:
        told["target"]["name"] = told["data"]["target"]["name"] = told["metric"] = name
        told["data"]["source"] |= {"path": name, "name": name}
        told["data"]["columns"][0]["name"] = told["data"]["features"][0] = name
        told["parameter_names"][0] = name
        told["verdict"] |= {"why": name, "next": name, "state": name}
        told["summary"] = [name]
        told["created"] = name

    change(copy, edit)
    before = {path: data for path, data in files(tmp_path).items() if not path.startswith(str(copy))}
    with suppress(KeyError, ValueError):  # a metric of that name ends the report: but it wrote nothing
        all_of_it(
            copy,
            tmp_path / "clean.csv",
            lambda: fl.open_run(copy, tmp_path / "clean.csv").measure("gradients"),
            lambda: fl.open_run(copy).report(measuring="nothing"),
        )
    assert before == {path: data for path, data in files(tmp_path).items() if not path.startswith(str(copy))}
    assert not Path("evil").exists()
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize("entry", [(key, name) for key, forms in WHERE_THERE.items() for name in forms])
def test_an_entry_of_another_kind_is_told_before_anything_is_made_of_it(copy, entry):
    key, name = entry
    change(copy, lambda told: told[key].update({name: [{"a": None}]}))
    with pytest.raises(RunError, match=rf"run.json is damaged: it lacks {key}\.{name}"):
        fl.resume(copy, epochs=1)


def test_a_run_whose_table_is_a_device_is_refused(copy):
    change(copy, lambda told: told["data"]["source"].update({"path": "/dev/zero"}))
    for use in (lambda: fl.open_run(copy).measure("gradients"), lambda: fl.resume(copy, epochs=1)):
        with pytest.raises(DataError, match="a pipe or a device"):
            use()


def test_a_lock_that_is_another_file_as_well_is_not_written(copy, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (copy / "lock").hardlink_to(tmp_path / "mine.txt")
    with pytest.raises(RunError, match="also another file"):
        fl.resume(copy, epochs=1)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_markup_in_a_run_is_text_in_its_report(copy):
    bad = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"

    def edit(told: dict[str, Any]) -> None:
        told["verdict"] |= {"why": bad, "next": bad}
        told["summary"] = [bad]
        told["data"]["source"] |= {"path": bad, "name": bad}
        told["data"]["columns"][0] |= {"name": bad, "why": bad}
        told["parameter_names"][0] = told["data"]["features"][0] = bad
        told["environment"]["device"] = bad

    change(copy, edit)
    page = fl.open_run(copy).report(measuring="nothing").read_text()
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page


@given(st.dictionaries(st.sampled_from(["weight", "step"]), st.text() | st.integers(), max_size=2))
def test_the_name_of_a_measurement_is_a_file_in_its_folder(options):
    name = evidence_name("slice", options)
    assert "/" not in name
    assert len(f"{name}.parquet".encode()) < 255
    assert name.startswith("slice")


WEIGHTS = {
    "an oversized header": lambda path: path.write_bytes(struct.pack("<Q", 2**63) + b"{}"),
    "a header of a terabyte": lambda path: path.write_bytes(struct.pack("<Q", 2**40) + b"{}"),
    "a header longer than the file": lambda path: path.write_bytes(struct.pack("<Q", 10**8) + b"{" * 99),
    "a header of deep brackets": lambda path: path.write_bytes(struct.pack("<Q", 10**5) + b"[" * 10**5),
    "a shape of 2**62": lambda path: path.write_bytes(
        header({"bias": {"dtype": "F32", "shape": [2**62], "data_offsets": [0, 4]}})
    ),
    "offsets past the end": lambda path: path.write_bytes(
        header({"bias": {"dtype": "F32", "shape": [], "data_offsets": [0, 2**40]}})
    ),
    "whole numbers": lambda path: rewrite(path, lambda array: array.astype(np.int64)),
    "half precision": lambda path: rewrite(path, lambda array: array.astype(np.float16)),
    "booleans": lambda path: rewrite(path, lambda array: array > 0),
    "other shapes": lambda path: rewrite(path, lambda array: np.zeros((3, 3), np.float32)),
    "transposed shapes": lambda path: rewrite(path, lambda array: array.reshape(1, -1)),
    "NaN": lambda path: rewrite(path, lambda array: array * np.float32("nan")),
    "infinity": lambda path: rewrite(path, lambda array: array + np.float32("inf")),
    "an array more": lambda path: save_file(load_file(path) | {"more": np.zeros(3, np.float32)}, path),
    "an array less": lambda path: save_file({"bias": load_file(path)["bias"]}, path),
    "other names": lambda path: save_file({f"x{name}": array for name, array in load_file(path).items()}, path),
    "a pickle": lambda path: path.write_bytes(pickle.dumps(Touch())),
    "nothing": lambda path: path.write_bytes(b""),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link to a file of the system": lambda path: link(path, "/etc/passwd"),
    "a link to a device": lambda path: link(path, "/dev/zero"),
    "a link to other weights": lambda path: (
        shutil.copy(path, path.parents[2] / "w.safetensors"),
        link(path, "../../w.safetensors"),
    ),
    "a link in a circle": lambda path: link(path, path.name),
}


class Touch:
    """What a pickle would do when it is loaded."""

    def __reduce__(self):
        return (os.mkdir, ("evil",))


def header(told: dict) -> bytes:
    text = json.dumps(told).encode()
    return struct.pack("<Q", len(text)) + text + bytes(4)


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    save_file({name: np.asarray(change(array)) for name, array in load_file(path).items()}, path)


def link(path: Path, to: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(to)


@pytest.mark.parametrize("what", WEIGHTS)
def test_weights_that_are_not_the_models_are_refused(copy, tmp_path, what, monkeypatch):
    monkeypatch.chdir(tmp_path)
    WEIGHTS[what](copy / "weights.safetensors")
    run = fl.open_run(copy)
    for use in (run.weights, run.flat_weights, lambda: run.predict(tmp_path / "clean.csv")):
        with pytest.raises(RunError) as raised:
            use()
        assert "weights.safetensors" in str(raised.value)
        assert len(str(raised.value).splitlines()) == 2
    assert not (tmp_path / "evil").exists()


CONTENTS = {
    "huge rows": lambda told: told["data"]["rows"].update(read=10**400),
    "huge shapes": lambda told: told.update(parameters=[{"name": "weights", "shape": [10**12, 10**12]}]),
    "shapes below 0": lambda told: told["parameters"][0].update(shape=[-1, -3]),
    "shapes that are text": lambda told: told["parameters"][0].update(shape=["3"]),
    "names that are numbers": lambda told: told.update(parameter_names=[1, 2]),
    "more names than parameters": lambda told: told["parameter_names"].append("more"),
    "a huge network": lambda told: told["asked"].update(model="mlp:1000000000,1000000000"),
    "a network": lambda told: told["asked"].update(model="mlp:8"),
    "an unknown setting": lambda told: told["asked"].update(hook="os.system"),
    "a setting that is a list": lambda told: told["asked"].update(precision=[64]),
    "a huge seed": lambda told: told["asked"].update(seed=10**400),
    "a scale of 0": lambda told: told["preparation"]["steps"][0].update(scale=0),
    "a scale that is text": lambda told: told["preparation"]["steps"][0].update(scale="1"),
    "a mean of 1e308": lambda told: told["preparation"]["steps"][0].update(mean=1e308),
    "an infinite mean": lambda told: told["preparation"]["steps"][0].update(mean={"not finite": "inf"}),
    "no finite number": lambda told: told["preparation"]["steps"][0].update(mean={"not finite": "__import__('os')"}),
    "an unknown step": lambda told: told["preparation"]["steps"][0].update(kind="python"),
    "a step more": lambda told: told["preparation"]["steps"].append(told["preparation"]["steps"][0]),
    "a step less": lambda told: told["preparation"]["steps"].pop(),
    "levels that are numbers": lambda told: told["preparation"]["steps"][-1].update(levels=[1, 2, 3]),
    "levels twice": lambda told: told["preparation"]["steps"][-1].update(levels=["u", "u", "u"]),
    "a hundred thousand levels": lambda told: told["preparation"]["steps"][-1].update(
        levels=[f"{i}" for i in range(10**5)]
    ),
    "classes for a number": lambda told: told["target"].update(classes=["u", "v"]),
    "an unknown task": lambda told: told["target"].update(task="code"),
    "a target of scale 0": lambda told: told["target"].update(scale=0),
    "a verdict that is text": lambda told: told.update(verdict="fine"),
    "figures that are text": lambda told: told["verdict"].update(figures="none"),
    "a format that is text": lambda told: told.update(format="1"),
    "a format of 10**400": lambda told: told.update(format=10**400),
}


@pytest.mark.parametrize("what", CONTENTS)
def test_contents_that_can_not_be_are_refused(copy, tmp_path, what):
    change(copy, CONTENTS[what])
    with pytest.raises(FalllineError) as raised:
        fl.open_run(copy).predict(tmp_path / "clean.csv")
    assert len(str(raised.value).splitlines()) == 2
    assert all(len(line) < 500 for line in str(raised.value).splitlines())
    again = [lambda: fl.open_run(copy, tmp_path / "clean.csv").measure("gradients")] if "network" in what else []
    all_of_it(copy, tmp_path / "clean.csv", *again)


def test_a_change_by_hand_is_told_while_the_seal_is_there(copy, tmp_path):
    change(copy, lambda told: told["preparation"]["steps"][0].update(mean=2.0), seal=True)
    with pytest.raises(RunError, match="'preparation' is not what was written"):
        fl.open_run(copy)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"format": 1' + "1" * 5000 + "}", '{"format": 1e999}', "null", "\ufeff{}", "{}"]
)
def test_a_run_json_that_is_none_is_refused(copy, text):
    (copy / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        fl.open_run(copy)


LINKS = (
    "run.json",
    "trace",
    "trace/00000.parquet",
    "weights",
    "evidence",
    "evidence/predictions.parquet",
    "evidence/slice.json",
)


@pytest.mark.parametrize("name", LINKS)
def test_a_link_out_of_the_folder_is_neither_read_nor_written_through(copy, tmp_path, name):
    outside = tmp_path / "outside"
    shutil.move(copy / name, outside)
    (copy / name).symlink_to(outside)
    before = files(outside) if outside.is_dir() else outside.read_bytes()
    with pytest.raises(RunError, match="leads out of its run folder"):
        use(copy, tmp_path / "clean.csv")
    assert before == (files(outside) if outside.is_dir() else outside.read_bytes())


def use(folder: Path, table: Path) -> None:
    """Read all that a run holds, and measure it once more."""
    run = fl.open_run(folder, table)
    _ = run.trace, run.snapshots, run.predictions, run.measured("slice")
    run.measure("gradients")


def test_a_report_is_not_written_through_a_link(copy, tmp_path):
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    link(copy / "report.html", str(mine))
    fl.open_run(copy).report(measuring="nothing")
    assert mine.read_text() == "mine"
    assert not (copy / "report.html").is_symlink()
    assert "<html" in (copy / "report.html").read_text()
