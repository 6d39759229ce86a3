"""A worker process and the two threads that speak with it, so that the server itself never waits for it.

What the page says waits in a queue until the worker has time for it (it may be compiling); what the worker says waits
in its own pipe until the page has taken what came before. Both are bounded: a page that floods is told off, a worker
that is faster than its page waits.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

Work = Callable[[Connection, Path, Mapping[str, Path]], None]

WAITING = 2**22  # characters of a page's messages that a busy worker has not heard yet
LEAST = 100  # that each counts for
AHEAD = 4  # messages of a worker that its page has not taken yet, besides those in the pipe
PATIENCE = 1.0  # seconds that a process may take to end by itself
WARM = '{"say":"warm"}'


class FloodError(Exception):
    """A page said more than its busy worker could hear."""

    def __init__(self) -> None:
        super().__init__("too many messages at once")


class Worker:
    """A worker process. Make it with `await start(...)`."""

    def __init__(self, process: Any, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        self.said: asyncio.Queue[str | None] = asyncio.Queue(AHEAD)  # None: it has ended
        self.warm = asyncio.Event()
        self._process, self._connection, self._loop = process, connection, loop
        self._heard: queue.SimpleQueue[tuple[dict[str, Any], int] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._listen, self._speak)]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, message: dict[str, Any], size: int) -> None:
        """Hand a message of so many characters over; it waits while the worker is busy. Raises FloodError."""
        size = max(size, LEAST)
        with self._lock:
            if self._waiting + size > WAITING:
                raise FloodError
            self._waiting += size
        self._heard.put((message, size))

    def ending(self) -> str:
        """What a person should be told of how it ended."""
        self._process.join(PATIENCE)
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            why = " Perhaps memory ran out." if name == "SIGKILL" else ""
            return (
                f"The training's process was stopped from outside ({name}).{why} Nothing of it is left but this page."
            )
        return f"The training's process ended unexpectedly (exit code {code}). The terminal may say more."

    async def stop(self) -> None:
        """End it, also when it is compiling."""
        if self.alive:
            self._process.terminate()
        await asyncio.to_thread(self._process.join, PATIENCE)
        if self.alive:
            self._process.kill()
            await asyncio.to_thread(self._process.join)
        self._heard.put(None)
        while not self.said.empty():  # the listening thread may wait for room
            self.said.get_nowait()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, PATIENCE)

    def _listen(self) -> None:
        """In a thread: bring what the worker says to the loop, as fast as it is taken."""
        try:
            with suppress(EOFError, OSError):
                while True:
                    text = self._connection.recv()
                    if text == WARM:
                        self._loop.call_soon_threadsafe(self.warm.set)
                    else:
                        asyncio.run_coroutine_threadsafe(self.said.put(text), self._loop).result()
            self._loop.call_soon_threadsafe(self.warm.set)  # nobody should wait for it any more
            asyncio.run_coroutine_threadsafe(self.said.put(None), self._loop).result()
        except (CancelledError, RuntimeError):  # the server has ended
            pass

    def _speak(self) -> None:
        """In a thread: say to the worker what the page said, as fast as it listens."""
        with suppress(OSError, ValueError):
            while (waiting := self._heard.get()) is not None:
                message, size = waiting
                self._connection.send(message)
                with self._lock:
                    self._waiting -= size


async def start(work: Work, folder: Path, runs: Mapping[str, Path]) -> Worker:
    """A new worker process, which is not warm yet."""
    process, connection = await asyncio.to_thread(_spawn, work, folder, runs)
    return Worker(process, connection, asyncio.get_running_loop())


def _spawn(work: Work, folder: Path, runs: Mapping[str, Path]) -> tuple[Any, Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_begin, args=(theirs, folder, runs, work), daemon=True, name="fallline lab worker")
    resource_tracker.ensure_running()  # which would let signals through again below
    masks = hasattr(signal, "pthread_sigmask")
    # Ctrl-C reaches every process of a terminal; the workers leave it to the server, from their first moment on
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else set()
    try:
        process.start()
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    return process, ours


def _begin(connection: Connection, folder: Path, runs: Mapping[str, Path], work: Work) -> None:
    """In the new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_server, daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the server has let go
        work(connection, folder, runs)


def _end_with_server() -> None:
    """However the server ends, and whatever is being computed: no worker stays behind."""
    server = multiprocessing.parent_process()
    if server is not None:
        wait([server.sentinel])
        os._exit(0)
