"""`fallline runs`: the runs so far, newest first, with their outcome."""

from __future__ import annotations

from pathlib import Path

from fallline.cli.options import Json, Runs, print_json
from fallline.errors import RunError
from fallline.words import measure


def runs(runs: Runs = None, json: Json = False) -> None:
    """List the runs so far, newest first, with their outcome."""
    from fallline.trace.folder import all_runs, runs_folder

    home = runs_folder(runs)
    found = [_row(path) for path in all_runs(home)]
    if json:
        print_json(found)
        return
    if not found:
        print(f"No runs in {home} yet. Train one: fallline train TABLE --target COLUMN")
        return
    width = max(len(row["name"]) for row in found)
    for row in found:
        print(f"{row['name']:<{width}}  {row['verdict']:<18}  {row['measure']}")


def _row(path: Path) -> dict[str, str]:
    from fallline.run import Run

    try:
        run = Run(path)
        part = next((p for p in ("test", "validation", "train") if p in run.metrics), None)
        value = run.metrics[part][run.metric] if part else None
        measured = f"{measure(run.metric, value)} on {part} rows" if value is not None else ""
        verdict = run.verdict
        if not run.finished:
            measured = verdict.why if verdict.state == "running" else verdict.next
        elif verdict.state == "interrupted":
            measured += f"; go on with it: {run.goes_on}"
        return {"name": run.name, "path": str(path), "verdict": verdict.state, "measure": measured}
    except RunError as error:
        return {"name": path.name, "path": str(path), "verdict": "damaged", "measure": str(error).splitlines()[0]}
