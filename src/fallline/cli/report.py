"""`fallline report RUN`: the single-file report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.options import Json, RunName, Runs, Table, print_json
from fallline.cli.progress import measuring
from fallline.errors import StorageError


def report(
    run: RunName,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write here instead of in the run folder.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE if it is there.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Measure nothing: tell what is known already.")] = False,
    table: Table = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Write or refresh the single-file report of a run."""
    if out and Path(out).exists() and not force:
        raise StorageError(f"{out} is there already.\nGive another name, or --force to overwrite it.")
    if out and not Path(out).parent.is_dir():  # told before anything is measured for it
        raise StorageError(f"{out} can't be written: no such file or directory.\nMake its folder first.")
    from fallline.run import Run
    from fallline.trace.folder import find_run

    found = Run(find_run(run, runs), table)
    path = found.report(out, measuring="nothing" if quick else "all", watch=None if json else measuring())
    print_json({"report": str(path.resolve())}) if json else print(path)
