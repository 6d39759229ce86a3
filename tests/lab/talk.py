"""A page as tests speak it: a worker in a thread at the other end of a pipe, and what it says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from fallline.lab.messages import read_message
from fallline.lab.worker import Worker

PATIENCE = 120  # seconds: for compiling on a busy machine

Said = dict[str, Any]


class Page:
    """One page. What it hears and draws it acknowledges, as a browser does."""

    def __init__(self, folder: Path, runs: Mapping[str, Path] | None = None, warm: bool = False) -> None:
        self.end, other = Pipe()
        self.worker = Worker(other, folder, runs or {})
        if not warm:  # the first scene is opened anyway
            self.worker._warm = lambda: None
        self.thread = threading.Thread(target=self._serve, args=(other,), daemon=True)
        self.heard: list[Said] = []
        self.draws = True  # a page in the background draws nothing
        self.thread.start()
        self.until("warm")

    def _serve(self, other: Any) -> None:
        try:
            self.worker.serve()
        finally:
            other.close()

    def do(self, do: str, **rest: Any) -> None:
        """Say something, as the server passes it on."""
        self.end.send(read_message(json.dumps({"do": do, **rest})))

    def hear(self) -> Said:
        """The next thing that the worker says."""
        if not self.end.poll(PATIENCE):
            raise TimeoutError("the worker says nothing")
        said = json.loads(self.end.recv())
        self.heard.append(said)
        if said["say"] == "now" and self.draws:
            self.end.send({"do": "drawn", "number": said["number"]})
        return said

    def until(self, say: str, when: Callable[[Said], bool] = lambda said: True) -> Said:
        """Listen until it says that; what goes wrong on the way fails the test."""
        while True:
            said = self.hear()
            if said["say"] == say and when(said):
                return said
            assert said["say"] != "wrong", said["text"]  # unless it is asked for

    def ask(self, do: str, say: str = "now", when: Callable[[Said], bool] = lambda said: True, **rest: Any) -> Said:
        """Say something and wait for the answer."""
        self.do(do, **rest)
        return self.until(say, when)

    def open(self, **scene: Any) -> Said:
        """Open a scene; returns `ready`, after the first `now` has come."""
        show = {"pictures": []}
        ready = self.ask("open", "ready", scene=scene, show=show)
        self.until("now", lambda now: now["step"] == scene.get("step", 0))
        return ready

    def forward(self, step: int) -> Said:
        """Walk to a step."""
        return self.ask("go", when=lambda now: now["step"] == step, step=step)

    def close(self) -> None:
        """As when the tab is closed."""
        self.end.close()
        self.thread.join(PATIENCE)
