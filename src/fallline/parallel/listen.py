"""Listen to workers until the first is done; find the one that is lost or hung, and what is to blame."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from fallline.errors import FalllineError, WorkerError
from fallline.parallel.worker import Said

GRACE = 0.5  # seconds in which the others' words on a loss are waited for: the first to speak need not be the cause


class Ready(NamedTuple):
    """What a watch is told before the first step."""

    horizon: int
    folder: Path | None  # of the run


class Leg(NamedTuple):
    """What a watch is told of a leg that is done."""

    end: int
    loss: float


@dataclass
class Worker:
    """One of the processes."""

    rank: int
    process: subprocess.Popen
    pipe: Connection
    log: Any
    heard: float = field(default_factory=time.monotonic)
    moved: float = field(default_factory=time.monotonic)  # when it was last known to have got further
    legs: int = 0
    longest: float = 0.0  # seconds between two legs
    done: bool = False
    folder: Path | None = None  # the run that it writes, as soon as there is one

    def told(self) -> str:
        """The last line that it wrote to standard error."""
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"


def listen(crew: list[Worker], timeout: float, watch: Callable[[Any], None]) -> Any:
    """Listen until the first worker is done. Raises what the work raised, or WorkerError."""
    asked = False
    while True:
        try:
            for pipe in wait([worker.pipe for worker in crew], min(1.0, timeout / 4)):
                worker = next(worker for worker in crew if worker.pipe is pipe)
                said = _hear(worker)
                if said is None or said.kind == "failed":
                    raise _cause(crew, worker, said)
                if said.kind == "stopped":
                    raise KeyboardInterrupt
                if worker.rank == 0 and said.kind == "done":
                    return said.value
                if worker.rank == 0 and said.kind == "ready":
                    watch(Ready(*said.value))
                elif worker.rank == 0 and said.kind == "leg":
                    watch(Leg(*said.value[1:]))
            _find_hung(crew, timeout)
        except KeyboardInterrupt:
            if asked or any(worker.legs == 0 for worker in crew):
                raise
            asked = True
            for worker in crew:
                worker.process.send_signal(signal.SIGINT)


def _hear(worker: Worker) -> Said | None:
    """Its next message; None when it is gone."""
    try:
        said: Said = worker.pipe.recv()
    except (EOFError, OSError):
        return None
    worker.heard = now = time.monotonic()
    if said.kind == "writes":
        worker.folder = said.value
    if said.kind in ("leg", "done"):
        worker.longest = max(worker.longest, now - worker.moved if worker.legs else 0.0)
        worker.moved, worker.legs, worker.done = now, worker.legs + 1, said.kind == "done"
    return said


def _find_hung(crew: list[Worker], timeout: float) -> None:
    """Raises WorkerError when one has been silent too long, or all are alive and none gets further."""
    now = time.monotonic()
    for worker in crew:
        if now - worker.heard > timeout:
            raise WorkerError(
                f"{_named(worker, crew)} hung: no sign of life for {timeout:g} s; the others were ended.\n"
                "See what stopped it; a longer limit is set by --worker-timeout."
            )
    # what comes before the first leg and after the last one takes as long as the table needs
    training = all(worker.legs and not worker.done for worker in crew)
    if training and all(now - worker.moved > max(timeout, 20 * worker.longest) for worker in crew):
        behind = min(crew, key=lambda worker: worker.legs)
        raise WorkerError(
            f"{_named(behind, crew)} hung: it lives, but makes no step since {timeout:g} s; all were ended.\n"
            "See what it waits for; a longer limit is set by --worker-timeout."
        )


def _cause(crew: list[Worker], first: Worker, said: Said | None) -> FalllineError:
    """What is to blame: a fault of the work before a death, and that before what others say who lost a peer."""
    heard = {first.rank: said}
    until = time.monotonic() + GRACE
    while (left := until - time.monotonic()) > 0:
        others = {worker.pipe: worker for worker in crew if worker.rank not in heard}
        for pipe in wait(list(others), left):
            more = _hear(others[pipe])  # pyright: ignore[reportArgumentType]
            if more is None or more.kind == "failed":
                heard[others[pipe].rank] = more  # pyright: ignore[reportArgumentType]
        if not others:
            break
    for each in heard.values():
        if each is not None and isinstance(each.value, FalllineError):
            return each.value
    for rank, each in heard.items():
        worker = crew[rank]
        if each is None:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(5)
            code = worker.process.returncode or 0
            if code < 0:
                why = f"was killed by {signal.Signals(-code).name}"
                to_do = f"Often that is the limit of memory. {goes_on(len(crew))}"
            else:
                why, to_do = f"ended with code {code}", f"Its last words: {worker.told()}"
            return WorkerError(f"{_named(worker, crew)} {why}; the others were ended.\n{to_do}")
    assert said is not None
    return WorkerError(f"{_named(first, crew)} failed: {said.value}; the others were ended.\n{goes_on(len(crew))}")


def goes_on(workers: int) -> str:
    """What to do once a worker was lost."""
    return f"A run that has begun goes on with: fallline resume last --workers {workers}."


def _named(worker: Worker, crew: list[Worker]) -> str:
    return f"Worker {worker.rank + 1} of {len(crew)} (process {worker.process.pid})"
