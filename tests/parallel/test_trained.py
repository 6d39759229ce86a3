"""`fallline train --workers`: one run folder, the model of one process, and a clear end when a worker is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from parallel import works

import fallline as fl
from fallline.engine import precision
from fallline.errors import SettingsError, WorkerError
from fallline.fit import replay
from fallline.legs import HERE
from fallline.numbers import number
from fallline.parallel.device import on
from fallline.resuming import persevere
from fallline.retrace import retrace
from fallline.survey import survey

ASKED = {"model": "mlp:8,8", "batch": 16, "rate": 0.02, "stop": None}


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """A small table that is no file."""
    draw = np.random.default_rng(5)
    x = draw.normal(size=(120, 3))
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": np.tanh(x @ [1.0, -2.0, 0.5])})


@pytest.fixture(autouse=True)
def _source(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(fl.__file__).parents[1]))


def children() -> list[int]:
    """The workers, in the order of their start."""
    return works.left()


def test_a_killed_worker_ends_the_run_which_is_gone_on_with_to_the_same_model(frame, tmp_path, capsys):
    beyond, killed = [], []

    def watch(seen):
        marked = [int(path.stem) for path in tmp_path.glob("*/checkpoint/*.safetensors")]  # written behind the loop
        if max(marked, default=0) > 9 and not killed:  # a leg may be told after the loss
            beyond.extend(each for pid in children() for each in works.reachable(pid))
            killed.append(children()[-1])
            os.kill(killed[-1], signal.SIGKILL)

    asked = ASKED | {"epochs": 600}
    given = {"runs": tmp_path, "name": "killed", "workers": 2, "checkpoint_every": 0, "watch": watch}
    with pytest.raises(WorkerError, match=r"Worker 2 of 2 \(process \d+\) was killed by SIGKILL") as lost:
        fl.train(frame, "y", **given, **asked)
    assert not children()
    assert not beyond  # nobody but this machine could have spoken to them
    (folder,) = tmp_path.glob("*-killed")
    assert lost.value.run == folder

    def start():
        raise lost.value

    with pytest.raises(WorkerError):
        persevere(start, 0)
    run = persevere(start, 1, source=frame, workers=2)
    assert "Going on from the last checkpoint." in capsys.readouterr().err
    assert run.resumed[-1]["step"] > 0
    assert run.resumed[-1]["said"] == []
    alone = fl.train(frame, "y", runs=tmp_path, name="alone", **asked)
    assert len(run.trace) == len(alone.trace)
    far = np.linalg.norm(run.flat_weights() - alone.flat_weights()) / np.linalg.norm(alone.flat_weights())
    assert far < 1e-4


def test_a_worker_that_is_lost_before_the_first_step_costs_a_restart(frame, tmp_path, capsys):
    """As the rate is chosen by trials, or while programs are compiled."""
    killed = []

    def kill():
        while len(there := children()) < 2:
            time.sleep(0.05)
        killed.append(there[-1])
        os.kill(there[-1], signal.SIGKILL)

    asked = ASKED | {"epochs": 2}
    threading.Thread(target=kill, daemon=True).start()
    run = persevere(partial(fl.train, frame, "y", runs=tmp_path, workers=2, **asked), 1, source=frame, workers=2)
    assert len(killed) == 1
    assert run.finished
    assert re.search("Starting again|Going on from the last checkpoint", capsys.readouterr().err)


@pytest.mark.parametrize("given", [{"workers": 2, "restarts": -1}, {"workers": 1, "restarts": 2}])
def test_restarts_are_for_workers(given):
    with pytest.raises(SettingsError, match=f"^restarts is {given['restarts']} with {given['workers']} workers"):
        persevere(lambda: None, given["restarts"], workers=given["workers"])  # pyright: ignore[reportArgumentType]


def test_ctrl_c_before_the_first_step_leaves_nothing_behind(frame, tmp_path):
    frame.write_csv(tmp_path / "t.csv")
    words = ["train", str(tmp_path / "t.csv"), "--target", "y", "--workers", "2", "--model", "mlp:8", "--batch", "16"]
    command = [sys.executable, "-m", "fallline", *words, "--runs", str(tmp_path / "runs")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as training:
        while not list((tmp_path / "runs").glob("*")):  # the rate is chosen by trials after that
            time.sleep(0.02)
        time.sleep(0.2)
        training.send_signal(signal.SIGINT)
        said = training.communicate()[1]
    assert training.returncode == 130
    assert said.splitlines()[-1] == "Stopped."
    assert not list((tmp_path / "runs").iterdir())


def test_a_run_of_workers_that_went_apart_can_be_walked_again(frame, tmp_path):
    run = fl.train(frame, "y", runs=tmp_path, workers=2, sync=4, epochs=4, **ASKED)
    assert run.given["sync"] == 4
    told = run.to_json()["apart"]
    assert 4 <= told["steps"] <= len(run.trace)  # as many as the clock allows
    with precision(32):
        training = retrace(run.path, frame)
        again = training.flat(training.state(len(run.trace)).parameters)
        other = replace(training.ready, walk=replace(training.ready.walk, place=HERE))
        together = training.flat(replay(other, len(run.trace)).parameters)
        both = training.state(told["steps"]).parameters, replay(other, told["steps"]).parameters
        truth = [float(survey(training.parts, each, training.ready.over)[0]) for each in both]
    assert np.linalg.norm(again - run.flat_weights()) < 1e-5 * np.linalg.norm(again)
    assert np.linalg.norm(together - run.flat_weights()) > 1e-4 * np.linalg.norm(again)
    assert [told["objective"], told["together"]] == pytest.approx(truth, rel=1e-5)
    (line,) = [line for line in run.summary if "averaged their weights every 4 steps" in line]
    assert f"of {number(told['objective'])}, " in line
    assert f"the {number(told['together'])} of a sum at each step" in line


def test_workers_share_the_rows_of_a_table_on_the_disk(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    draw, table = np.random.default_rng(0), tmp_path / "table.parquet"
    x = draw.normal(size=(3_001, 4))
    label = np.where(x @ [1, -1, 0.5, 0] + draw.normal(size=3_001) > 0, "a", "b")
    pl.DataFrame({f"x{k}": x[:, k] for k in range(4)} | {"y": label}).write_parquet(table, row_group_size=500)
    asked = {"memory": "40KB", "model": "mlp:4", "batch": 50, "epochs": 2, "rate": 0.2, "stop": None}
    one, three = (fl.train(table, "y", runs=tmp_path / "runs", workers=n, **asked) for n in (1, 3))
    assert three.data["streamed"]["shuffle"]["blocks_in_buffer"] < three.data["streamed"]["shuffle"]["blocks"]
    far = np.linalg.norm(three.flat_weights() - one.flat_weights()) / np.linalg.norm(one.flat_weights())
    assert 0 < far < 1e-6
    assert three.metrics["test"]["loss"] == pytest.approx(one.metrics["test"]["loss"], rel=1e-5)
    assert not list(scratch.glob("fallline-rows-*"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"workers": 0}, "workers is 0"),
        ({"workers": "many"}, "workers is 'many'"),
        ({"sync": 4}, "sync is 4 with 1 workers"),
        ({"worker_timeout": 0.5}, "worker_timeout is 0.5"),
        ({"device": "tpu"}, "Unknown device 'tpu'"),
        ({"device": "gpu"}, "device gpu was asked for, but JAX sees none"),
        ({"workers": 2, "batch": 1}, "A batch of 1 rows can't be shared by 2 workers"),
    ],
)
def test_what_can_t_be_is_refused_before_a_run_is_there(frame, tmp_path, asked, said):
    with pytest.raises(SettingsError, match=f"^{said}.*\n.+$"):
        fl.train(frame, "y", runs=tmp_path, **(ASKED | asked))
    assert not list(tmp_path.iterdir())


def test_a_training_on_the_cpu_is_the_training_as_ever(frame, tmp_path):
    with on("cpu"), on("auto"):
        pass
    one, other = (fl.train(frame, "y", runs=tmp_path, device=kind, epochs=2, **ASKED) for kind in ("auto", "cpu"))
    assert (one.flat_weights() == other.flat_weights()).all()
