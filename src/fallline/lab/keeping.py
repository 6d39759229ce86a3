"""The walk up to the cursor as a run of its own: made by `fallline.project.train`, as the command line makes it.

It is made when it is first asked for (to be downloaded, explained or diagnosed) and then again only for another step or
other settings. The files to download lie in the workspace's folder `downloads`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fallline.errors import RunError, SettingsError
from fallline.lab.scene import Scene
from fallline.lab.source import Source, arguments
from fallline.lab.walker import Walker
from fallline.numbers import count
from fallline.project import train
from fallline.run import Run, open_run

DOWNLOADS = "downloads"


@dataclass(frozen=True)
class Keeping:
    """What a run is made of: a scene up to a step.

    beyond: whether the walk went on where a training would have ended by itself.
    steps: those that the settings must ask for, where the walk has made more than they do; else None.
    broke: whether it is looked at where it broke; then the run has all steps up to there, and ends as it does.
    recorded: the run's own folder, when it is a replay that stands at its end.
    """

    scene: Scene
    source: Source
    step: int
    beyond: bool = False
    steps: int | None = None
    broke: bool = False
    recorded: Path | None = None


def keeping_of(walker: Walker) -> Keeping:
    """What would be kept of a walk, as it stands."""
    broke = walker.broken is not None and walker.step == walker.broken.keep
    step = walker.broken.step if broke and walker.broken is not None else walker.step
    recorded = walker.prepared.recorded
    at_end = recorded is not None and walker.revision == 0 and (broke or walker.step >= recorded.steps - 1)
    settings = walker.ready.settings
    alike = settings.schedule == "constant" and settings.average is None  # whatever steps the settings ask for
    return Keeping(
        walker.scene,
        walker.prepared.source,
        step,
        beyond=any(pause.reason in ("plateau", "patience") and pause.step < step for pause in walker.pauses),
        steps=step if alike and step > walker.horizon else None,
        broke=broke,
        recorded=walker.prepared.run if at_end else None,
    )


def given_for(asked: Keeping) -> dict[str, Any]:
    """What `fallline.project.train` is given to make the run."""
    given: dict[str, Any] = arguments(asked.scene, asked.source) | {"seconds": None}
    if asked.beyond:
        given["stop"] = None
    if asked.steps is not None:
        given["steps"] = asked.steps
    return given if asked.broke or asked.step < 1 else given | {"until": asked.step}


def kept_run(asked: Keeping, folder: Path, made: dict[Any, Run]) -> Run:
    """The run, made now or before. Raises SettingsError at step 0, RunError when it ends elsewhere."""
    key = (asked.scene.to_query(), asked.step, asked.beyond, asked.broke, str(asked.recorded))
    if key in made:
        return made[key]
    if asked.recorded is not None:
        made[key] = open_run(asked.recorded)
        return made[key]
    if asked.step < 1:
        raise SettingsError("There is nothing to keep before the first update.\nMake a step first.")
    run = train(**given_for(asked), runs=folder / "runs")
    if len(run.trace) != asked.step:
        raise RunError(
            f"The training that was to be kept ended at step {count(len(run.trace))}, not at {count(asked.step)}: "
            f"{run.verdict.why}\nGo back to a step before that, and keep that one."
        )
    made[key] = run
    return run


def downloads(run: Run, folder: Path) -> list[dict[str, Any]]:
    """Write what can be downloaded of a run; the names lie in the folder `downloads` of the workspace."""
    there = folder / DOWNLOADS
    there.mkdir(parents=True, exist_ok=True)
    if not (run.path / "report.html").exists():
        run.report()
    report, weights = there / f"{run.name}.html", there / f"{run.name}.safetensors"
    shutil.copyfile(run.path / "report.html", report)
    shutil.copyfile(run.path / "weights.safetensors", weights)
    packed = Path(shutil.make_archive(str(there / run.name), "zip", run.path.parent, run.path.name))
    titles = {weights: "The model: its weights", packed: "The run folder, whole", report: "The report, a single file"}
    return [{"name": path.name, "title": title, "bytes": path.stat().st_size} for path, title in titles.items()]
