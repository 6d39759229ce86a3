"""Kill trainings with SIGKILL at random moments, go on with each, and compare it with one that was never killed.

    python tests/survival.py 50        kills 50 times, and says what was seen

Each training runs in a process of its own, which says when it begins; the moment of the kill is drawn from then on, so
that it may fall before the first step, into a leg, into a checkpoint (written one after the other, without a pause) or
into the measures at the end. Some die as what they wrote is made to last, which is in the midst of a checkpoint. Of
some a worker is killed. Some are killed again while they go on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
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
    "two workers on the disk": {
        "batch": 16,
        "epochs": 200,
        "rate": 0.05,
        "average": "tail",
        "stop": None,
        "memory": "2KB",
        "workers": 2,
    },
}
WRITES = 30  # how often, at most, something is made to last before a training dies of it
processes = multiprocessing.get_context("forkserver")
GONE = 15.0  # seconds until the workers of a training that was killed have ended


def write_table(path: Path) -> None:
    """Three numbers, of 200 rows, and what they add up to."""
    draw = np.random.default_rng(0)
    columns = {name: draw.normal(size=200) for name in "abc"}
    pl.DataFrame(columns | {"sum": sum(columns.values()) + draw.normal(size=200)}).write_csv(path)


def short_legs(*_: Any, **__: Any) -> int:
    """Instead of `leg_capacity`."""
    return LEG


def live(home: Path, runs: Path, case: str, voice: Connection, writes: int | None) -> None:
    """A training, or the rest of one where there is one already; to be killed, or to die after so many `writes`."""
    sys.stderr = open(runs.with_suffix(".log"), "a")  # noqa: SIM115  as long as the process
    fit.leg_capacity = short_legs
    begun = list(runs.glob("*/run.json"))
    said: list[str] = []
    if writes is not None:
        _die_of_writing(writes)

    def watch(seen: Any) -> None:
        if not hasattr(seen, "horizon") and not said:
            said.append("walks")
            voice.send(said[0])

    voice.send("begins")
    if begun:
        fl.resume(begun[0].parent, watch=watch, workers=CASES[case].get("workers", 1))
    else:
        fl.train(home / "table.csv", "sum", runs=runs, checkpoint_every=0, watch=watch, **CASES[case])


def _die_of_writing(writes: int) -> None:
    """Have this process killed as it makes what it wrote last, for the so manieth time."""
    left, fsync = [writes], os.fsync

    def die(handle: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(handle)

    os.fsync = die


def killed(home: Path, runs: Path, case: str, since: str, moment: float, worker: bool) -> str:
    """Kill a training, or one of its workers, so many seconds after it "begins", or "walks" its first leg.

    With "writes" it dies of itself, `moment` of the way through WRITES. Returns: when that was, in words.
    """
    heard, voice = processes.Pipe(duplex=False)
    writes = 1 + int(moment * WRITES) if since == "writes" else None
    process = processes.Process(target=live, args=(home, runs, case, voice, writes))
    process.start()
    voice.close()
    lost = False
    with suppress(EOFError):  # it has ended
        while writes is not None or heard.recv() != since:
            if writes is not None:
                heard.recv()
        time.sleep(moment)
        lost = worker and _kill_a_worker(process.pid)
        if not lost:
            process.kill()
    process.join()
    if process.exitcode == 0:
        return "after its end"
    told = f"{case}: {process.exitcode}. {runs.with_suffix('.log').read_text()}"
    assert process.exitcode == (1 if lost else -9), told
    if lost:
        return "by the loss of a worker"
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


def _kill_a_worker(pid: int | None) -> bool:
    """Kill the last of the workers that a process has started; whether there was one."""
    for told in sorted(_children(pid), reverse=True):
        with suppress(OSError):
            if b"fallline.parallel.worker" in Path(f"/proc/{told}/cmdline").read_bytes():
                os.kill(told, signal.SIGKILL)
                return True
    return False


def _children(pid: int | None) -> Iterable[int]:
    return (int(told) for task in Path(f"/proc/{pid}/task").glob("*/children") for told in task.read_text().split())


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
    processes.set_forkserver_preload(["fallline", "fallline.project", "fallline.resuming", "survival"])
    leg_capacity, fit.leg_capacity = fit.leg_capacity, short_legs
    seen, number = Counter[str](), 0
    try:
        wholes = {case: _whole(home, case) for case in cases}

        def life(number: int) -> tuple[str, Path, list[str]]:
            draw = np.random.default_rng((seed, number))
            case, runs = cases[number % len(cases)], home / f"life-{number}"
            deaths = []
            for _ in range(1 + int(draw.integers(4) == 0)):
                if any(fl.open_run(told.parent).finished for told in runs.glob("*/run.json")):
                    break
                since = ("begins", "walks", "walks", "walks", "writes")[draw.integers(5)]
                since = "walks" if since == "writes" and "workers" in CASES[case] else since  # the worker writes
                lasts = {"begins": wholes[case][1], "walks": wholes[case][2], "writes": 1.0}[since]
                worker = "workers" in CASES[case] and bool(draw.integers(2))
                deaths.append(killed(home, runs, case, since, draw.uniform(0, lasts), worker))
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
    with tempfile.TemporaryDirectory() as folder:
        for when, times in survive(Path(folder), int(sys.argv[1])).most_common():
            print(f"{times:5}  killed {when}")
    print("All went on to the same bits.")
