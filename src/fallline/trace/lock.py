"""One process at a time trains in a run folder: RUN/lock names it by its number, its machine and when it began.

A lock is stale when that process has gone, or another one has its number by now. Who takes a lock over holds the file
itself locked meanwhile, so that of two only one does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fallline.errors import RunError
from fallline.owner import lives, owner_in, this_process
from fallline.trace.folder import stored

try:
    import fcntl
except ImportError:  # not on Windows: there two that take over a stale lock in the same moment are not told apart
    fcntl = None

NAME = "lock"
MOST = 4096  # bytes of a lock
OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # no link, no pipe


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder. Raises RunError when another process trains in it, StorageError when it can't be held."""
    path = folder / NAME
    take(path)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def take(path: Path) -> None:
    """Write a lock of this process, unless that of a living one is there."""
    with stored(path):
        while True:
            handle = os.open(path, OPEN, 0o644)
            try:
                if os.fstat(handle).st_nlink > 1:  # it is another file as well, which is not ours to write
                    raise RunError(f"{path} is also another file.\nRemove it if no process trains in its folder.")
                if fcntl is not None:
                    with suppress(OSError):  # a file system without locks
                        fcntl.flock(handle, fcntl.LOCK_EX)
                owner = owner_in(os.read(handle, MOST))
                if owner is not None and lives(owner):
                    raise RunError(
                        f"{path.parent.name} is being trained by process {owner['pid']} on {owner['host']}.\n"
                        f"Wait for it, or end it; if no such process is there any more, remove {path}."
                    )
                os.ftruncate(handle, 0)
                os.pwrite(handle, json.dumps(this_process()).encode(), 0)
                if _is_at(handle, path):
                    return
            finally:
                os.close(handle)


def owner_of(folder: Path) -> dict[str, Any] | None:
    """The living process that trains in a run folder: pid, host, began. None when there is none."""
    try:
        path = folder / NAME
        owner = owner_in(path.read_bytes()[:MOST]) if path.is_file() and path.stat().st_size <= MOST else None
    except OSError:
        return None
    return owner if owner is not None and lives(owner) else None


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file still is what its path names."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
