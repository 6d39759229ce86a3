"""What a worker that `launch` started does: it joins the crew, does its job, and says so.

Its job comes on standard input. What it says goes through a pipe: every second that it is alive, after every leg how
far it is, and in the end what came of it. When nobody listens any more, it ends.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from fallline.errors import FalllineError

BEAT = 0.5  # seconds


class Said(NamedTuple):
    """A message of a worker.

    "alive", "writes" (a run's folder), "ready", "leg" (how many so far), "done", "failed" or "stopped".
    """

    kind: str
    value: Any = None


class Job(NamedTuple):
    """What a worker is started with."""

    rank: int
    workers: int
    address: str
    timeout: int
    work: Any  # a function that stands in a module, so that its name is enough
    given: dict[str, Any]


class Voice:
    """A worker's side of the pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._turn, self._legs = pipe, threading.Lock(), 0

    def say(self, kind: str, value: Any = None) -> None:
        """Send a message; end this process when nobody listens."""
        try:
            with self._turn:
                self._pipe.send(Said(kind, value))
        except OSError:
            os._exit(1)

    def beat(self) -> None:
        """Say so every moment while this process lives."""
        while True:
            self.say("alive")
            time.sleep(BEAT)

    def see(self, seen: Any) -> None:
        """What `train` tells of: what was set up, or a leg that is done."""
        if hasattr(seen, "recorded"):
            self._legs += 1
            self.say("leg", (self._legs, seen.end, float(seen.recorded.loss[-1])))
        else:
            from fallline.parallel.mesh import joined

            crew = joined()
            self.say("ready", (seen.horizon, crew and crew.folder))


def main() -> None:
    """Do the job on standard input; the pipe's number is the only argument."""
    voice = Voice(Connection(int(sys.argv[1]), readable=False))
    threading.Thread(target=voice.beat, daemon=True).start()
    try:
        job: Job = pickle.load(sys.stdin.buffer)
        from fallline.parallel.mesh import join

        join(job.workers, job.rank, job.address, job.timeout).tell = partial(voice.say, "writes")
        made = job.work(**job.given, watch=voice.see)
        voice.say("done", getattr(made, "path", made))
    except KeyboardInterrupt:
        voice.say("stopped")
    except FalllineError as error:
        voice.say("failed", error)
    except BaseException as error:
        first = " ".join(str(error).split()) or "no reason was given"
        voice.say("failed", f"{type(error).__name__}: {first[:300]}")
    time.sleep(3600)  # until it is ended: were it to go by itself, the others would think it lost
