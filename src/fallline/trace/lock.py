"""One process at a time trains in a run folder: RUN/lock names it by its number, its machine and when it began.

A lock is stale when that process has gone, or another one has its number by now. Who takes a lock over holds the file
itself locked meanwhile, so that of two only one does.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fallline.errors import RunError
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
                if fcntl is not None:
                    with suppress(OSError):  # a file system without locks
                        fcntl.flock(handle, fcntl.LOCK_EX)
                owner = _owner(os.read(handle, MOST))
                if owner is not None and lives(owner):
                    raise RunError(
                        f"{path.parent.name} is being trained by process {owner['pid']} on {owner['host']}.\n"
                        f"Wait for it, or end it; if no such process is there any more, remove {path}."
                    )
                os.ftruncate(handle, 0)
                os.pwrite(handle, json.dumps(_self()).encode(), 0)
                if _is_at(handle, path):
                    return
            finally:
                os.close(handle)


def owner_of(folder: Path) -> dict[str, Any] | None:
    """The living process that trains in a run folder: pid, host, began. None when there is none."""
    try:
        path = folder / NAME
        owner = _owner(path.read_bytes()[:MOST]) if path.is_file() and path.stat().st_size <= MOST else None
    except OSError:
        return None
    return owner if owner is not None and lives(owner) else None


def lives(owner: dict[str, Any]) -> bool:
    """Whether the process that a lock names is there; one on another machine can't be asked, and counts as there."""
    if owner["host"] != socket.gethostname():
        return True
    began = _began(owner["pid"])
    if began is None:
        return False
    return owner.get("began") in (None, began) or not began


def _self() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "began": _began(os.getpid())}


def _owner(text: bytes) -> dict[str, Any] | None:
    """What a lock says; None for one that says nothing, as when its writer was killed in that very moment."""
    try:
        owner = json.loads(text)
        return owner if isinstance(owner["pid"], int) and owner["pid"] > 0 and isinstance(owner["host"], str) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _began(pid: int) -> str | None:
    """When a process of this machine began, in words of the system; "" where it does not say, None for no process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if fields[0] in "ZX" else f"{boot} {fields[19]}"  # a killed one that its parent has not seen yet
    except (OSError, IndexError):
        pass
    if os.name == "nt":  # asking there for signal 0 would end it
        return ""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return ""
    except (OSError, OverflowError):
        return None
    return ""


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file still is what its path names."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
