"""The commands that do at the command line what the page shows, typed where the lab was started, one a line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from fallline.lab.keeping import Keeping, given_for

NULLABLE = ("stop", "average", "rate_changes")  # settings that a word says to be none


def train_command(asked: Keeping) -> str:
    """The command that makes the same run, up to the same step."""
    given = given_for(asked)
    table, here = Path(given.pop("source")), Path.cwd()
    words = ["fallline", "train", str(table.relative_to(here) if table.is_relative_to(here) else table)]
    for name, value in given.items():
        flag = "--class-weight" if name == "class_weight" else f"--{name}"
        if name == "types":
            words += [word for column, kind in value.items() for word in ("--type", f"{column}={kind}")]
        elif isinstance(value, bool):
            words.append(flag if value else f"--no-{name}")
        elif value is not None or name in NULLABLE:
            text = "none" if value is None else repr(value) if isinstance(value, float) else str(value)
            words += [f"{flag}={text}"] if text.startswith("-") else [flag, text]
    return shlex.join(words)


def commands_on(asked: Keeping, commands: Sequence[str]) -> list[str]:
    """Commands on a run as a person can type them: after the one that makes it, unless it is a run of their own.

    Args:
        commands: as `catalogue.command` writes them, on a run by name.
    """
    told = list(dict.fromkeys(command for command in commands if command.strip()))
    if asked.recorded is not None or not told:
        return told
    return [train_command(asked), *(re.sub(r"^(fallline [\w-]+) \S+", r"\1 last", command) for command in told)]
