"""The workers of a lab: one for each open page, and one spare that is warm already, so that a page need not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from fallline.lab.process import Work, Worker, start

MOST_PAGES = 4
ROOM = 1.0  # seconds that a page waits for another to go: a reload opens the new one first
BREATH = 3.0  # seconds before the next spare is warmed: the page that took the last one needs the processor now


class Pool:
    """Make it anywhere; use it on one event loop."""

    def __init__(self, work: Work, folder: Path, runs: Mapping[str, Path], most: int = MOST_PAGES) -> None:
        self.most = most
        self._how = (work, folder, runs)
        self._places = asyncio.Semaphore(most)
        self._spare: Worker | None = None
        self._busy: set[Worker] = set()
        self._warming: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def enter(self) -> bool:
        """Take a page's place; False when there is none. Give it back with `leave`."""
        try:
            await asyncio.wait_for(self._places.acquire(), ROOM)
        except TimeoutError:
            return False
        return True

    def leave(self) -> None:
        """A page has gone."""
        self._places.release()
        self.refill(0.0)

    async def take(self) -> Worker:
        """A worker for a page: the spare one, if there is."""
        spare, self._spare = self._spare, None
        worker = spare if spare is not None and spare.alive else await start(*self._how)
        self._busy.add(worker)
        self.refill(BREATH)
        return worker

    async def end(self, worker: Worker) -> None:
        """A page needs its worker no longer."""
        await worker.stop()
        self._busy.discard(worker)

    def refill(self, after: float) -> None:
        """See to it that a spare one is warmed soon, unless every page that may be open has its own."""
        if self._warming is None or self._warming.done():
            self._warming = asyncio.create_task(self._warm(after))

    async def _warm(self, after: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), after)
        if self._spare is None and not self._places.locked() and not self._closing.is_set():
            self._spare = await start(*self._how)

    async def close(self) -> None:
        """End all of them."""
        self._closing.set()
        if self._warming is not None:
            await self._warming
        workers = [*self._busy, *([self._spare] if self._spare else [])]
        await asyncio.gather(*(worker.stop() for worker in workers))
        self._busy.clear()
        self._spare = None
