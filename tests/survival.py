"""Kill trainings with SIGKILL at random moments, go on with each, and compare it with one that was never killed.

    python tests/survival.py 50        kills 50 times, and says what was seen

Each training runs in a process of its own, which says when it begins; the moment of the kill is drawn from then on, so
that it may fall before the first step, into a leg, into a checkpoint (written one after the other, without a pause) or
into the measures at the end. Some are killed again while they go on.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import fallline as fl
from fallline import fit
from fallline.trace.lock import owner_of

LEG = 20  # steps: many legs in little time
CASES: dict[str, dict[str, Any]] = {
    "batches": {"batch": 16, "epochs": 400, "stop": None, "rate": "auto"},
    "all rows": {"batch": "full", "rule": "momentum:0.9", "epochs": 4000, "rate": 0.01, "stop": None},
    "a network": {
        "model": "mlp:8,8",
        "rule": "adam",
        "batch": 16,
        "epochs": 500,
        "rate": 0.003,
        "stop": "patience:400",
    },
    "averaged": {"batch": 8, "schedule": "cosine", "average": "tail", "rate": 0.05, "epochs": 400},
    "on the disk": {"batch": 16, "epochs": 400, "rate": 0.05, "stop": None, "memory": "2KB"},
    # averages are handed out between legs, so that a leg is an epoch in the workers as well
    "two workers": {"batch": 16, "epochs": 200, "rate": 0.05, "average": "tail", "stop": None, "workers": 2},
}
GONE = 15.0  # seconds until the workers of a training that was killed have ended


def write_table(path: Path) -> None:
    """Three numbers, of 200 rows, and what they add up to."""
    draw = np.random.default_rng(0)
    columns = {name: draw.normal(size=200) for name in "abc"}
    pl.DataFrame(columns | {"sum": sum(columns.values()) + draw.normal(size=200)}).write_csv(path)


def short_legs(*_: Any, **__: Any) -> int:
    """Instead of `leg_capacity`."""
    return LEG


def live(home: Path, runs: Path, case: str) -> None:
    """A training, or the rest of one where there is one already; to be killed."""
    fit.leg_capacity = short_legs
    begun = list(runs.glob("*/run.json"))
    import fallline.resuming  # noqa: F401  here, so that the moments of the kills are of training

    said: list[str] = []

    def watch(seen: Any) -> None:
        if not hasattr(seen, "horizon") and not said:
            said.append("walks")
            print(said[0], flush=True)

    print("begins", flush=True)
    if begun:
        fl.resume(begun[0].parent, watch=watch, workers=CASES[case].get("workers", 1))
    else:
        fl.train(home / "table.csv", "sum", runs=runs, checkpoint_every=0, watch=watch, **CASES[case])


def killed(home: Path, runs: Path, case: str, since: str, moment: float) -> str:
    """Kill a training so many seconds after it "begins", or "walks" its first leg. Returns: when that was, in words."""
    command = [sys.executable, __file__, str(home), str(runs), case]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line == f"{since}\n" for line in process.stdout), process.communicate()[1]
        time.sleep(moment)
        process.kill()
        _, errors = process.communicate()
    if process.returncode == 0:
        return "after its end"
    assert process.returncode == -9, errors
    folders = list(runs.glob("*"))
    until = time.monotonic() + GONE
    while folders and owner_of(folders[0]) is not None and time.monotonic() < until:
        time.sleep(0.1)
    if not (folders and (folders[0] / "run.json").exists()):
        return "before anything was written"
    if list(folders[0].glob("checkpoint/.*.tmp")):
        return "while a checkpoint was written"
    if list(folders[0].rglob(".*.tmp")):
        return "while another file was written"
    if not list(folders[0].glob("checkpoint/*")):
        return "before the first checkpoint"
    return "at its end" if (folders[0] / "weights.safetensors").exists() else "in between"


def differences(run: fl.Run, whole: fl.Run) -> list[str]:
    """What of a run is not as it is in the other, bit by bit."""
    found = {
        "trace": run.trace.drop("seconds").equals(whole.trace.drop("seconds")),
        "seconds": run.trace["seconds"].is_sorted(),
        "evaluations": run.evaluations.equals(whole.evaluations),
        "verdict": run.verdict == whole.verdict,
        "metrics": run.metrics == whole.metrics,
        "lock": not (run.path / "lock").exists(),
        "litter": not list(run.path.rglob(".*.tmp")),
        "snapshots": sorted(run.snapshots) == sorted(whole.snapshots),
    }
    for path in ("weights.safetensors", *(f"weights/{path.name}" for path in whole.snapshots.values())):
        found[path] = (run.path / path).read_bytes() == (whole.path / path).read_bytes()
    return [name for name, same in found.items() if not same]


def survive(home: Path, kills: int, cases: Sequence[str] = tuple(CASES), seed: int = 0) -> Counter[str]:
    """Kill so often, and go on each time. Returns: how often it was killed when. Raises AssertionError: other bits."""
    write_table(home / "table.csv")
    leg_capacity, fit.leg_capacity = fit.leg_capacity, short_legs
    seen, number = Counter[str](), 0
    try:
        wholes = {case: _whole(home, case) for case in cases}

        def life(number: int) -> tuple[str, Path, list[str]]:
            draw = np.random.default_rng((seed, number))
            case, runs = cases[number % len(cases)], home / f"life-{number}"
            deaths = []
            for _ in range(1 + int(draw.integers(4) == 0)):
                since = ("begins", "walks", "walks", "walks")[draw.integers(4)]
                lasts = wholes[case][1 if since == "begins" else 2]
                deaths.append(killed(home, runs, case, since, draw.uniform(0, lasts)))
            return case, runs, deaths

        while seen.total() < kills:
            lives = range(number, number + kills - seen.total())
            number = lives.stop
            with ThreadPoolExecutor(2) as pool:
                for case, runs, deaths in pool.map(life, lives):
                    seen.update(death for death in deaths if death != "after its end")
                    went_on(runs, case, wholes[case][0], f"{case}, killed {' and '.join(deaths)}")
    finally:
        fit.leg_capacity = leg_capacity
    return seen


def went_on(runs: Path, case: str, whole: fl.Run, what: str) -> None:
    """Go on with the run there, if there is one. Raises AssertionError for other bits."""
    for told in runs.glob("*/run.json"):
        folder = told.parent
        assert owner_of(folder) is None, what
        if not fl.open_run(folder).finished:
            assert "fallline resume" in fl.open_run(folder).verdict.next, what
            fl.resume(folder, workers=CASES[case].get("workers", 1))
        wrong = differences(fl.open_run(folder), whole)
        assert not wrong, f"{what}: other {', '.join(wrong)} in {folder}"


def _whole(home: Path, case: str) -> tuple[fl.Run, float, float]:
    """A training that is not killed, how many seconds it takes once all is compiled, and how many its steps take."""
    run = began = None
    for _ in range(2):
        began = time.perf_counter()
        run = fl.train(home / "table.csv", "sum", runs=home / "whole", **CASES[case])
    assert run is not None
    return run, time.perf_counter() - began, float(run.trace["seconds"][-1])


if __name__ == "__main__":
    if len(sys.argv) == 2:
        with tempfile.TemporaryDirectory() as folder:
            for when, times in survive(Path(folder), int(sys.argv[1])).most_common():
                print(f"{times:5}  killed {when}")
        print("All went on to the same bits.")
    else:
        live(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
