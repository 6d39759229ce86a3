"""`fallline lab [RUN]`: the page on which a model is seen to learn."""

from __future__ import annotations

from typing import Annotated

import typer

from fallline.cli.options import Runs


def lab(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Replay this run: a folder, a name or a beginning of it, or last."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=65535, help="Serve on this port; 0: any free one.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address, and open no browser.")] = False,
    runs: Runs = None,
) -> None:
    """Watch a model learn, and steer it, in the browser; or replay a recorded run there. Ctrl-C ends it."""
    from fallline.lab.serve import serve

    recorded = {}
    if run is not None:
        from fallline.trace.folder import find_run, read_run

        found = find_run(run, runs).resolve()
        read_run(found)  # told here rather than on the page, if it can't be read
        recorded = {found.name: found}
    serve(port, browser=not no_browser, runs=recorded)
