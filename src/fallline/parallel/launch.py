"""Start workers on this machine, watch them, and end them all when one is lost: none is left behind."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, NamedTuple

from fallline.errors import FalllineError, RunError
from fallline.parallel.worker import Job, Said

GRACE = 0.5  # seconds in which the others' words on a loss are waited for: the first to speak need not be the cause


class Lost(RunError):
    """A worker was killed, hung, or failed for a reason of its own."""


class Ready(NamedTuple):
    """What a watch is told before the first step."""

    horizon: int


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
    longest: float = 0.0

    def told(self) -> str:
        """The last line that it wrote to standard error."""
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"


def launch(
    work: Callable[..., Any],
    given: dict[str, Any],
    workers: int,
    *,
    timeout: float = 60.0,
    watch: Callable[[Any], None] = lambda seen: None,
) -> Any:
    """Do one work in so many processes that joined each other, and return what the first one made of it.

    Args:
        work: a function that stands in a module; it is given `given` and `watch`.
        timeout: seconds without a sign of life, or of getting further, after which a worker counts as hung.
        watch: told what the first worker's `watch` is told, in short.

    Raises:
        Lost: a worker was killed, hung or failed. Whatever else `work` raises on purpose comes as it is.
        KeyboardInterrupt: Ctrl-C before the first step, or for the second time.
    """
    crew: list[Worker] = []
    try:
        address = f"127.0.0.1:{_free_port()}"
        for rank in range(workers):
            job = Job(rank, workers, address, max(1, int(timeout)), work, given)
            crew.append(_start(rank, workers))
            with suppress(BrokenPipeError):  # it will be found lost
                assert crew[-1].process.stdin is not None
                pickle.dump(job, crew[-1].process.stdin)
                crew[-1].process.stdin.close()
        return _result(crew, timeout, watch)
    finally:
        for worker in crew:
            with suppress(ProcessLookupError):
                os.killpg(worker.process.pid, signal.SIGKILL)
        for worker in crew:
            worker.process.wait()
            worker.pipe.close()
            worker.log.close()


def _start(rank: int, workers: int) -> Worker:
    threads = str(max(1, len(os.sched_getaffinity(0)) // workers))
    names = ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen={'false' if threads == '1' else 'true'}"
    ours, theirs = Pipe(duplex=False)
    log = tempfile.TemporaryFile()
    process = subprocess.Popen(
        [sys.executable, "-c", "from fallline.parallel.worker import main; main()", str(theirs.fileno())],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        pass_fds=[theirs.fileno()],
        start_new_session=True,  # Ctrl-C is for us to pass on; and it can be ended with all that it started
        env=os.environ | dict.fromkeys(names, threads) | {"XLA_FLAGS": flags.strip()},
    )
    theirs.close()
    return Worker(rank, process, ours, log)


def _result(crew: list[Worker], timeout: float, watch: Callable[[Any], None]) -> Any:
    """Listen until the first worker is done. Raises what the work raised, or Lost."""
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
                    watch(Ready(said.value))
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
    if said.kind in ("leg", "done"):
        worker.longest = max(worker.longest, now - worker.moved if worker.legs else 0.0)
        worker.moved, worker.legs = now, worker.legs + 1
    return said


def _find_hung(crew: list[Worker], timeout: float) -> None:
    """Raises Lost when one has been silent too long, or all are alive and none gets further."""
    now = time.monotonic()
    for worker in crew:
        if now - worker.heard > timeout:
            raise Lost(
                f"{_named(worker, crew)} hung: no sign of life for {timeout:g} s; the others were ended.\n"
                "See what stopped it; a longer limit is set by --worker-timeout."
            )
    begun = [worker for worker in crew if worker.legs]
    if len(begun) == len(crew) and all(now - w.moved > max(timeout, 20 * w.longest) for w in crew):
        behind = min(crew, key=lambda worker: worker.legs)
        raise Lost(
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
                to_do = "A killed worker often met the limit of memory: look there, or use fewer."
            else:
                why, to_do = f"ended with code {code}", f"Its last words: {worker.told()}"
            return Lost(f"{_named(worker, crew)} {why}; the others were ended.\n{to_do}")
    assert said is not None
    return Lost(
        f"{_named(first, crew)} failed: {said.value}; the others were ended.\nThe run can be gone on with: fallline resume last."
    )


def _named(worker: Worker, crew: list[Worker]) -> str:
    return f"Worker {worker.rank + 1} of {len(crew)} (process {worker.process.pid})"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
