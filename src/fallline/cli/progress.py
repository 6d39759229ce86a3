"""What is being measured, told on standard error once it takes longer than a moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

PATIENCE = 1.0  # seconds, after which progress is told


def measuring() -> Callable[[int, int, str], None]:
    """Tells (which measurement, of how many, its instrument): on one line of a terminal, else a line each."""
    began = time.perf_counter()
    alone = sys.stderr.isatty()

    def watch(which: int, of: int, instrument: str) -> None:
        if time.perf_counter() - began > PATIENCE or which == 1 < of:
            said = f"Measuring {which} of {of}: {instrument}"
            end = "\r" if alone and which < of else "\n"
            print(f"\x1b[2K{said}" if alone else said, file=sys.stderr, end=end, flush=True)

    return watch
