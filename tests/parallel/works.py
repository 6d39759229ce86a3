"""What workers are told to do in tests: small trainings, and the faults that befall them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from jax.flatten_util import ravel_pytree

from fallline.errors import DataError
from fallline.fit import fit
from fallline.legs import Place
from fallline.parallel.apart import here
from fallline.parallel.mesh import joined
from fallline.settings import check, parts_of
from fallline.survey import Rows

LISTENS, LOOP = "0A", "0100007F:"  # as /proc/net/tcp has them


def rows(count: int = 203, features: int = 5) -> Rows:
    """A table whose rows no number of workers divides."""
    draw = np.random.default_rng(3)
    table = draw.normal(size=(count, features)).astype(np.float32)
    target = np.tanh(table @ draw.normal(size=features)).astype(np.float32)
    return Rows(table, target, np.ones(count))


def ended(watch: Any = lambda seen: None, place: Place | None = None, **settings: Any) -> tuple[float, np.ndarray]:
    """The loss and the flat weights that a fit on `rows` ends with."""
    asked = check(**settings)
    given = rows()
    parts = parts_of(asked, features=given.features.shape[1], task="number", classes=0)
    found = fit(parts, asked, given, ready=watch, keep=watch, place=place or here({}))
    return found.figures.end, np.asarray(ravel_pytree(found.parameters)[0])


def fitted(watch: Any = lambda seen: None, place: Place | None = None, **settings: Any) -> np.ndarray:
    """The flat weights alone."""
    return ended(watch, place, **settings)[1]


def fitted_by_all(each: list[dict[str, Any]], watch: Any) -> list[np.ndarray]:
    """For each of some settings, the flat weights [workers, parameters] that every worker ends with."""
    return [np.asarray(process_allgather(fitted(watch, **settings))) for settings in each]


def placed(watch: Any) -> list[list[int]]:
    """For each worker [worker, the GPU it is given, whether all else is out of its sight]."""
    own = (int(os.environ["JAX_LOCAL_DEVICE_IDS"]), os.environ.get("JAX_PLATFORMS") == "cpu")
    return np.asarray(process_allgather(np.array([joined().rank, *own]))).tolist()


class Seen:
    """As much of a leg as a worker tells of."""

    def __init__(self, end: int) -> None:
        self.end, self.recorded = end, self
        self.loss = np.zeros(1)


def walking(watch: Any, fault: str = "", rank: int = 1) -> int:
    """Steps without end; a fault befalls one worker after some of them. Returns 7 where there is none."""
    crew = joined()
    assert crew is not None
    assert jax.process_count() == crew.workers
    for step in range(1, 10_000):
        watch(Seen(step))
        time.sleep(0.02)
        if step == 5 and not fault:
            return 7
        if step == 5 and crew.rank == rank:
            befall(fault)
        if crew.asked_to_stop:
            return step
    raise AssertionError("nobody ended it")


def befall(fault: str) -> None:
    """One way in which a worker is lost."""
    if fault in ("SIGKILL", "SIGSTOP"):
        os.kill(os.getpid(), getattr(signal, fault))
    if fault == "refused":
        raise DataError("Row 7 can't be read.\nMend it.")
    if fault == "raises":
        raise ZeroDivisionError("by nothing")
    if fault == "exits":
        os.write(2, b"all is lost\n")
        os._exit(3)
    if fault == "waits":
        time.sleep(1000)


def left() -> list[int]:
    """The workers that this process has started and that still run, in the order of their start."""
    tasks = Path("/proc/self/task").glob("*/children")
    pids = sorted(int(pid) for task in tasks for pid in task.read_text().split())
    return [pid for pid in pids if _works(pid)]


def reachable(pid: int) -> list[str]:
    """Where a process listens for others than those of this machine, as the kernel writes it."""
    own = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            own.add(os.readlink(handle))
    rows = [row.split() for kind in ("tcp", "tcp6") for row in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()]
    return [row[1] for row in rows if row[3] == LISTENS and f"socket:[{row[9]}]" in own and LOOP not in row[1]]


def _works(pid: int) -> bool:
    try:
        return b"fallline.parallel.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return False
