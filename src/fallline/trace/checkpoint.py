"""Checkpoints: `checkpoint/STEP.safetensors`, from where a training can go on. The newest two are kept.

A file holds named arrays, among them "told", JSON as bytes, and the checksum of them all. It is written beside its
place and moved there once the trace up to its step is on the disk: a checkpoint that is there never lacks its trace.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from fallline.data.bound import size
from fallline.trace.contents import damaged, own
from fallline.trace.folder import stored, write_weights
from fallline.trace.seal import SEAL, seal_of_arrays

TOLD = "told"
KEPT = 2


def write_checkpoint(folder: Path, step: int, arrays: dict[str, np.ndarray], told: dict[str, Any]) -> None:
    """Keep a checkpoint, and let go of all but the newest two. Raises StorageError."""
    text = np.frombuffer(json.dumps(told).encode(), np.uint8)
    with stored(folder):
        (folder / "checkpoint").mkdir(exist_ok=True)
    write_weights(folder / "checkpoint" / f"{step:09d}.safetensors", arrays | {TOLD: text}, firm=True)
    for old in checkpoints(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def checkpoints(folder: Path) -> list[Path]:
    """The files of the checkpoints that there are, newest first. Raises RunError for a folder that is a link out."""
    there = own(folder, "checkpoint").glob("*.safetensors")
    return sorted((p for p in there if p.stem.isascii() and p.stem.isdigit()), key=lambda p: int(p.stem), reverse=True)


def read_checkpoint(folder: Path, path: Path, most: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a checkpoint and what it tells besides. Raises RunError for one that is not what was written.

    Args:
        most: bytes that it can have.
    """
    try:
        if own(folder, "checkpoint", path.name).stat().st_size > most:
            raise ValueError(f"it holds {size(path.stat().st_size)}")
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
            seal = (file.metadata() or {}).get(SEAL)
        if seal != seal_of_arrays(arrays):
            raise ValueError("it is not what was written")
        told = json.loads(arrays.pop(TOLD).tobytes())
        if told["step"] != int(path.stem):
            raise ValueError(f"it is of step {told['step']}")
    except Exception as error:
        raise damaged(path, error) from error
    return arrays, told
