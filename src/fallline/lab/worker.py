"""The process that trains for one page: it reads the page's messages, walks, and says what there is to see.

    worker(connection)  <-  messages as plain data, validated by the server
                        ->  JSON text, ready to be passed on

Two clocks: the walk goes as fast as it is asked to, and the page gets the newest state each time it has drawn the one
before the last: while it draws, the next is made. A walk that goes as fast as it can is told of more seldom, so that
telling does not slow it down. What takes long is done in a thread beside the walk. No error ends a worker; a closed
connection does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe, parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from fallline.engine import precision
from fallline.errors import FalllineError
from fallline.lab import asides
from fallline.lab.beside import Beside, Of
from fallline.lab.encoding import encode
from fallline.lab.live import Live
from fallline.lab.predicting import predict
from fallline.lab.scene import Scene
from fallline.run import Run

Message = dict[str, Any]
NEWEST = ("go", "show", "drawn", "place", "run", "pause")  # of those that wait in a row only the last counts
AHEAD = 1  # states that are made while the page draws the one before
LONGEST = 1.0  # seconds in which a run at full speed is told of at least once
SHARE = 0.05  # of the time of a run at full speed that goes into telling of it, at most
ASIDES = ("compare", "explain", "diagnose", "keep")


def work(connection: Connection, folder: str | Path, runs: Mapping[str, str | Path]) -> None:
    """Serve one page until its connection closes.

    Args:
        folder: the workspace: dropped tables, edited ones, kept runs and downloads lie in folders of it.
        runs: the recorded runs that may be opened, by name.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends its workers
    Worker(connection, Path(folder), {name: Path(path) for name, path in runs.items()}).serve()
    if parent_process() is not None:
        sys.stderr.flush()
        os._exit(0)  # what is still being measured for a page that is gone must not keep the process


class Worker:
    """One page's loop."""

    def __init__(self, connection: Connection, folder: Path, runs: Mapping[str, Path]) -> None:
        self.connection = connection
        self.live = Live(self.say, folder, runs)
        self.live.on_broke, self.live.beside = self._retry, self._measure
        self.folder = folder
        self._made: dict[Any, Run] = {}
        self._due = 0.0  # when a run at full speed may be told of next
        self._beside = Beside(self.say, self._guarded)
        self._measuring = ThreadPoolExecutor(1, thread_name_prefix="measuring")
        self._lock = threading.Lock()
        self._woken, self._wake = Pipe(duplex=False)

    def serve(self) -> None:
        """Warm up, then read and walk until the connection closes."""
        self._guarded(self._warm)
        self.say({"say": "warm"})
        try:
            while True:
                for message in self._waiting():
                    of = message["do"], message.get("name")
                    self._guarded(lambda message=message: self._heed(message), of)
                self._guarded(self._walk)
                self._guarded(self._show)
        except (EOFError, OSError):
            pass
        finally:
            self._beside.close()
            self._measuring.shutdown(wait=False, cancel_futures=True)

    def say(self, message: Message) -> None:
        """Pass a message on to the page."""
        text = encode(message)
        with self._lock:
            self.connection.send(text)

    def _waiting(self) -> list[Message]:
        """The messages that wait; when there is nothing to do, the first that comes."""
        due = self.live.wait()
        if self.live.dirty and self._may_show:
            due = 0.0
        found: list[Message] = []
        ready = wait([self.connection, self._woken], due)
        if self._woken in ready:
            self._woken.recv()
            self.live.dirty = True
        while self.connection.poll():
            found.append(self.connection.recv())
        return newest(found)

    def _heed(self, message: Message) -> None:
        do = message["do"]
        if do == "drawn":
            self.live.drawn = max(self.live.drawn, message["number"])
            return
        with self.live.precision:
            if do == "stop_aside":
                self._beside.give_up()
            elif do in ASIDES:
                self._aside(do, message)
            elif do == "predict":
                self.say({"say": "predicted", **predict(self.live.walk, message["row"])})
            else:
                before = self.live.walker
                getattr(self.live, do)(message)
                if self.live.walker is not before:  # what was asked of the training that is left
                    self._beside.give_up()

    def _walk(self) -> None:
        if self.live.walking and self.live.wait() == 0.0:
            with self.live.precision:
                self.live.advance()

    @property
    def _may_show(self) -> bool:
        if self.live.flat_out and time.perf_counter() < self._due:
            return False
        return self.live.number - self.live.drawn <= AHEAD

    def _show(self) -> None:
        live = self.live
        if live.walker is not None and live.dirty and self._may_show:
            live.dirty, began = False, time.perf_counter()  # whatever comes of it
            with live.precision:
                self.say(live.now())
            self._rest(began)

    def _rest(self, began: float) -> None:
        """Leave a run at full speed alone for so long that what was begun then stays a small part of its time."""
        ended = time.perf_counter()
        rest = (ended - began) * (1 - SHARE) / SHARE
        self._due = min(max(self._due, ended) + rest, ended + LONGEST)  # also after what had to be compiled first

    # -- beside the walk

    def _aside(self, do: str, message: Message) -> None:
        if do == "explain" and message.get("name") is None:
            self.say(asides.tree())
            return
        training, keeping = asides.standing(self.live.walk)
        folder, made = self.folder, self._made
        answers: dict[str, asides.Aside] = {
            "compare": lambda: asides.compare(training, keeping, message["vary"], message.get("steps")),
            "explain": lambda: asides.explain(keeping, message["name"], folder, made),
            "diagnose": lambda: asides.diagnose(keeping, bool(message.get("tried")), folder, made),
            "keep": lambda: asides.keep(keeping, folder, made),
        }
        name = message["name"] if do == "explain" else None
        self._make(do, name, answers[do], training.ready.settings.precision)

    def _measure(self, act: Callable[[], None]) -> None:
        """Measure something for the next state beside the walk, and have it told."""
        bits = self.live.walk.ready.settings.precision

        def beside() -> None:
            began = time.perf_counter()
            with precision(bits):
                act()
            self._rest(began)
            self._wake.send(None)

        self._measuring.submit(self._guarded, beside)

    def _retry(self) -> None:
        walker = self.live.walk
        assert walker.broken is not None
        ready, step = walker.ready, walker.broken.keep
        state, stable = walker.state(step), walker.verdict(walker.broken).figures.get("stable")
        self._make("retry", None, lambda: asides.retry(ready, state, step, stable), ready.settings.precision)

    def _make(self, what: str, name: str | None, answer: asides.Aside, bits: int) -> None:
        def made() -> Message:
            with precision(bits):
                return answer()

        self._beside.ask((what, name), made)

    def _guarded(self, act: Callable[[], None], of: Of | None = None) -> None:
        """Do it; what goes wrong is told on the page, with what it was asked for, and the worker lives on."""
        what, name = of or (None, None)
        try:
            act()
        except (EOFError, BrokenPipeError, ConnectionError):
            raise
        except FalllineError as error:
            self.say({"say": "wrong", "text": str(error), "what": what, "name": name})
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            text = f"{type(error).__name__}: {error}\nThis is a fault of the program."
            self.say({"say": "wrong", "text": text, "what": what, "name": name})

    def _warm(self) -> None:
        """Compile what the first sight needs."""
        silent = Live(lambda message: None, self.folder, {})
        silent.open({"scene": Scene(), "show": {}})
        with silent.precision:
            for step in (0, 1, 2, 12):
                silent.goal = step
                silent.advance()
                silent.now()
            silent.walk.change_rate(0.2)


def newest(messages: list[Message]) -> list[Message]:
    """The same messages, less those that the next one of their kind makes idle.

    >>> [m["step"] for m in newest([{"do": "go", "step": 1}, {"do": "go", "step": 7}])]
    [7]
    """
    kept: list[Message] = []
    for message in messages:
        last = kept[-1] if kept else None
        if last is not None and last["do"] == message["do"]:
            do = message["do"]
            if do in NEWEST or (do == "change" and set(last["settings"]) <= set(message["settings"])):
                kept[-1] = message
                continue
            if do == "points":
                kept[-1] = message if message["anew"] else last | {"edits": [*last["edits"], *message["edits"]]}
                continue
        kept.append(message)
    return kept
