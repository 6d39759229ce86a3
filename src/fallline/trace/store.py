"""Appends recorded legs to a run folder while training goes on."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from fallline.trace.folder import PART_SECONDS, write_frame, write_weights
from fallline.trace.trace import Snapshots, leg_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallline.batches import Batches
    from fallline.legs import Leg
    from fallline.types import Parameters


class Store:
    """Writes parts of the trace behind the loop's back: one thread, so that the next leg need not wait.

    A write that fails raises StorageError from the next `keep`, or from `close`.
    """

    def __init__(self, folder: Path, arrays_of: Callable[[Parameters], dict[str, np.ndarray]]) -> None:
        self.folder = folder
        self.batches: Batches | None = None  # known once training is set up
        self._arrays_of = arrays_of
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="trace")
        self._written: list[Future] = []
        self._waiting: list[Leg] = []
        self._parts = 0
        self._last = time.perf_counter()
        self._snapshots = Snapshots()

    def keep(self, leg: Leg) -> None:
        """Take one leg over; written at once unless the last part is quite fresh."""
        for done in [f for f in self._written if f.done()]:
            done.result()
            self._written.remove(done)
        self._waiting.append(leg)
        if leg.recorded.parameters is None:
            self._snapshot(leg)
        if time.perf_counter() - self._last >= PART_SECONDS:
            self._flush()

    def start(self, parameters: Parameters) -> None:
        """Keep the weights before the first step."""
        self._write_snapshot(0, parameters)

    def close(self) -> None:
        """Write what is waiting. Raises StorageError when any of it could not be written."""
        try:
            self._flush()
            for written in self._written:
                written.result()
        finally:
            self._writer.shutdown(wait=True)

    def _flush(self) -> None:
        legs, self._waiting = self._waiting, []
        if not legs:
            return
        part, self._parts = self._parts, self._parts + 1
        self._last = time.perf_counter()
        self._written.append(self._writer.submit(self._write, part, legs))

    def _write(self, part: int, legs: list[Leg]) -> None:
        assert self.batches is not None
        frame = pl.concat([leg_frame(leg, self.batches) for leg in legs])
        write_frame(self.folder / "trace" / f"{part:05d}.parquet", frame)

    def _snapshot(self, leg: Leg) -> None:
        gone = self._snapshots.offer(leg.end, None)
        if gone is None:
            return
        self._written.append(self._writer.submit(self._write_snapshot, leg.end, leg.parameters))
        for step in gone:
            if step != leg.end:
                self._written.append(self._writer.submit(self._path(step).unlink, missing_ok=True))

    def _write_snapshot(self, step: int, parameters: Parameters) -> None:
        write_weights(self._path(step), self._arrays_of(parameters))

    def _path(self, step: int) -> Path:
        return self.folder / "weights" / f"{step:09d}.safetensors"
