"""`fallline diagnose RUN|FILE`: what is wrong, by which evidence and rule; with --try the fixes, tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fallline.cli.options import Json, Runs, Table, print_json

if TYPE_CHECKING:
    from fallline.diagnosis import Diagnosis


def diagnose(
    what: Annotated[
        str, typer.Argument(metavar="RUN|FILE", help="A run, or another trainer's log: CSV, JSON, JSON lines, Parquet.")
    ],
    attempt: Annotated[bool, typer.Option("--try", help="Carry out the candidate fixes beside a control.")] = False,
    table: Table = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Find out what is wrong with a run, or with another trainer's loss curve; or that it is healthy."""
    from fallline.diagnosis import diagnose as examine
    from fallline.diagnosis import diagnose_history
    from fallline.diagnosis.history import is_log
    from fallline.errors import SettingsError

    if is_log(what):
        if attempt:
            raise SettingsError("A log can't be trained again, so no fix can be tried.\nGive a run of Fallline's.")
        found, head = diagnose_history(what), [what]
    else:
        from fallline.run import Run
        from fallline.trace.folder import find_run

        run = Run(find_run(what, runs), table)
        found, head = examine(run, tried=attempt), [f"{run.name}  ({run.path})", f"Verdict: {run.verdict}"]
    if json:
        print_json(found.to_json())
        return
    print("\n".join([*head, "", *lines(found, attempt)]))


def lines(found: Diagnosis, attempt: bool = False) -> list[str]:
    """A diagnosis in plain words."""
    checked = f"{len(found.checked)} of {len(found.checked) + len(found.not_checked)} symptoms could be checked"
    said = []
    if found.healthy:
        said.append(f"Healthy: {checked}, and none was found.")
    else:
        names = ", ".join(symptom.id for symptom in found.symptoms)
        said.append(f"Found: {names} ({checked}).")
    for symptom in found.symptoms:
        steps = "" if symptom.steps is None else f"  Steps {symptom.steps[0]:,} to {symptom.steps[1]:,}.\n"
        said.append(f"\n{symptom.id}\n  {symptom.text}\n{steps}  Rule: {symptom.rule}.\n  Source: {symptom.source}.")
    if attempt:
        said += ["", *_tried(found)]
    said += ["", f"Checked: {', '.join(found.checked) or 'nothing'}."]
    if found.not_checked:
        said += ["Not checked:", *(f"  {name}: {why}." for name, why in found.not_checked.items())]
    return said


def _tried(found: Diagnosis) -> list[str]:
    if not found.tried:
        return ["No fix was tried: there is nothing to mend." if found.healthy else "No fix to try is known for this."]
    return ["Fixes tried, the best first:", *(f"  {each.text}" for each in found.tried)]
