"""`--engine ray`: one model by all of Ray's workers, and a clear end when one of them is lost."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from parallel.works import reachable

import fallline as fl
from fallline.errors import DataError, SettingsError, Stopped, WorkerError
from fallline.parallel.engines import starter
from fallline.resuming import persevere

pytestmark = pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\.", r"ignore::FutureWarning:ray\.")

ASKED = {"model": "mlp:8,8", "batch": 16, "rate": 0.02, "stop": None}
RAY = {"workers": 2, "engine": "ray"}


@pytest.fixture(scope="module", autouse=True)
def _cluster():
    """Ray on this machine, once for all of these tests."""
    starter("ray", None, shared=Path(), device="auto")  # which says how Ray is to be imported
    from fallline.parallel import on_ray

    begun = on_ray._begin(None, 2, "auto")
    yield
    if begun:
        on_ray.ray.shutdown()


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    draw = np.random.default_rng(5)
    x = draw.normal(size=(120, 3))
    path = tmp_path_factory.mktemp("table") / "table.csv"
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": np.tanh(x @ [1.0, -2.0, 0.5])}).write_csv(path)
    return path


def processes(name: str) -> list[int]:
    """Those of this machine whose command names it."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            if name.encode() in process.read_bytes():
                found.append(int(process.parent.name))
    return found


def far(run: fl.Run, other: fl.Run) -> float:
    return float(np.linalg.norm(run.flat_weights() - other.flat_weights()) / np.linalg.norm(other.flat_weights()))


def test_workers_of_ray_train_one_model(table, tmp_path):
    seen, beyond, looked = [], [], set()

    def watch(told):
        seen.append(told)
        for name in ("raylet", "gcs_server", "ray::"):
            for pid in processes(name):
                with suppress(OSError):
                    beyond.extend(reachable(pid))
                    looked.add(name)

    run = fl.train(table, "y", runs=tmp_path, watch=watch, epochs=20, **RAY, **ASKED)
    alone = fl.train(table, "y", runs=tmp_path, epochs=20, **ASKED)
    assert far(run, alone) < 1e-6
    assert run.given["workers"] == 2
    assert (seen[0].horizon, seen[0].folder) == (len(run.trace), run.path)
    assert {path.name for path in tmp_path.iterdir()} == {run.name, alone.name}  # nothing of Ray's is left
    assert not beyond  # nobody but this machine could have spoken to any of it
    assert len(looked) == 3


def test_a_lost_worker_of_ray_ends_the_run_which_is_gone_on_with(table, tmp_path, capsys):
    killed: list[float] = []

    def watch(seen):
        marked = [int(path.stem) for path in tmp_path.glob("*/checkpoint/*.safetensors")]  # written behind the loop
        if max(marked, default=0) > 5 and not killed:
            killed.append(time.monotonic())
            os.kill(processes("RayTrainWorker")[-1], signal.SIGKILL)

    asked = ASKED | {"epochs": 600}
    with pytest.raises(WorkerError, match=r"^Worker \d was lost: .*\nA run that has begun goes on with") as lost:
        fl.train(table, "y", runs=tmp_path, checkpoint_every=0, watch=watch, **RAY, **asked)
    assert time.monotonic() - killed[0] < 15
    (folder,) = tmp_path.iterdir()
    assert lost.value.run == folder

    def start():
        raise lost.value

    run = persevere(start, 1, source=table, **RAY)
    assert "Going on from the last checkpoint." in capsys.readouterr().err
    assert run.finished
    assert run.resumed[-1]["step"] > 0


def test_ctrl_c_ends_workers_of_ray_and_leaves_a_run_to_go_on_with(table, tmp_path):
    before = signal.getsignal(signal.SIGINT)

    def watch(seen):
        if getattr(seen, "end", 0) > 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped) as stopped:
        fl.train(table, "y", runs=tmp_path, checkpoint_every=0, watch=watch, epochs=10**6, **RAY, **ASKED)
    assert signal.getsignal(signal.SIGINT) is before
    found = fl.open_run(stopped.value.run)
    assert found.verdict.state == "interrupted"
    assert found.verdict.next.endswith(f"fallline resume {found.name} --workers 2.")


def test_a_cluster_that_does_not_answer_is_told_at_once():
    from fallline.parallel import on_ray

    with pytest.raises(ConnectionRefusedError):
        on_ray._answers("127.0.0.1:1")


def test_what_a_worker_of_ray_refuses_is_told_as_it_is(table, tmp_path):
    with pytest.raises(DataError, match=r"^Unknown column 'z'"):
        fl.train(table, "z", runs=tmp_path, **RAY, **ASKED)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workers": 2, "engine": "slurm"}, "^Unknown engine 'slurm'"),
        ({"workers": 2, "address": "here:1"}, "only Ray has one"),
        ({"workers": "auto", "engine": "ray"}, "Give how many"),
    ],
)
def test_what_no_engine_can_do_is_refused_in_two_lines(table, tmp_path, given, said):
    with pytest.raises(SettingsError, match=said) as refused:
        fl.train(table, "y", runs=tmp_path, **given, **ASKED)
    assert str(refused.value).count("\n") == 1


def test_where_ray_is_not_installed_it_is_said_how(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "fallline.parallel.on_ray", None)
    with pytest.raises(SettingsError, match=r"pip install 'fallline\[ray\]'"):
        starter("ray", None, shared=tmp_path, device="auto")
