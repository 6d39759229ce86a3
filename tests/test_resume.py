"""A run goes on after an accident, or after its end, to the bits that it would have had anyway; or it says why not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from survival import differences

import fallline as fl
from fallline import fit, resuming
from fallline.engine import precision
from fallline.errors import RunError, SettingsError, StorageError
from fallline.retrace import retrace
from fallline.trace.checkpoint import checkpoints
from fallline.trace.lock import locked
from fallline.trace.store import Store


class Killed(BaseException):
    """As if the process had ended there."""


@pytest.fixture(autouse=True)
def short_legs(monkeypatch):
    """Legs of 7 steps: many in a short training."""
    monkeypatch.setattr(fit, "leg_capacity", lambda *sizes: 7)


@pytest.fixture(autouse=True)
def prompt_checkpoints(monkeypatch):
    """A checkpoint after every leg is written before the next leg."""
    at_once = Store.checkpoint

    def checkpoint(self: Store, *given: Any) -> None:
        at_once(self, *given)
        assert self._checkpoint is not None
        self._checkpoint.exception(timeout=60)

    monkeypatch.setattr(Store, "checkpoint", checkpoint)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with table.csv: two numbers, a category, a price and two classes."""
    home = tmp_path_factory.mktemp("home")
    draw, rows = np.random.default_rng(0), 150
    size, town = draw.normal(3000, 1000, rows), draw.choice(list("abc"), rows)
    price = 50 * size + 20_000 * (town == "a") + draw.normal(0, 9000, rows)
    columns = {"size": size, "rooms": draw.normal(size=rows), "town": town, "price": price}
    pl.DataFrame(columns | {"dear": np.where(price > 150_000, "yes", "no")}).write_csv(home / "table.csv")
    return home


NUMBERS = {"types": {"dear": "ignore"}}


def train(home: Path, runs: Path, legs: int | None = None, target: str = "price", **asked: Any) -> fl.Run:
    """A training, killed after so many legs when that is given."""
    asked = {"epochs": 8, "batch": 16, "rate": 0.05, "stop": None, "checkpoint_every": 0} | asked
    given = NUMBERS if target == "price" else {}
    if legs is None:
        return fl.train(home / "table.csv", target, runs=runs, **given, **asked)
    with pytest.raises(Killed):
        fl.train(home / "table.csv", target, runs=runs, watch=killer(legs), **given, **asked)
    (folder,) = runs.iterdir()
    return fl.open_run(folder)


def killer(legs: int, how: type[BaseException] = Killed) -> Callable[[Any], None]:
    """Watches a training, and ends it when so many of its legs are kept."""
    seen = []

    def watch(what: Any) -> None:
        seen.append(what)
        if len(seen) > legs + 1:  # the first is what was set up
            raise how

    return watch


def unfinished(run: fl.Run) -> fl.Run:
    return fl.open_run(run.path)


TRAININGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "the rate found by trials": {"rate": "auto"},
    "all rows, until flat": {"batch": "full", "steps": 90, "stop": "plateau", "rate": 0.4, "rule": "momentum"},
    "until the plateau": {"stop": "plateau:0.05", "epochs": 30, "batch": 12},
    "a batch a row, clipped": {"batch": 1, "epochs": 1, "rate": 0.001, "clip": 1.0, "rule": "adamw"},
    "64 bits, l1": {"precision": 64, "l1": 0.01, "rule": "mechanic"},
    "a schedule that ends": {"schedule": "onecycle", "rule": "adam", "rate": 0.01},
    "averaged from the middle on": {"average": "tail:0.5", "rule": "nesterov"},
    "a network, as long as it gets better": {
        "model": "mlp:16,8", "rule": "adam", "rate": 0.03, "stop": "patience:4", "epochs": 30,
    },
    "classes, averaged": {"target": "town", "average": "ema:0.9", "rule": "dog", "rate": 1.0},
    "the rate changed by hand": {"rate_changes": "20:0.01,40:0.1"},
    "stopped after some updates": {"until": 31},
}  # fmt: skip


@pytest.mark.parametrize("name", TRAININGS)
def test_a_killed_training_goes_on_to_the_same_bits(home, tmp_path, name):
    whole = train(home, tmp_path / "whole", **TRAININGS[name])
    run = train(home, tmp_path / "killed", legs=3, **TRAININGS[name])
    assert not run.finished
    assert [path.stem for path in checkpoints(run.path)] == ["000000021", "000000014"]
    with pytest.raises(Killed):
        fl.resume(run, watch=killer(1))
    run = fl.resume(run)
    assert differences(run, whole) == []
    assert [each["step"] for each in run.resumed] == [21, 28]
    assert run.resumed[-1]["said"] == []


def test_weights_from_before_are_kept_when_training_diverges_after_it_went_on(home, tmp_path):
    asked = {"rate_changes": "18:0.9,30:1e9", "batch": "full", "steps": 70}
    whole = train(home, tmp_path / "whole", **asked)
    run = fl.resume(train(home, tmp_path / "killed", legs=4, **asked))
    assert run.verdict.state == "diverged"
    assert differences(run, whole) == []
    with pytest.raises(RunError, match="diverged at step"):
        fl.resume(run, epochs=3)


def test_a_run_killed_before_its_first_checkpoint_goes_on_from_its_start(home, tmp_path):
    whole = train(home, tmp_path / "whole", rate="auto")
    for legs, every in ((0, 0), (3, 1e6)):
        run = train(home, tmp_path / str(legs), legs=legs, rate="auto", checkpoint_every=every)
        assert checkpoints(run.path) == []
        run = fl.resume(run.path)
        assert differences(run, whole) == []
        assert run.resumed == [{"step": 0, "said": []}]
        assert run.rates.equals(whole.rates)


def test_a_run_killed_while_its_rate_was_tried_goes_on_from_its_start(home, tmp_path, monkeypatch):
    whole = train(home, tmp_path / "whole", rate="auto")
    copy = shutil.copytree

    def kill(*_: Any) -> None:
        (folder,) = (tmp_path / "killed").iterdir()
        copy(folder, tmp_path / "left")
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(fit, "choose_rate", kill)
        with pytest.raises(Killed):
            train(home, tmp_path / "killed", rate="auto")
    assert list((tmp_path / "killed").iterdir()) == []  # what never began leaves nothing, when it ends by itself
    (tmp_path / "left" / "lock").unlink()
    assert differences(fl.resume(tmp_path / "left"), whole) == []


def test_a_training_stopped_by_hand_goes_on_and_nothing_it_measured_before_stays(home, tmp_path):
    whole = train(home, tmp_path / "whole", model="mlp:16,8")
    run = fl.train(
        home / "table.csv", "price", runs=tmp_path / "stopped", model="mlp:16,8", **NUMBERS,
        epochs=8, batch=16, rate=0.05, stop=None, checkpoint_every=1e6, watch=killer(4, KeyboardInterrupt),
    )  # fmt: skip
    assert run.verdict.state == "interrupted"
    assert "resume" in run.verdict.next
    run.measure("gradients")
    (run.path / "report.html").write_text("of the first 28 steps")
    run = fl.resume(run.path)
    assert differences(run, whole) == []
    assert run.measured("gradients") is None
    assert not (run.path / "report.html").exists()


@pytest.mark.parametrize(
    ("asked", "more", "last"),
    [
        ({}, {"epochs": 2}, 70),
        ({"batch": "full", "steps": 40, "stop": "plateau", "rule": "momentum"}, {"steps": 25}, 65),
        ({"model": "mlp:16,8", "stop": "patience:3", "rate": 0.3, "epochs": 40}, {"steps": 30}, None),
        ({"stop": "plateau:0.05", "epochs": 40, "batch": 12}, {"epochs": 2}, None),
        ({"until": 30}, {"steps": 10}, 40),
        ({"seconds": 1e-9}, {"steps": 10}, 14),
    ],
)
def test_an_extended_run_keeps_one_trace_and_goes_on_where_it_ended(home, tmp_path, asked, more, last):
    short = train(home, tmp_path, **asked)
    ended = len(short.trace)
    before = short.trace.drop("seconds")
    run = fl.resume(short, **more)
    assert run.trace.head(ended).drop("seconds").equals(before)
    assert run.extended[0][0] == ended
    assert len(run.trace) == run.verdict.figures["steps"] > ended
    assert last in (None, len(run.trace))
    assert run.trace["rows"].is_sorted()
    twice = fl.resume(run, steps=5)
    assert twice.trace.head(len(run.trace)).drop("seconds").equals(run.trace.drop("seconds"))
    assert len(twice.extended) == 2


def test_more_epochs_at_a_constant_rate_are_those_of_a_training_as_long(home, tmp_path):
    long = train(home, tmp_path / "long", epochs=11)
    run = fl.resume(train(home, tmp_path / "short"), epochs=3)
    assert run.trace.drop("seconds").equals(long.trace.drop("seconds"))
    assert np.array_equal(run.flat_weights(), long.flat_weights())


@pytest.mark.parametrize(
    "asked", [{"schedule": "cosine", "rule": "adam"}, {"model": "mlp:16,8", "average": "tail"}, {"batch": "full"}]
)
def test_instruments_stand_on_any_step_of_an_extended_run(home, tmp_path, asked):
    run = fl.resume(train(home, tmp_path, **asked), epochs=4)
    training = retrace(run.path)
    ended, last = run.extended[0][0], len(run.trace)
    norms = run.trace["weight_norm"].to_numpy()
    for step in (1, ended - 1, ended, ended + 1, last - 1, last):
        with precision(32):
            flat = training.flat(training.state(step).parameters)
        assert np.linalg.norm(flat.astype(np.float64)) == pytest.approx(norms[step - 1], rel=1e-6)
        if "parameters" in run.trace.columns:
            assert np.array_equal(flat, run.flat_weights(step))
        assert training.rate_of(step) == pytest.approx(run.trace["rate"][step - 1], rel=1e-6)
    assert run.measure("step", step=ended + 2).figures


@pytest.mark.parametrize("asked", [{"schedule": "cosine"}, {"model": "mlp:16,8", "stop": "patience:3", "epochs": 30}])
def test_an_extended_run_that_is_killed_goes_on_to_the_same_bits(home, tmp_path, asked):
    short = train(home, tmp_path / "short", **asked)
    shutil.copytree(short.path, tmp_path / "copy")
    whole = fl.resume(short, steps=40)
    run = fl.open_run(tmp_path / "copy")
    with pytest.raises(Killed):
        fl.resume(run, steps=40, watch=killer(2))
    with pytest.raises(RunError, match="has not ended yet"):
        fl.resume(run.path, steps=40)
    again = fl.resume(run.path)
    assert differences(again, whole) == []
    assert again.extended == whole.extended


def test_what_can_not_go_on_is_said_in_two_lines(home, tmp_path):
    run = train(home, tmp_path / "runs")
    with pytest.raises(RunError, match=r"there is nothing left to do.\nTo extend it: fallline resume .* --epochs"):
        fl.resume(run)
    with pytest.raises(SettingsError, match="both"):
        fl.resume(run, epochs=1, steps=1)
    for asked in ({"epochs": 0}, {"steps": -1}):
        with pytest.raises(SettingsError, match="by 1 at least"):
            fl.resume(run, **asked)
    with pytest.raises(RunError, match="is no run"):
        fl.resume(tmp_path)
    with locked(run.path), pytest.raises(RunError, match=f"process {os.getpid()}"):
        fl.resume(run, epochs=1)
    with locked(run.path):
        assert fl.open_run(run.path).verdict.state == run.verdict.state
    assert not (tmp_path / "lock").exists()
    for asked in (-1.0, float("nan"), float("inf")):
        with pytest.raises(SettingsError, match="checkpoint_every"):
            train(home, tmp_path / "runs", checkpoint_every=asked)


def test_a_run_that_another_process_trains_shows_as_running(home, tmp_path):
    run = train(home, tmp_path, legs=2)
    with locked(run.path):
        verdict = fl.open_run(run.path).verdict
        assert verdict.state == "running"
        assert f"process {os.getpid()}" in verdict.why
    assert run.verdict.state == "interrupted"
    assert f"fallline resume {run.name}" in run.verdict.next


def test_a_run_goes_on_with_the_table_it_was_trained_on_and_no_other(home, tmp_path, monkeypatch):
    table = shutil.copy(home / "table.csv", tmp_path / "table.csv")
    run = train(tmp_path, tmp_path / "runs", legs=2)
    frame = pl.read_csv(table)
    frame.head(100).write_csv(table)
    with pytest.raises(RunError, match="has changed"):
        fl.resume(run)
    Path(table).unlink()
    with pytest.raises(RunError, match="no longer at hand"):
        fl.resume(run)
    text = (run.path / "run.json").read_text()
    known = json.loads(text)
    known.pop("sha256")
    known["preparation"]["steps"][0]["mean"] = 0.0
    (run.path / "run.json").write_text(json.dumps(known))
    with pytest.raises(RunError, match="prepared otherwise"):
        fl.resume(run, home / "table.csv")
    (run.path / "run.json").write_text(text)
    monkeypatch.setattr(resuming, "environment", lambda device: known["environment"] | {"device": "an abacus"})
    assert "is an abacus now" in fl.resume(run, home / "table.csv").resumed[-1]["said"][0]


@pytest.fixture(scope="module")
def wrecked(home, tmp_path_factory) -> tuple[fl.Run, fl.Run]:
    """A killed run with two checkpoints, and what it should come to."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fit, "leg_capacity", lambda *sizes: 7)
        patched.setattr(Store, "due", property(lambda self: self._checkpoint is None or not self._checkpoint.result()))
        folder = tmp_path_factory.mktemp("wrecked")
        return train(home, folder / "killed", legs=4), train(home, folder / "whole")


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(20, 70):
        data[at] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "the newest checkpoint": (lambda run: spoil(checkpoints(run)[0]), 21, "000000028.safetensors is damaged"),
    "the newest checkpoint is empty": (lambda run: checkpoints(run)[0].write_bytes(b""), 21, "is damaged"),
    "both checkpoints": (lambda run: [spoil(p) for p in checkpoints(run)], 0, "It goes on from the start"),
    "both checkpoints are gone": (lambda run: shutil.rmtree(run / "checkpoint"), 0, ""),
    "the last part of the trace": (lambda run: spoil(sorted(run.glob("trace/*.parquet"))[-1]), 21, "is damaged"),
    "the first part of the trace": (lambda run: spoil(sorted(run.glob("trace/*.parquet"))[0]), 0, "it is walked again"),
    "a part of the trace is gone": (
        lambda run: sorted(run.glob("trace/*.parquet"))[1].unlink(),
        0,
        "does not go on after",
    ),
    "a snapshot": (lambda run: spoil(run / "weights" / "000000000.safetensors"), 28, ""),
    "a checkpoint of another training": (lambda run: other_state(run), 21, "is of another training"),
}


def other_state(run: Path) -> None:
    from fallline.trace.checkpoint import read_checkpoint, write_checkpoint

    arrays, told = read_checkpoint(run, checkpoints(run)[0], 10**6)
    write_checkpoint(run, told["step"], arrays | {"state/parameters/bias": np.ones((2, 2))}, told)


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_is_told_and_what_is_sound_is_gone_on_from(wrecked, tmp_path, name):
    damage, step, said = DAMAGES[name]
    killed, whole = wrecked
    folder = Path(shutil.copytree(killed.path, tmp_path / "run"))
    (folder / "trace" / ".00009.parquet-abc.tmp").write_bytes(b"half a part")
    damage(folder)
    run = fl.resume(folder)
    assert differences(run, whole) == []
    assert run.resumed[-1]["step"] == step
    assert said in " ".join(run.resumed[-1]["said"])
    assert bool(said) == bool(run.resumed[-1]["said"])


def test_a_part_of_the_trace_that_reaches_beyond_the_checkpoint_is_cut(wrecked, tmp_path):
    killed, whole = wrecked
    folder = Path(shutil.copytree(killed.path, tmp_path / "run"))
    parts = sorted(folder.glob("trace/*.parquet"))
    from fallline.trace.folder import write_frame

    longer = whole.trace.filter(pl.col("step").is_between(22, 33))
    write_frame(parts[-1], longer)
    assert set(differences(fl.resume(folder), whole)) <= {"seconds"}  # which were another training's


def test_a_damaged_run_json_is_an_error_and_the_lock_is_let_go_of(wrecked, tmp_path):
    folder = Path(shutil.copytree(wrecked[0].path, tmp_path / "run"))
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(text.replace('"seed": 0', '"seed": 1'))
    with pytest.raises(RunError, match="is damaged"):
        fl.resume(folder)
    backwards = json.loads(text) | {"extended": [{"from": 9, "to": 5}]}
    backwards.pop("sha256")
    (folder / "run.json").write_text(json.dumps(backwards))
    with pytest.raises(RunError, match="do not go upwards"):
        fl.resume(folder)
    assert not (folder / "lock").exists()


def test_a_folder_that_is_removed_under_a_training_is_an_error_in_two_lines(home, tmp_path):
    def watch(seen: Any) -> None:
        if getattr(seen, "end", 0) == 21:
            shutil.rmtree(next(tmp_path.iterdir()))

    with pytest.raises(StorageError) as error:
        train(home, tmp_path, watch=watch)
    assert len(str(error.value).splitlines()) == 2
    assert "can't be written" in str(error.value)


FULL = """
import resource, sys
from pathlib import Path
import fallline as fl
from fallline import fit
from fallline.errors import StorageError
fit.leg_capacity = lambda *sizes: 7
def watch(seen):
    if getattr(seen, "end", 0) == 21:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
try:
    fl.train(sys.argv[1], "price", runs=sys.argv[2], watch=watch, checkpoint_every=0, types={"dear": "ignore"},
             epochs=8, batch=16, rate=0.05, stop=None)
except StorageError as error:
    sys.exit(str(error))
"""


def test_a_full_disk_is_an_error_that_says_how_to_go_on_and_then_it_does(home, tmp_path):
    whole = train(home, tmp_path / "whole")
    # what JAX keeps of its compilations can't be written either, of which it warns
    command = [sys.executable, "-W", "ignore", "-c", FULL, str(home / "table.csv"), str(tmp_path / "full")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    (folder,) = (tmp_path / "full").iterdir()
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert "can't be written: it is larger than allowed" in first
    assert second == f"Make room, then go on with it: fallline resume {folder.name}."
    assert not list(folder.rglob(".*.tmp"))
    assert differences(fl.resume(folder), whole) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
def test_a_file_system_that_is_full_or_read_only_is_an_error_and_then_it_goes_on(home, tmp_path):
    whole = train(home, tmp_path / "whole")
    small = tmp_path / "small"
    small.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)]
    if subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:

        def fill(seen: Any) -> None:
            if getattr(seen, "end", 0) == 21 and not (small / "rest").exists():
                (small / "rest").write_bytes(b"\0" * shutil.disk_usage(small).free)

        with pytest.raises(StorageError, match=r"no space left.*\nMake room, then go on with it: fallline resume"):
            train(home, small / "runs", watch=fill)
        (folder,) = (small / "runs").iterdir()
        (small / "rest").unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        with pytest.raises(StorageError, match="no right to write"):
            fl.resume(folder)
        assert fl.open_run(folder).verdict.state == "interrupted"
        subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)
        assert differences(fl.resume(folder), whole) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("name", ["checkpoint", "weights", "trace"])
def test_a_run_is_not_gone_on_with_through_a_link(home, tmp_path, name):
    folder = train(home, tmp_path / "runs", legs=3).path
    outside = tmp_path / "outside"
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    before = {path.name: path.read_bytes() for path in outside.iterdir()}
    with pytest.raises(RunError, match="leads out of its run folder"):
        fl.resume(folder)
    assert before == {path.name: path.read_bytes() for path in outside.iterdir()}


def test_a_checkpoint_that_is_a_link_is_not_gone_on_from(home, tmp_path):
    run = train(home, tmp_path / "runs", legs=3)
    newest = max((run.path / "checkpoint").iterdir())
    newest.rename(tmp_path / newest.name)
    newest.symlink_to(tmp_path / newest.name)
    found = fl.resume(run.path)
    assert found.resumed[-1]["step"] < int(newest.stem)
    assert (tmp_path / newest.name).exists()
