"""The command itself, in this process, and a model trained on the clean table."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import typer

import fallline as fl
from broken.case import clean
from fallline import cli
from fallline.cli.app import app

LONGEST = 120  # seconds that all commands on one small table may take; on an idle core it is one
FEW = {"steps": 3, "rate": 0.05, "batch": "full"}


@pytest.fixture(scope="session")
def built():
    """The command line, put together once: Typer does so at each call, which takes longer than most trainings here."""
    return typer.main.get_command(app)


@pytest.fixture
def command(built, monkeypatch, capfd) -> Iterator[Callable[..., tuple[int, str]]]:
    """Runs `fallline`: (exit code, all that it said on standard error). What hangs is interrupted."""
    monkeypatch.delenv("FALLLINE_RUNS", raising=False)
    monkeypatch.setattr("fallline.cli.app.app", built)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["fallline", *words])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), capfd.readouterr().err

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(LONGEST)
    yield run
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def hung(*_: object) -> NoReturn:
    raise AssertionError(f"it took more than {LONGEST} seconds")


@pytest.fixture(scope="session")
def clean_run(tmp_path_factory) -> Path:
    """The folder of a run on the clean table."""
    home = tmp_path_factory.mktemp("clean")
    (home / "clean.csv").write_bytes(clean())
    return fl.train(home / "clean.csv", "y", runs=home / "runs", **FEW).path
