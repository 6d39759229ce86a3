"""A worker without an engine, for tests of the server: it answers at once, and does on request what a worker may do."""

from __future__ import annotations

import json
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path


def work(connection: Connection, folder: Path, runs: dict[str, Path]) -> None:
    (Path(folder) / "started").mkdir(exist_ok=True)
    (Path(folder) / "started" / str(os.getpid())).touch()
    connection.send('{"say":"warm"}')
    while True:
        message = connection.recv()
        do, name = message["do"], message.get("name")
        if do == "pause":  # as if it were compiling
            time.sleep(3600)
        elif (do, name) == ("explain", "die"):
            os._exit(3)
        elif (do, name) == ("explain", "talk"):
            for number in range(3000):
                connection.send(json.dumps({"say": "talk", "number": number, "more": "x" * 1000}))
        elif do == "keep":
            there = Path(folder) / "downloads"
            (there / "a run.html").write_text("<script>a report</script>")
            (there / "a run.safetensors").write_bytes(b"weights")
            (there / "not told.html").write_text("secret")
            (there / "link.html").symlink_to("/etc/hostname")
            names = ["a run.html", "a run.safetensors", "link.html", "../../secret"]
            files = [{"name": each, "title": each, "bytes": 1} for each in names]
            connection.send(json.dumps({"say": "kept", "run": "a run", "files": files}))
        else:
            said = {"say": "heard", "message": message, "pid": os.getpid(), "runs": list(runs)}
            connection.send(json.dumps(said))


def work_that_dies(connection: Connection, folder: Path, runs: dict[str, Path]) -> None:
    os._exit(7)
