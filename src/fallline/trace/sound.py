"""What of a run folder can be relied on after an accident, and how to take the rest away before training goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from fallline.errors import RunError
from fallline.trace.contents import own, read_frame
from fallline.trace.folder import INNER, stored, write_frame

NEEDED = ("objective", "gradient_norm", "seconds")
STAYS = ("rates.parquet",)  # of the evidence: how the rate was chosen does not change


def sound_parts(folder: Path) -> tuple[list[tuple[Path, pl.DataFrame]], str | None]:
    """The parts of the trace from its start up to the first that is lacking or damaged, and what is wrong with that."""
    found: list[tuple[Path, pl.DataFrame]] = []
    steps = 0
    for path in sorted(own(folder, "trace").glob("*.parquet"), key=lambda part: (len(part.name), part.name)):
        try:
            frame = read_frame(own(folder, "trace", path.name))
        except RunError as error:
            return found, str(error).splitlines()[0]
        here = frame["step"].to_numpy() if "step" in frame.columns else np.zeros(0)
        if not len(here) or not np.array_equal(here, np.arange(steps + 1, steps + 1 + len(here))):
            return found, f"{path} does not go on after step {steps:,}."
        if any(name not in frame.columns or not frame[name].dtype.is_float() for name in NEEDED):
            return found, f"{path} lacks a column."
        found.append((path, frame))
        steps += len(here)
    return found, None


def cut(folder: Path, parts: list[tuple[Path, pl.DataFrame]], step: int) -> int:
    """Take away what is not relied on: steps after that one, what was measured at the end, checkpoints of later steps.

    Returns: how many parts of the trace are left, numbered from 0.

    Raises: StorageError.
    """
    with stored(folder):
        for inner in INNER:
            own(folder, inner).mkdir(exist_ok=True)
        for unfinished in folder.rglob(".*.tmp"):
            unfinished.unlink()
        for name in ("weights.safetensors", "report.html"):
            (folder / name).unlink(missing_ok=True)
        for measured in own(folder, "evidence").iterdir():
            if measured.name not in STAYS and not measured.is_dir():
                measured.unlink()
        for checkpoint in own(folder, "checkpoint").glob("*.safetensors"):
            if not checkpoint.stem.isdigit() or int(checkpoint.stem) > step:
                checkpoint.unlink()
        stay = [(path, frame) for path, frame in parts if frame["step"][0] <= step]
        for path in sorted(own(folder, "trace").glob("*.parquet"), reverse=True):  # the last first: killed here, no gap
            if path not in [kept for kept, _ in stay]:
                path.unlink()
        if stay and stay[-1][1]["step"][-1] > step:
            path, frame = stay[-1]
            write_frame(path, frame.filter(pl.col("step") <= step))
    return len(stay)
