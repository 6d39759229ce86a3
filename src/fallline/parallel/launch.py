"""Start workers on this machine, watch them, and end them all when one is lost: none is left behind."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Pipe
from typing import Any

from fallline.errors import Stopped, WorkerError
from fallline.parallel.listen import Worker, listen
from fallline.parallel.worker import Job


def launch(
    work: Callable[..., Any],
    given: dict[str, Any],
    workers: int,
    *,
    device: str = "auto",
    timeout: float = 60.0,
    watch: Callable[[Any], None] = lambda seen: None,
) -> Any:
    """Do one work in so many processes that joined each other, and return what the first one made of it.

    Args:
        work: a function that stands in a module; it is given `given` and `watch`.
        device: as in `device.on`; with GPUs each worker has one of its own.
        timeout: seconds without a sign of life, or of getting further, after which a worker counts as hung.
        watch: told what the first worker's `watch` is told, in short.

    Raises:
        WorkerError: a worker was killed, hung or failed. Whatever else `work` raises on purpose comes as it is.
        Stopped: Ctrl-C before the first step, or for the second time.
    """
    crew: list[Worker] = []
    try:
        address = f"127.0.0.1:{free_port()}"
        for rank in range(workers):
            job = Job(rank, workers, address, max(1, int(timeout)), work, given)
            crew.append(_start(rank, workers, device))
            with suppress(BrokenPipeError):  # it will be found lost
                assert crew[-1].process.stdin is not None
                pickle.dump(job, crew[-1].process.stdin)
                crew[-1].process.stdin.close()
        return listen(crew, timeout, watch)
    except WorkerError as error:
        error.run = crew[0].folder
        raise
    except KeyboardInterrupt:
        raise Stopped(crew[0].folder if crew else None) from None
    finally:
        for worker in crew:
            with suppress(ProcessLookupError):
                os.killpg(worker.process.pid, signal.SIGKILL)
        for worker in crew:
            worker.process.wait()
            worker.pipe.close()
            worker.log.close()


def _start(rank: int, workers: int, device: str) -> Worker:
    ours, theirs = Pipe(duplex=False)
    log = tempfile.TemporaryFile()  # noqa: SIM115  as long as the worker
    process = subprocess.Popen(
        [sys.executable, "-c", "from fallline.parallel.worker import main; main()", str(theirs.fileno())],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        pass_fds=[theirs.fileno()],
        start_new_session=True,  # Ctrl-C is for us to pass on; and it can be ended with all that it started
        env=os.environ | alone(workers, device) | {"JAX_LOCAL_DEVICE_IDS": str(rank)},  # of the GPUs, if any
    )
    theirs.close()
    return Worker(rank, process, ours, log)


def alone(workers: int, device: str = "auto") -> dict[str, str]:
    """The environment in which each of so many workers has its part of this machine's cores, and its kind of device."""
    threads = str(max(1, len(os.sched_getaffinity(0)) // workers))
    names = ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen={'false' if threads == '1' else 'true'}"
    return dict.fromkeys(names, threads) | {"XLA_FLAGS": flags.strip()} | only(device)


def only(device: str) -> dict[str, str]:
    """The environment in which JAX sees no GPU where none was asked for."""
    return {"JAX_PLATFORMS": "cpu"} if device == "cpu" else {}


def free_port(lowest: int = 0) -> int:
    """A port of this machine that nobody listens on: any, or the first from `lowest` on."""
    for port in range(lowest, 65536) if lowest else (0,):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    raise WorkerError("No port is free for workers to meet at.\nEnd what holds them.")
