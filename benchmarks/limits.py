"""How long a person waits: whole commands, the start of Python included, each beside the time that it may take.

python benchmarks/limits.py [--rounds 5] [--json benchmarks/limits.json]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import fallline as fl

HOUSING = Path(fl.__file__).parent / "examples" / "california_housing.csv.gz"
TARGET = "median_house_value"
LONG = {"model": "logistic", "batch": 1, "rate": 0.01, "stop": None, "steps": 100_000}


def command(*words: str, cache: Path | None = None) -> float:
    """Seconds that `fallline` takes with these words; with a cache folder of its own when one is given."""
    where = os.environ | ({"XDG_CACHE_HOME": str(cache)} if cache else {})
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "fallline", *words], env=where, check=True, capture_output=True)
    return time.perf_counter() - began


def works(home: Path) -> dict[str, tuple[Callable[[], float], float]]:
    """What is waited for: how to take its time, and the seconds that it may take."""
    demo = fl.train(HOUSING, TARGET, runs=home, name="demo").path
    long = fl.train(_classes(home), "dear", runs=home, name="long", metric="accuracy", **LONG).path
    assert len(fl.open_run(long).trace) == LONG["steps"]

    def cold() -> float:
        copy = Path(shutil.copytree(demo, home / "cold"))
        for measured in (copy / "evidence").glob("*.json"):
            measured.unlink()
        try:
            with tempfile.TemporaryDirectory() as cache:
                return command("explain", str(copy), cache=Path(cache))
        finally:
            shutil.rmtree(copy)

    command("explain", str(demo))
    return {
        "diagnose, a trace of 100,000 steps": (lambda: command("diagnose", str(long)), 1.0),
        "explain the demo, nothing compiled or measured": (cold, 10.0),
        "explain the demo, measured before": (lambda: command("explain", str(demo)), 3.0),
    }


def _classes(home: Path) -> Path:
    """The housing table with the target cut into two classes."""
    import polars as pl

    path = home / "classes.csv"
    frame = pl.read_csv(HOUSING)
    dear = pl.when(pl.col(TARGET) > 180_000).then(pl.lit("yes")).otherwise(pl.lit("no")).alias("dear")
    frame.with_columns(dear).drop(TARGET).write_csv(path)
    return path


def main() -> None:
    """Take every time, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "limits.json")
    asked = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as home:
        for name, (work, limit) in works(Path(home)).items():
            taken = [work() for _ in range(asked.rounds)]
            seconds = statistics.median(taken)
            print(f"{name:<52} {seconds:>6.2f} s, may take {limit:g} s{'' if seconds <= limit else ' *'}", flush=True)
            results.append({"work": name, "seconds": seconds, "limit": limit, "rounds": taken})
    asked.json.write_text(json.dumps({"cores": os.cpu_count(), "waits": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
