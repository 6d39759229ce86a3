"""Workers that Ray starts, on this machine or on its cluster; they join each other as all workers do.

Ray's own JaxTrainer (2.60) has its workers join on TPUs and GPUs only: on CPUs each would train a model of its own, and
nobody would notice. So they are joined by a backend of our own, which leaves the rest to Ray Train.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")

import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.backend import Backend, BackendConfig
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from ray.train.v2.api.exceptions import TrainingFailedError
from ray.util.queue import Queue

from fallline.errors import FalllineError, SettingsError, Stopped, WorkerError
from fallline.parallel.launch import alone, free_port, only
from fallline.parallel.listen import Leg, Ready, goes_on
from fallline.parallel.mesh import join, joined

OFTEN = 1.0  # seconds between two things that the driver is told


@dataclass
class Joining(BackendConfig):
    """How Ray's workers are joined; `timeout` as in `mesh.join`."""

    timeout: int = 60

    @property
    def backend_cls(self) -> type[Backend]:
        return Crew


class Crew(Backend):
    """Joins Ray's workers before the training begins."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        address, workers = worker_group.execute_single(0, _here), len(worker_group)
        each = (
            worker_group.execute_single_async(rank, _join, workers, rank, address, backend_config.timeout)
            for rank in range(workers)
        )
        ray.get(list(each))


def launch_on_ray(
    work: Callable[..., Any],
    given: dict[str, Any],
    workers: int,
    *,
    shared: Path,
    address: str | None = None,
    device: str = "auto",
    timeout: float = 60.0,
    watch: Callable[[Any], None] = lambda seen: None,
) -> Any:
    """`launch`, with workers that Ray starts. Arguments as there, and

    Args:
        shared: a folder that all workers see; Ray's own files lie in it while they work.
        address: of a Ray cluster, or "auto" for the one of this machine; Ray is started here, for as long, when None.
        device: what the workers compute on; with "gpu" Ray gives each one of its own.

    Raises: as `launch`, and SettingsError when there is no such cluster.
    """
    begun = _begin(address, workers, device)
    heard = Queue(actor_options={"num_cpus": 0})
    last: list[Ready] = []

    def hear() -> None:
        while (said := heard.get()) is not None:
            last.extend([said] if isinstance(said, Ready) else [])
            watch(said)

    hearing = threading.Thread(target=hear, daemon=True)
    hearing.start()
    shared.mkdir(parents=True, exist_ok=True)
    storage = Path(tempfile.mkdtemp(prefix=".ray-", dir=None if address is None else shared)).absolute()
    handler = signal.getsignal(signal.SIGINT)  # Ray Train puts one of its own there
    trainer = DataParallelTrainer(
        _work,
        train_loop_config={"work": work, "given": given, "folder": os.getcwd(), "heard": heard},
        backend_config=Joining(max(1, int(timeout))),
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=device == "gpu"),
        run_config=RunConfig(name="fallline", storage_path=str(storage)),
    )
    try:
        return trainer.fit().return_value
    except TrainingFailedError as error:
        raise _cause(error, last[0].folder if last else None, workers) from None
    except SystemExit:  # so Ray Train ends on Ctrl-C
        raise Stopped(last[0].folder if last else None) from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
        with suppress(Exception):
            heard.put(None)
            hearing.join(OFTEN)
        shutil.rmtree(storage, ignore_errors=True)
        if begun:
            ray.shutdown()


def _begin(address: str | None, workers: int, device: str) -> bool:
    """Connect to a cluster, or start one of this machine alone; whether that is ours to end."""
    if ray.is_initialized():
        return False
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is not None:
        try:
            _answers(address)
            ray.init(address, runtime_env={"env_vars": only(device)}, **quiet)
        except (OSError, ValueError, RuntimeError) as error:
            first = " ".join(str(error).split())[:200]
            raise SettingsError(
                f"No Ray cluster answers at '{address}': {first}\nStart one, or leave --address out."
            ) from None
        return True
    ray.init(
        "local",
        num_cpus=workers,
        include_dashboard=False,
        runtime_env={"env_vars": alone(workers, device)},
        **quiet,
    )
    return True


def _answers(address: str) -> None:
    """Raises OSError when nobody listens there: Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), 10).close()


def _here() -> str:
    """In the first worker: where it can be met."""
    return f"{ray.util.get_node_ip_address()}:{free_port()}"


def _join(workers: int, rank: int, address: str, timeout: int) -> None:
    """In each worker."""
    join(workers, rank, address, timeout, watched=False)


def _work(config: dict[str, Any]) -> Any:
    """In each worker: the work itself. What the first one makes of it is the answer."""
    crew, heard, told = joined(), config["heard"], 0.0
    assert crew is not None
    with suppress(OSError):  # where paths that were given lead from
        os.chdir(config["folder"])

    def see(seen: Any) -> None:
        nonlocal told
        if not crew.first:
            return
        if not hasattr(seen, "recorded"):
            heard.put(Ready(seen.horizon, crew.folder))
        elif time.monotonic() - told > OFTEN:
            told = time.monotonic()
            heard.put(Leg(seen.end, float(seen.recorded.loss[-1])))

    made = config["work"](**config["given"], watch=see)
    crew.wait()  # so that none is ended while another needs it
    return getattr(made, "path", made)


def _cause(error: TrainingFailedError, run: Path | None, workers: int) -> FalllineError:
    """What is to blame: a fault that the work was refused for, before what else befell a worker."""
    failures = dict(getattr(error, "worker_failures", {}))
    for failure in failures.values():
        for each in (failure, getattr(failure, "_base_exc", None), failure.__cause__):
            if isinstance(each, FalllineError):
                return each
    rank, failure = next(iter(failures.items()), (0, error))
    lines = [line for line in str(getattr(failure, "_base_exc", failure)).splitlines() if line.strip()]
    first = lines[0].strip()[:300] if lines else type(failure).__name__
    found = WorkerError(f"Worker {rank + 1} was lost: {first}\n{goes_on(workers)}")
    found.run = run
    return found
