"""`fallline resume RUN`: go on with a run that was killed or stopped by hand, or extend one that has ended."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated, Any

import typer

from fallline.cli.options import Json, RunName, Runs, Table
from fallline.cli.train import ADDRESS, DEVICE, ENGINE, RESTARTS, TIMEOUT, Progress, tell
from fallline.errors import SettingsError

_MORE = "Extend a run that has ended by so many {}, such as +{}."


def resume(
    run: RunName,
    epochs: Annotated[str | None, typer.Option(metavar="+N", help=_MORE.format("epochs", 10))] = None,
    steps: Annotated[str | None, typer.Option(metavar="+N", help=_MORE.format("updates", 1000))] = None,
    table: Table = None,
    workers: Annotated[str, typer.Option(metavar="N", help="Processes that share the rows of each batch.")] = "1",
    restarts: Annotated[int, typer.Option(metavar="N", help=RESTARTS)] = 0,
    worker_timeout: Annotated[float, typer.Option("--worker-timeout", metavar="SECONDS", help=TIMEOUT)] = 60.0,
    engine: Annotated[str, typer.Option(metavar="NAME", help=ENGINE)] = "local",
    address: Annotated[str | None, typer.Option(metavar="HOST:PORT", help=ADDRESS)] = None,
    device: Annotated[str | None, typer.Option(metavar="KIND", help=f"{DEVICE[:-1]}; else as before.")] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Leave report.html out.")] = False,
    runs: Runs = None,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
) -> None:
    """Go on with a run after an accident, to the same bits as without it; or for more steps once it has ended."""
    more: dict[str, Any] = {"epochs": _count("epochs", epochs), "steps": _count("steps", steps)}
    from fallline.resuming import persevere
    from fallline.resuming import resume as go_on
    from fallline.trace.folder import find_run

    crew = {
        "workers": int(workers) if workers.isascii() and workers.isdigit() else workers,
        "worker_timeout": worker_timeout,
        "engine": engine,
        "address": address,
        "device": device,
    }
    with Progress(shown=not (quiet or json)) as progress:
        how = {"source": table, "watch": progress.see} | crew
        found = persevere(partial(go_on, find_run(run, runs), **how, **more), restarts, **how)
    for said in found.resumed[-1]["said"]:
        print(f"Note: {said}", file=sys.stderr)
    tell(found, no_report=no_report, json=json, quiet=quiet)


def _count(name: str, given: str | None) -> int | None:
    """10 from "+10" or "10". Raises SettingsError for what is no number above 0."""
    if given is None:
        return None
    digits = given.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18 and int(digits) > 0):
        raise SettingsError(f"{name} is '{given}', but a run is extended by a number above 0.\nExample: --{name} +10.")
    return int(digits)
