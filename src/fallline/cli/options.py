"""Options that several commands share."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

Runs = Annotated[
    str | None, typer.Option("--runs", metavar="DIR", help="Where runs live: else $FALLLINE_RUNS, ./runs.")
]
Table = Annotated[
    str | None, typer.Option("--table", metavar="FILE", help="The table it was trained on, where it is now.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result for programs.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, its name or a beginning of it, or last.")]


def print_json(value: Any) -> None:
    """JSON on standard output."""
    from fallline.trace.folder import plain

    print(json.dumps(plain(value), indent=1, ensure_ascii=False))
