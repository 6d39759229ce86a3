"""Processes that a cluster started find each other by what it tells them, and only the first one speaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.parallel.launch import free_port

SOURCE = Path(fl.__file__).parents[1]
WORDS = ["--model", "linear", "--batch", "16", "--epochs", "3", "--rate", "0.05", "--stop", "none", "--no-report"]


def slurm(rank: int, workers: int) -> dict[str, str]:
    """What Slurm tells each process."""
    job = free_port(61440) - 61440
    return {
        "SLURM_JOB_ID": str(job),
        "SLURM_STEP_NODELIST": "127.0.0.1",
        "SLURM_NTASKS": str(workers),
        "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": str(rank),
        "SLURM_STEP_NUM_NODES": "1",
    }


@pytest.fixture
def table(tmp_path) -> Path:
    """A small table to train on."""
    draw = np.random.default_rng(5)
    x = draw.normal(size=(120, 3))
    path = tmp_path / "small.csv"
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": x @ [1.0, -2.0, 0.5]}).write_csv(path)
    return path


def test_under_slurm_two_processes_train_one_model_and_the_first_one_speaks(table, tmp_path):
    told = slurm(0, 2)
    command = [sys.executable, "-m", "fallline", "train", str(table), "--target", "y", "--workers", "auto", *WORDS]
    runs = tmp_path / "runs"
    each = [
        subprocess.Popen(
            [*command, "--runs", str(runs)],
            env=os.environ | {"PYTHONPATH": str(SOURCE)} | told | {"SLURM_PROCID": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=120) for process in each]
    finally:
        for process in each:
            process.kill()
    assert [process.returncode for process in each] == [0, 0], said
    assert "Verdict: " in said[0][0]
    assert "Verdict: " not in said[1][0]
    (folder,) = runs.iterdir()
    run = fl.open_run(folder)
    assert run.given["workers"] == 2
    alone = fl.train(table, "y", runs=tmp_path / "alone", model="linear", batch=16, epochs=3, rate=0.05, stop=None)
    np.testing.assert_allclose(run.flat_weights(), alone.flat_weights(), rtol=1e-6, atol=1e-6)
    assert run.trace["loss"].to_list() == pytest.approx(alone.trace["loss"].to_list(), rel=1e-5)
