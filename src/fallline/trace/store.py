"""Appends recorded legs to a run folder while training goes on."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.trace.checkpoint import write_checkpoint
from fallline.trace.folder import PART_SECONDS, settle, write_frame, write_weights
from fallline.trace.trace import Snapshots, leg_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fallline.batches import Batches
    from fallline.legs import Leg
    from fallline.types import Parameters


class Store:
    """Writes parts of the trace behind the loop's back: one thread, so that the next leg need not wait.

    What is written stands in the order of its steps, and checkpoints after the trace that they rely on. After a write
    that fails nothing more is written; it raises StorageError from the next `keep`, or from `close`.

    Args:
        every: seconds between checkpoints, at least. The clock decides when one is written, never what is in it.
    """

    def __init__(
        self, folder: Path, arrays_of: Callable[[Parameters], dict[str, np.ndarray]], every: float = 30.0
    ) -> None:
        self.folder = folder
        self.batches: Batches | None = None  # known once training is set up
        self._arrays_of = arrays_of
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="trace")
        self._written: list[Future] = []
        self._waiting: list[Leg] = []
        self._parts = 0
        self._last = self._marked = time.perf_counter()
        self._snapshots = Snapshots()
        self._every = every
        self._checkpoint: Future | None = None
        self._unsettled: list[Path] = []
        self._failed = False

    def go_on(self, parts: int, leg_ends: Sequence[int]) -> None:
        """Append to so many parts of the trace that are there, and to the snapshots taken at the ends of those legs."""
        self._parts = parts
        for end in leg_ends:
            self._snapshots.offer(end, None)
        for path in (self.folder / "weights").glob("*.safetensors"):
            if path.stem not in {f"{step:09d}" for step in (0, *self._snapshots.at)}:
                path.unlink()

    def keep(self, leg: Leg) -> None:
        """Take one leg over; written at once unless the last part is quite fresh."""
        for done in [f for f in self._written if f.done()]:
            done.result()
            self._written.remove(done)
        self._waiting.append(leg.bare())
        if leg.recorded.parameters is None:
            self._snapshot(leg)
        if time.perf_counter() - self._last >= PART_SECONDS:
            self._flush()

    @property
    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        written = self._checkpoint is None or self._checkpoint.done()
        return written and time.perf_counter() - self._marked >= self._every

    def checkpoint(self, step: int, arrays: dict[str, np.ndarray], told: dict[str, Any]) -> None:
        """Keep from where the training can be gone on with, once all before it is written."""
        self._flush()
        self._checkpoint = self._submit(self._write_checkpoint, step, arrays, told)
        self._marked = time.perf_counter()

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
        self._submit(self._write, part, legs)

    def _submit(self, write: Callable[..., Any], *given: Any) -> Future:
        def unless_failed() -> None:
            if self._failed:
                return
            try:
                write(*given)
            except BaseException:
                self._failed = True
                raise

        self._written.append(self._writer.submit(unless_failed))
        return self._written[-1]

    def _write(self, part: int, legs: list[Leg]) -> None:
        assert self.batches is not None
        frame = leg_frame(legs[0].then(legs[1:]), self.batches)
        path = self.folder / "trace" / f"{part:05d}.parquet"
        write_frame(path, frame)
        self._unsettled.append(path)

    def _write_checkpoint(self, step: int, arrays: dict[str, np.ndarray], told: dict[str, Any]) -> None:
        others = [self.folder / name for name in ("run.json", "trace", "weights")]
        for path in (*self._unsettled, *others, self.folder):
            settle(path)
        self._unsettled.clear()
        write_checkpoint(self.folder, step, arrays, told)

    def _snapshot(self, leg: Leg) -> None:
        gone = self._snapshots.offer(leg.end, None)
        if gone is None:
            return
        self._submit(self._write_snapshot, leg.end, leg.parameters)
        for step in gone:
            if step != leg.end:
                self._submit(self._path(step).unlink, True)

    def _write_snapshot(self, step: int, parameters: Parameters) -> None:
        write_weights(self._path(step), self._arrays_of(parameters))
        self._unsettled.append(self._path(step))

    def _path(self, step: int) -> Path:
        return self.folder / "weights" / f"{step:09d}.safetensors"
