"""Everything that Fallline raises on purpose.

FalllineError                  what went wrong, where, and what to do: at most two lines
├── DataError (ValueError)     a table or an array that can't be used as it is
├── SettingsError (ValueError) a setting that is unknown, out of range, or does not fit the data
├── RunError                   a run folder that is absent, damaged or from a newer version
├── WorkerError                one of many processes was killed, hung, or failed
└── StorageError (OSError)     no space left, no right to write, something already there

Stopped (KeyboardInterrupt)    Ctrl-C before workers had made a step, or for the second time
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

MOST_TOLD, LONGEST_TOLD = 100, 300  # names, and characters of them, that an error lists


class FalllineError(Exception):
    """The root: catch it to catch them all. The command line prints it and exits with 2."""


class DataError(FalllineError, ValueError):
    """A table or an array that can't be used as it is."""


class SettingsError(FalllineError, ValueError):
    """A setting that is unknown, out of range, or does not fit the data."""


class RunError(FalllineError):
    """A run folder that is absent, damaged or from a newer version."""


class WorkerError(FalllineError):
    """One of the processes that train together was killed, hung, or failed.

    `run` is the folder that `resume` goes on with; None when there was none yet.
    """

    run: Path | None = None


class Stopped(KeyboardInterrupt):
    """Ctrl-C before workers had made a step, or for the second time; `run` is the folder that they wrote, if any."""

    def __init__(self, run: Path | None = None) -> None:
        super().__init__()
        self.run = run


class StorageError(FalllineError, OSError):
    """No space left, no right to write, or something there already that would be overwritten."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist, with the near matches.

    >>> unknown("rule", "adm", ["plain", "adam", "adamw"])
    "Unknown rule 'adm'. Did you mean adam or adamw? Known: plain, adam, adamw."
    """
    name, known = _line(name), list(known)
    near = get_close_matches(name, known, n=2, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(_line, near))}?" if near else ""
    told = ", ".join(known[:MOST_TOLD])
    if len(told) > LONGEST_TOLD or known[MOST_TOLD:]:
        told = f"{told[:LONGEST_TOLD].rpartition(', ')[0] or told[:40]}, ... ({len(known):,} in all)"
    return f"Unknown {kind} '{name}'.{hint} Known: {_line(told, LONGEST_TOLD)}."


def _line(text: str, longest: int = 60) -> str:
    """On one line and not too long, whatever is in it."""
    text = " ".join(text.split())
    return text if len(text) <= longest + 40 else f"{text[:longest]}…"
