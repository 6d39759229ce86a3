"""Who starts the workers: this program on its own machine, or Ray."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fallline.errors import SettingsError, unknown
from fallline.parallel.launch import launch
from fallline.parallel.mesh import joined, to_launch

ENGINES = ("local", "ray")


def to_start(workers: int | str, engine: str, address: str | None) -> bool:
    """Whether workers have yet to be started, by whom that may be. Raises SettingsError."""
    if engine not in ENGINES:
        raise SettingsError(f"{unknown('engine', engine, ENGINES)}\nLeave it out for workers of this machine.")
    if engine == "local" and address is not None:
        raise SettingsError(f"address is '{address}', but only Ray has one.\nAdd --engine ray, or leave --address out.")
    if engine == "ray" and workers == "auto":
        raise SettingsError("workers is auto, but Ray starts as many as it is told.\nGive how many: --workers 2.")
    return to_launch(workers) or (engine == "ray" and joined() is None)


def starter(engine: str, address: str | None, *, shared: Path, device: str) -> Callable[..., Any]:
    """`launch`, or what does the same on Ray. Raises SettingsError where Ray is not installed.

    Args:
        address: of a Ray cluster.
        shared: a folder that all workers see.
        device: what the workers compute on; with "gpu" each has one of its own.
    """
    if engine == "local":
        return partial(launch, device=device)
    if address is None:  # Ray heeds it when it is first imported: no port that others could reach
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        from fallline.parallel.on_ray import launch_on_ray
    except ImportError:
        raise SettingsError(
            "engine ray needs Ray, which is not here.\nInstall it: pip install 'fallline[ray]'."
        ) from None
    return partial(launch_on_ray, address=address, shared=shared, device=device)
