"""`fallline show RUN`: settings, outcome and summary; with --step N one update spelled out."""

from __future__ import annotations

from typing import Annotated

import typer

from fallline.cli.options import Json, RunName, Runs, print_json


def show(
    run: RunName,
    step: Annotated[int | None, typer.Option(metavar="N", help="Spell out one update with its real numbers.")] = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Show one run: settings, outcome, summary; or one of its updates in full."""
    from fallline.run import Run
    from fallline.trace.folder import find_run

    found = Run(find_run(run, runs))
    if step is not None:
        from fallline.told.step import step_lines

        figures = found.measure("step", step=step).figures
        print_json(figures) if json else print("\n".join(step_lines(figures)))
        return
    if json:
        print_json(found.to_json())
        return
    print(f"{found.name}  ({found.path})\n")
    asked = found.asked
    for name, value in found.settings.items():
        if name in asked:
            was = f"  (asked: {asked[name]})" if asked[name] != value else ""
            print(f"  {name:<12} {value if value is not None else '-'}{was}")
    for since, to in found.extended:
        print(f"  {'extended':<12} after step {since:,}, to {to:,}")
    print()
    for line in found.data["steps"]:
        print(f"  {line}")
    print()
    print("\n".join(found.summary or [str(found.verdict)]))
