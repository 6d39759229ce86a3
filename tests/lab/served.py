"""A lab that is served in this process, and whoever comes to its door."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any

import uvicorn
from websockets.sync.client import ClientConnection, connect

from fallline.lab.app import create
from fallline.lab.guard import cookie_name, cookie_value, new_token
from fallline.lab.serve import configured, listening

SOON = 20.0  # seconds: a test that waits longer has failed
OPEN = {"do": "open"}


@dataclass
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Lab:
    port: int
    token: str
    folder: Path

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cookie(self) -> str:
        return f"{cookie_name(self.port)}={cookie_value(self.token)}"

    def ask(
        self, path: str, method: str = "GET", body: Any = None, *, cookie: str | None = None, **headers: str | None
    ) -> Answer:
        """As a page of the lab asks, unless some header is to be another; None leaves it out."""
        usual = {"host": f"127.0.0.1:{self.port}", "cookie": self.cookie if cookie is None else cookie}
        usual |= {"origin": self.origin} if method == "POST" else {}
        line = HTTPConnection("127.0.0.1", self.port, timeout=SOON)
        line.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in (usual | {name.replace("_", "-"): value for name, value in headers.items()}).items():
            if value is not None:
                line.putheader(name, value)
        if body is not None and "content_length" not in headers:
            line.putheader("content-length", str(len(body)))
        line.endheaders(body)
        got = line.getresponse()
        answer = Answer(got.status, got.headers, got.read())
        line.close()
        return answer

    @contextmanager
    def page(self, *first: dict, origin: str | None = "", **headers: str) -> Iterator[ClientConnection]:
        """A page's WebSocket, which has said so much already."""
        sent = {"Cookie": self.cookie} | headers
        mine: Any = self.origin if origin == "" else origin
        with connect(
            f"ws://127.0.0.1:{self.port}/live", origin=mine, additional_headers=sent, open_timeout=SOON, max_size=None
        ) as page:
            for message in first:
                page.send(json.dumps(message))
            yield page


def hear(page: ClientConnection, say: str | None = None) -> dict:
    """The next message, or the next of a kind."""
    while True:
        message = json.loads(page.recv(timeout=SOON))
        if say in (None, message["say"]):
            return message


def until(true: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked how yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


@contextmanager
def served(folder: Path, work: Any, **options: Any) -> Iterator[Lab]:
    """A lab with this worker."""
    ours: socket.socket = listening(0)
    port, token = ours.getsockname()[1], new_token()
    server = uvicorn.Server(configured(create(folder, token, port, work=work, **options)))
    thread = threading.Thread(target=server.run, args=([ours],))
    thread.start()
    try:
        until(lambda: server.started)
        yield Lab(port, token, folder)
    finally:
        server.should_exit = True
        thread.join(SOON)
    assert not thread.is_alive()
