"""How much memory a table may take: $FALLLINE_MEMORY, such as 2GB, else half of what is free.

Sizes are told beforehand, from a file's own account or while it is unpacked, so that a small file that unpacks to
gigabytes ends in an error and not with the machine.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from fallline.errors import DataError, SettingsError

UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
TEXT, LINE, CELL = 4, 32, 16  # bytes of memory for each byte, line and cell of a text while it is read
ROW, VALUE = 250, 100  # where each row becomes a list or a dictionary of Python
MOST_COLUMNS = 200_000
FEATURES = 6  # copies of the features that are there at once: as prepared, as trained on, by part, by batch
LEAST = 10**9  # bytes that a training on a table that is streamed takes, however small its pieces
FREE = 8 * 10**9  # taken for free where the system does not say
TO_DO = "Give a part of its rows or columns, or allow more: FALLLINE_MEMORY=4GB, say."


def memory() -> int:
    """The bound in bytes. Raises SettingsError for a $FALLLINE_MEMORY that is no size."""
    asked = os.environ.get("FALLLINE_MEMORY", "").strip()
    if not asked:
        return _free() // 2
    return bytes_of(asked, "FALLLINE_MEMORY")


def bytes_of(asked: str, name: str) -> int:
    """The bytes of a size such as 500MB. Raises SettingsError for what is none."""
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]?B?)", asked.strip().upper())
    if not found or not float(found[1]):
        raise SettingsError(f"{name} is '{asked[:40]}'.\nGive a size, such as 500MB or 2GB.")
    unit = found[2] if found[2] in UNITS else f"{found[2]}B"
    return int(float(found[1]) * UNITS.get(unit, 1))


def text_allowed() -> int:
    """The largest text, unpacked, that can be read within the bound."""
    return memory() // TEXT


def check_size(name: str, needed: int) -> None:
    """Raises: DataError when a table needs more memory than the bound."""
    allowed = memory()
    if needed > allowed:
        raise DataError(
            f"'{name}' would take about {size(needed)} of memory, more than the {size(allowed)} allowed.\n{TO_DO}"
        )


def check_text(name: str, data: bytes, between: str, *, slowly: bool = False) -> None:
    """Raises: DataError when a text with `between` its cells needs more memory than the bound."""
    lines = data.count(b"\n") + 1
    cells = lines + data.count(between.encode())
    check_size(name, TEXT * len(data) + (ROW * lines + VALUE * cells if slowly else LINE * lines + CELL * cells))


def check_columns(name: str, count: int) -> None:
    """Raises: DataError for more columns than a table can be meant to have."""
    if count > MOST_COLUMNS:
        raise DataError(
            f"'{name}' has {count:,} columns, but at most {MOST_COLUMNS:,} are read.\n"
            "Is a line end or another separator meant between them? Else leave some out."
        )


def check_features(rows: int, features: int) -> None:
    """Raises: DataError when the prepared features of a table need more memory than the bound."""
    needed, allowed = rows * features * 8 * FEATURES, memory()
    if needed > allowed:
        raise DataError(
            f"{rows:,} rows with {features:,} features would take about {size(needed)} of memory, "
            f"more than the {size(allowed)} allowed.\n"
            f"{TO_DO}"
        )


def size(count: int) -> str:
    """Bytes as a person says them.

    >>> size(1_500_000)
    '1.5 MB'
    """
    unit = next((unit for unit, of in reversed(UNITS.items()) if of <= count), "")
    return f"{count / UNITS[unit]:,.3g} {unit or 'bytes'}" if count < 10**15 else "over 1,000 TB"


def _free() -> int:
    """Memory that is free on this machine, and in this container where there is one."""
    free = FREE
    try:
        found = re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text("ascii"))
        free = int(found[1]) * 1024 if found else free
        limit = Path("/sys/fs/cgroup/memory.max").read_text("ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text("ascii")
        free = min(free, max(int(limit) - int(used), 0)) if limit.isdigit() else free
    except (OSError, ValueError):
        pass  # not Linux, or no container
    return free
