"""Workers are started, watched and ended; one that is lost is named, and none is left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import works

from fallline.errors import DataError, SettingsError, WorkerError
from fallline.parallel.launch import launch
from fallline.parallel.mesh import enough_rows, to_launch

SETTINGS = [
    {"model": "mlp:6", "batch": 16, "rate": 0.05, "epochs": 3, "stop": None, "rule": "adam"},
    {"model": "mlp:6", "batch": "full", "rate": 0.05, "epochs": 20, "stop": None, "average": "ema:0.9"},
    {"model": "linear", "loss": "absolute", "batch": 40, "rate": 0.05, "epochs": 3, "l2": 0.01, "stop": "plateau"},
]


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    """Workers find what they are told to do."""
    paths = [str(Path(__file__).parent), str(Path(works.__file__).parents[2] / "src")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


def children() -> set[str]:
    """The processes that this one has started, and that have not ended."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {pid for task in tasks for pid in task.read_text().split()}


@pytest.mark.parametrize("workers", [2, 4])
def test_all_workers_end_with_the_same_bits_and_those_of_one_process_within_1e_6(workers):
    for settings, each in zip(SETTINGS, launch(works.fitted_by_all, {"each": SETTINGS}, workers), strict=True):
        alone = works.fitted(**settings)
        assert len(each) == workers
        assert all((other == each[0]).all() for other in each)
        assert np.linalg.norm(each[0] - alone) < 1e-6 * np.linalg.norm(alone)
        assert np.linalg.norm(alone) > 0.1
