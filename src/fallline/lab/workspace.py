"""The lab's own folder, gone when the lab ends: tables that were dropped on a page lie in it, and what was kept.

A page names things, never paths: a name is looked up among those that were announced, and what it leads to is opened
only if it truly lies inside this folder.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path

TABLES = "tables"  # dropped on a page
NAMES = "names.json"  # beside them: what the files were called
DOWNLOADS = "downloads"  # what a worker has kept, each file under a name of its own


def inside(root: Path, *parts: str) -> Path | None:
    """The file or folder of these names inside a folder; None if there is none, or the way leads over a link or out.

    >>> inside(Path("/tmp"), "..", "etc") is None
    True
    """
    path = root
    for part in parts:
        if part in ("", ".", "..") or "/" in part or "\\" in part or "\0" in part:
            return None
        path = path / part
        try:
            mode = path.lstat().st_mode
        except OSError:
            return None
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return None
    return path if path.resolve().is_relative_to(root.resolve()) else None


def known_names(folder: Path) -> dict[str, str]:
    """What the dropped tables of a folder were called."""
    try:
        return json.loads((folder / NAMES).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
