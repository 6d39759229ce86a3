"""A table that is dropped on the page: its bytes go to disk as they come, under a name of ours, whole or not at all.

Nothing here looks into it. The worker reads it later as it reads any table.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from fallline.lab.workspace import NAMES
from fallline.trace.folder import write_json

LARGEST = 200 * 10**6  # bytes of a file
MOST = 20  # files
ENDINGS = (".csv", ".csv.gz", ".tsv", ".parquet", ".arrow", ".feather", ".jsonl")
PIECE = 2**20  # bytes written at a time


class _TooLargeError(Exception):
    pass


class Uploads:
    """The folder of dropped tables, and what may still come into it."""

    def __init__(self, folder: Path, largest: int = LARGEST, most: int = MOST) -> None:
        self.folder, self.largest, self.most = folder, largest, most
        self.names: dict[str, str] = {}  # table -> the name of the file that was dropped
        self._coming = 0

    def limits(self) -> dict[str, object]:
        """As the page states them."""
        words = f"{self.largest // 10**6} MB a file, {self.most} files: {', '.join(ENDINGS)}"
        return {"bytes": self.largest, "files": self.most, "endings": list(ENDINGS), "words": words}

    async def receive(self, request: Request) -> Response:
        """Take one file. Answers {table, name, bytes}, or in words why not."""
        name, stream = plain_name(request.query_params.get("name", "")), request.stream()
        refusal = self._refusal(name, request.headers.get("content-length", ""))
        if refusal is not None:
            await self._hear_out(stream)
            return refusal
        self._coming += 1
        try:
            return await self._take(stream, name)
        finally:
            self._coming -= 1

    def _refusal(self, name: str, length: str) -> Response | None:
        if ending_of(name) is None:
            return PlainTextResponse(f"'{name}' is no table that can be read here. Known: {', '.join(ENDINGS)}.", 415)
        if len(self.names) + self._coming >= self.most:
            return PlainTextResponse(
                f"At most {self.most} files can be dropped here. Start the lab anew for more.", 413
            )
        return self._too_large(name) if length.isdigit() and int(length) > self.largest else None

    async def _take(self, stream: AsyncIterator[bytes], name: str) -> Response:
        table = f"upload-{secrets.token_hex(8)}"
        beside, path = self.folder / f".{table}.part", self.folder / f"{table}{ending_of(name)}"
        try:
            with beside.open("xb") as file:
                size = await self._write(stream, file)
            if size == 0:
                return PlainTextResponse(f"'{name}' is empty. Drop a table with at least one row.", 400)
            write_json(self.folder / NAMES, self.names | {table: name})
            beside.replace(path)
        except _TooLargeError:
            await self._hear_out(stream)
            return self._too_large(name)
        except ClientDisconnect:  # nobody is left to be told
            return Response(status_code=400)
        except OSError as error:
            return PlainTextResponse(f"'{name}' can't be kept: {(error.strerror or str(error)).lower()}", 507)
        finally:
            beside.unlink(missing_ok=True)
        self.names[table] = name
        return JSONResponse({"table": table, "name": name, "bytes": size})

    async def _hear_out(self, stream: AsyncIterator[bytes]) -> None:
        """Let a sender finish, within reason: a browser that is cut off in its sentence does not show the answer."""
        left = 2 * self.largest
        with suppress(ClientDisconnect):
            async for piece in stream:
                left -= len(piece)
                if left < 0:
                    return

    async def _write(self, stream: AsyncIterator[bytes], file: BinaryIO) -> int:
        size, waiting = 0, bytearray()
        async for piece in stream:
            size += len(piece)
            if size > self.largest:
                raise _TooLargeError
            waiting += piece
            if len(waiting) >= PIECE:
                await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(file.write, bytes(waiting))
        return size

    def _too_large(self, name: str) -> Response:
        return PlainTextResponse(f"'{name}' is too large: a file has at most {self.largest // 10**6} MB here.", 413)


def plain_name(name: str) -> str:
    """The last part of a file's name, short and on one line: it is shown, and never a path.

    >>> plain_name("../../etc/my\\x00houses.csv")
    'my_houses.csv'
    """
    last = re.sub(r"[^\w .,()+-]", "_", PurePosixPath(name.replace("\\", "/")).name).strip()
    return last[-100:]


def ending_of(name: str) -> str | None:
    """The ending that is accepted, in small letters; the longest that fits."""
    fitting = [ending for ending in ENDINGS if name.lower().endswith(ending) and len(name) > len(ending)]
    return max(fitting, key=len, default=None)
