"""Workers are started, watched and ended; one that is lost is named, and none is left behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from parallel import works

from fallline.errors import DataError, SettingsError, WorkerError
from fallline.parallel.launch import launch
from fallline.parallel.mesh import enough_rows, to_launch

NETWORK = {"model": "mlp:6", "batch": 16, "rate": 0.05, "epochs": 3, "stop": None, "rule": "adam"}
AVERAGED = {"model": "mlp:6", "batch": "full", "rate": 0.05, "epochs": 20, "stop": None, "average": "ema:0.9"}
STOPPED = {"model": "linear", "loss": "absolute", "batch": 40, "rate": 0.05, "epochs": 9, "l2": 0.01, "seconds": 3600.0}


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    """Workers find what they are told to do."""
    paths = [str(Path(__file__).parents[1]), str(Path(works.__file__).parents[2] / "src")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


def children() -> set[str]:
    """The workers that this process has started, and that have not ended."""
    return set(map(str, works.left()))


@pytest.mark.parametrize(("workers", "asked"), [(2, [NETWORK, AVERAGED, STOPPED]), (4, [NETWORK])])
def test_all_workers_end_with_the_same_bits_and_those_of_one_process_within_1e_6(workers, asked):
    for settings, each in zip(asked, launch(works.fitted_by_all, {"each": asked}, workers), strict=True):
        alone = works.fitted(**settings)
        assert len(each) == workers
        assert all((other == each[0]).all() for other in each)
        assert np.linalg.norm(each[0] - alone) < 1e-6 * np.linalg.norm(alone)
        assert np.linalg.norm(alone) > 0.1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            "SIGKILL",
            r"Worker 2 of 2 \(process \d+\) was killed by SIGKILL; the others were ended\.\nOften .* --workers 2",
        ),
        ("SIGSTOP", r"Worker 2 of 2 \(process \d+\) hung: no sign of life for 2 s; .*\nSee what stopped it"),
        ("raises", r"Worker 2 of 2 \(process \d+\) failed: ZeroDivisionError: by nothing; .*\nA run that has begun"),
        ("exits", r"Worker 2 of 2 \(process \d+\) ended with code 3; .*\nIts last words: all is lost"),
    ],
)
def test_a_lost_worker_is_named_and_ends_them_all(fault, said):
    began = time.monotonic()
    moved = []

    def watch(seen):
        moved.append(time.monotonic())

    with pytest.raises(WorkerError, match=f"^{said}"):
        launch(works.walking, {"fault": fault}, 2, timeout=2.0 if fault == "SIGSTOP" else 60.0, watch=watch)
    assert moved
    assert time.monotonic() - moved[0] < 15.0
    assert began < moved[0]
    assert not children()


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_each_worker_has_a_gpu_of_its_own_and_sees_none_where_the_cpu_was_asked_for(monkeypatch, device):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    alone = int(device == "cpu")
    assert launch(works.placed, {}, 2, device=device) == [[0, 0, alone], [1, 1, alone]]


def test_what_the_work_refuses_is_raised_as_it_is():
    with pytest.raises(DataError, match=r"^Row 7 can't be read\.\nMend it\.$"):
        launch(works.walking, {"fault": "refused", "rank": 0}, 2)
    assert not children()


def test_a_worker_that_lives_but_makes_no_step_is_found(monkeypatch):
    with pytest.raises(WorkerError, match=r"^Worker 1 of 1 .* hung: it lives, but makes no step since 1 s"):
        launch(works.walking, {"fault": "waits", "rank": 0}, 1, timeout=1.0)
    assert not children()


def test_ctrl_c_lets_the_workers_finish_their_leg():
    def watch(seen):
        if getattr(seen, "end", 0) == 5:
            signal.raise_signal(signal.SIGINT)

    assert launch(works.walking, {"fault": "none"}, 1, watch=watch) >= 5
    assert not children()


@pytest.mark.parametrize("workers", [0, -1, 1025, True, 2.0, "two"])
def test_a_count_of_workers_that_is_none_is_refused(workers):
    with pytest.raises(SettingsError, match="workers is"):
        to_launch(workers)


def test_a_batch_of_fewer_rows_than_workers_is_refused():
    enough_rows(4, 4)
    with pytest.raises(SettingsError, match="A batch of 3 rows can't be shared by 4 workers"):
        enough_rows(4, 3)
