"""Serve the lab on this machine until Ctrl-C: find a port, say the address, open it, clean up."""

from __future__ import annotations

import errno
import signal
import socket
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from fallline.errors import FalllineError
from fallline.lab.app import create
from fallline.lab.guard import address, new_token
from fallline.lab.messages import LARGEST

HOST = "127.0.0.1"
PORT = 8642  # unless told otherwise, or another lab has it: links to a set-up then fit the next lab too
GRACE = 3  # seconds that an answer on its way has when the lab ends


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, told: Callable[[], None]) -> None:
        super().__init__(config)
        self.told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.told()


def serve(port: int | None = None, *, browser: bool = True, runs: Mapping[str, Path] | None = None) -> None:
    """Serve until Ctrl-C, which is raised again at the end.

    Args:
        port: 0 for any free one; None for the usual one, or any free one when that is taken.
        browser: open the page.
        runs: recorded runs that may be opened, by name.

    Raises: FalllineError when the port can't be had.
    """
    _end_on_signals()
    with listening(port) as ours, tempfile.TemporaryDirectory(prefix="fallline-lab-") as folder:
        number, token = ours.getsockname()[1], new_token()
        opened = address(token, number)

        def told() -> None:
            print(opened, flush=True)
            print("The lab is open at this address, on this machine only. Ctrl-C ends it.", file=sys.stderr, flush=True)
            if browser:
                threading.Thread(target=webbrowser.open, args=(opened,), daemon=True).start()

        _Server(configured(create(Path(folder), token, number, runs=runs)), told).run(sockets=[ours])


def configured(app: ASGIApp) -> uvicorn.Config:
    """How the lab is served."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="websockets-sansio",
        ws_max_size=4 * LARGEST,  # bytes: of more, not even a reason is owed
        ws_per_message_deflate=False,  # it stays on this machine
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )


def listening(port: int | None) -> socket.socket:
    """A socket that listens on this machine only. Raises FalllineError when the port can't be had."""
    if port is None:
        try:
            return listening(PORT)
        except FalllineError:
            return listening(0)
    ours = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":  # where it would let two servers share a port
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        ours.bind((HOST, port))
        ours.listen()
    except OSError as error:
        ours.close()
        taken = error.errno == errno.EADDRINUSE
        why = "is taken already" if taken else f"can't be had: {(error.strerror or str(error)).lower()}"
        raise FalllineError(f"Port {port} {why}.\nGive another with --port N; 0 takes any free one.") from None
    return ours


def _end_on_signals() -> None:
    """Whoever ends the lab otherwise than by Ctrl-C, it cleans up as well."""

    def end(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)
    if hasattr(signal, "SIGHUP"):  # the terminal has gone; the server knows how to end on the other one
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
