"""One page and its worker: what the page says goes to the worker, what the worker says goes to the page, as it is.

The server reads of it only what concerns itself: whether the page's messages fit the schema, and what was kept.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from fallline.lab.messages import MalformedError, read_message
from fallline.lab.pool import Pool
from fallline.lab.process import PATIENCE, FloodError, Worker

MALFORMED, LATER = 1008, 1013  # codes of closing: what was said won't do; come again later
REASON = 120  # bytes that a reason for closing may have

Announce = Callable[[dict[str, Any]], None]


async def live(socket: WebSocket, pool: Pool, announce: Announce) -> None:
    """Serve a page until it goes.

    Args:
        announce: told of each `kept` that the worker says, so that its files may be downloaded.
    """
    await socket.accept()
    if not await pool.enter():
        text = f"{pool.most} pages of this lab are open, and each has a training of its own. Close one, then try again."
        await socket.send_text(json.dumps({"say": "full", "text": text}))
        await socket.close(LATER, "too many pages")
        return
    session, reason = _Session(socket, pool, announce), ""
    try:
        await session.listen()
    except WebSocketDisconnect:
        pass
    except (MalformedError, FloodError) as error:
        reason = str(error)
    finally:
        await asyncio.shield(session.end())
    if reason:
        with suppress(TimeoutError, WebSocketDisconnect):  # a page that reads nothing either hears of it nowhere
            said = reason.encode()[:REASON].decode(errors="ignore")
            await asyncio.wait_for(socket.close(MALFORMED, said), PATIENCE)


class _Session:
    def __init__(self, socket: WebSocket, pool: Pool, announce: Announce) -> None:
        self.socket, self.pool, self.announce = socket, pool, announce
        self.worker: Worker | None = None
        self.telling: asyncio.Task[None] | None = None
        self.opened = False

    async def listen(self) -> None:
        """Take what the page says, always, so that its going is noticed. Raises what ends the session."""
        while True:
            received = await self.socket.receive()
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received.get("code") or 1005)
            message = read_message(received.get("text"))
            if message["do"] == "open":
                await self._open()
            elif not self.opened:
                raise MalformedError("the first message must be open")
            if self.worker is not None:  # what is said after a worker's end, and before the next, goes nowhere
                self.worker.tell(message, len(received["text"]))

    async def _open(self) -> None:
        self.opened = True
        if self.worker is None:
            self.worker = await self.pool.take()
            self.telling = asyncio.create_task(self._tell(self.worker))

    async def _tell(self, worker: Worker) -> None:
        """Pass on what the worker says; when it ends, say so."""
        try:
            while (text := await worker.said.get()) is not None:
                if '"kept"' in text[:40] and (said := json.loads(text))["say"] == "kept":
                    self.announce(said)
                await self.socket.send_text(text)
            ending = await asyncio.to_thread(worker.ending)
            await self.pool.end(worker)
            self.worker = None  # from here on `open` starts another
            await self.socket.send_text(json.dumps({"say": "gone", "text": ending}))
        except (WebSocketDisconnect, RuntimeError):  # the page has gone, which `listen` notices too
            pass

    async def end(self) -> None:
        """The page has gone: so does its worker."""
        if self.telling is not None:
            self.telling.cancel()
            await asyncio.gather(self.telling, return_exceptions=True)
        if self.worker is not None:
            await self.pool.end(self.worker)
        self.pool.leave()
