"""Join processes to a crew: each has one device, all make the same steps, and each step's gradient is added up.

Whatever a worker sees between two steps is the same, bit by bit, on all of them; so each of them decides alike when
to stop, and nothing needs to be agreed on but time: whose clock counts, and whether a person pressed Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental.multihost_utils import sync_global_devices
from jax.sharding import Mesh

from fallline.errors import SettingsError

AXIS = "workers"
MOST = 1024  # workers that are started on one machine


@dataclass
class Crew:
    """The processes that train together, and which of them this is."""

    rank: int
    mesh: Mesh
    asked_to_stop: bool = False
    folder: Path | None = None  # the run, as soon as the first one has made it
    tell: Callable[[Path], None] = lambda folder: None  # whoever started the workers ought to know it at once

    @property
    def workers(self) -> int:
        return self.mesh.devices.size

    @property
    def first(self) -> bool:
        """The one that writes the run, and speaks."""
        return self.rank == 0

    def writes(self, folder: Path) -> None:
        """This is the run."""
        self.folder = folder
        self.tell(folder)

    def wait(self) -> None:
        """Until all of them are here."""
        sync_global_devices("fallline")

    def stop(self, *_: Any) -> None:
        """Stop after this leg: what Ctrl-C asks for."""
        self.asked_to_stop = True


_joined: Crew | None = None  # like `jax.distributed`, once and for the whole process


def joined() -> Crew | None:
    """The crew that this process belongs to; None when it is on its own."""
    return _joined


def to_launch(workers: int | str) -> bool:
    """Whether workers have yet to be started here; joins those that a cluster has started. Raises SettingsError."""
    if workers == "auto":
        if _joined is None:
            join()
        return False
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= MOST:
        raise SettingsError(
            f"workers is {workers!r}.\nGive how many, 1 to {MOST}; or auto, where a cluster starts them."
        )
    return workers > 1 and _joined is None


def enough_rows(workers: int, size: int) -> None:
    """Raises SettingsError when a batch has fewer rows than there are workers to share them."""
    if size < workers:
        raise SettingsError(
            f"A batch of {size} rows can't be shared by {workers} workers.\nUse fewer workers, or a larger batch."
        )


def join(
    workers: int | None = None,
    rank: int | None = None,
    address: str | None = None,
    timeout: int = 60,
    *,
    watched: bool = True,
) -> Crew:
    """Become a worker. Call it before anything is computed.

    Args:
        workers, rank, address: how many there are, which this is, and host:port where the first one is met. When
            left out, Slurm, Open MPI or Kubernetes are asked (by JAX).
        timeout: seconds without a sign of life after which a worker counts as gone.
        watched: whether who started them looks after them as well, as `launch` does.

    Raises:
        SettingsError: no cluster was found, or not all of the workers have come.
    """
    global _joined
    os.environ["JAX_CPU_COLLECTIVES_IMPLEMENTATION"] = "gloo"
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    # whoever started them on this machine finds a lost one first, and names it
    silent = 2 * timeout + 30 if watched and workers is not None else timeout
    try:
        jax.distributed.initialize(
            address,
            workers,
            rank,
            coordinator_bind_address=address if address is not None and address.startswith("127.") else None,
            heartbeat_timeout_seconds=silent,
            initialization_timeout=max(timeout, 60),
        )
    except (RuntimeError, ValueError) as error:
        raise SettingsError(
            f"The workers did not find each other: {str(error).splitlines()[0][:200]}.\n"
            "Start as many as were asked for; without Slurm, Open MPI or Kubernetes give their number: --workers 2."
        ) from error
    there = jax.process_count()
    if workers is not None and there != workers:  # each would train a model of its own, and nobody would notice
        raise SettingsError(f"{workers} workers were asked for, but {there} came.\nStart as many as were asked for.")
    # one device of each process, in the order of their numbers
    devices = {device.process_index: device for device in reversed(jax.devices())}
    _joined = Crew(jax.process_index(), Mesh(np.array([devices[i] for i in range(there)]), (AXIS,)))
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _joined.stop)
    return _joined


def leave() -> None:
    """Part from the crew, all at the same time, so that each may end when it likes. Workers are not joined again."""
    global _joined
    jax.distributed.shutdown()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _joined = None
