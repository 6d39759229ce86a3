"""`fallline story RUN`: what happened in a run, in time order."""

from __future__ import annotations

import textwrap

from fallline.cli.options import Json, RunName, Runs, print_json

WIDE = 110  # columns of text


def story(run: RunName, runs: Runs = None, json: Json = False) -> None:
    """Tell a run in time order, every sentence with its steps and figures."""
    from fallline.explain.story import story as tell
    from fallline.run import Run
    from fallline.trace.folder import find_run

    found = Run(find_run(run, runs))
    chapters = tell(found)
    if json:
        print_json([vars(chapter) for chapter in chapters])
        return
    print(f"{found.name}\n")
    for chapter in chapters:
        print(textwrap.fill(chapter.text, WIDE, initial_indent="- ", subsequent_indent="  "))
