"""Which process a thing on the disk belongs to, and whether that process is still there.

A process is named by its number, its machine and when it began: another one may have its number by now.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

Owner = dict[str, Any]  # pid, host, began


def lives(owner: Owner) -> bool:
    """Whether the process that is named is there; one on another machine can't be asked, and counts as there."""
    if owner["host"] != socket.gethostname():
        return True
    began = _began(owner["pid"])
    if began is None:
        return False
    return owner.get("began") in (None, began) or not began


def this_process() -> Owner:
    """What names this process."""
    return {"pid": os.getpid(), "host": socket.gethostname(), "began": _began(os.getpid())}


def owner_in(text: bytes) -> Owner | None:
    """The owner that a file names; None where it names none, as when its writer was killed in that very moment."""
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
