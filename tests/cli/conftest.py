"""What the tests of the command line share: a table, runs trained on it, and the command itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline import cli

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """A folder with houses.csv: two numbers, one with gaps, a category, a price, a count and two classes."""
    home = tmp_path_factory.mktemp("cli")
    draw, rows = np.random.default_rng(5), 160
    size, rooms, town = draw.normal(3000, 1000, rows), draw.normal(size=rows), draw.choice(list("abc"), rows)
    price = 50 * size + 9000 * rooms + 20_000 * (town == "a") + draw.normal(0, 9000, rows) + 1e5
    pl.DataFrame(
        {
            "size": [f"{v:.2f}" if i % 23 else "NA" for i, v in enumerate(size)],
            "rooms": rooms,
            "town": town,
            "price": price,
            "visits": draw.poisson(3, rows),
            "dear": np.where(price > 250_000, "yes", "no"),
        }
    ).write_csv(home / "houses.csv")
    return home


@pytest.fixture
def command(home, monkeypatch, capsys) -> Command:
    """Runs `fallline` in this process, in that folder: (exit code, standard output, standard error)."""
    monkeypatch.chdir(home)
    monkeypatch.delenv("FALLLINE_RUNS", raising=False)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fallline", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def fails(command) -> Callable[..., str]:
    """Runs `fallline` and expects exit code 2 and an error of at most two lines; returns what it says."""

    def run(*words: str) -> str:
        code, out, err = command(*words)
        lines = err.splitlines()
        assert (code, out) == (2, "")
        assert lines[0].startswith("Error: ")
        assert len(lines) <= 2
        assert "Traceback" not in err
        assert all(len(line) < 400 for line in lines)
        return err

    return run


@pytest.fixture(scope="session")
def linear(home) -> fl.Run:
    """A linear model of the price."""
    ignored = {"dear": "ignore", "visits": "ignore"}
    return fl.train(home / "houses.csv", "price", types=ignored, runs=home / "kept", name="linear")


@pytest.fixture(scope="session")
def classes(home) -> fl.Run:
    """A model of three classes."""
    ignored = {"dear": "ignore", "visits": "ignore"}
    return fl.train(home / "houses.csv", "town", types=ignored, runs=home / "classes", name="towns", epochs=20)
