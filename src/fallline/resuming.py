"""Go on with a run: after an accident from its newest checkpoint, after its end for more steps.

What comes is what would have come: the same weights and the same trace, bit by bit, but for its column of seconds. All
that a step depends on is in the checkpoint (weights, what the rule remembers, averages), in the settings (rates, the
order of the rows, legs) or in the trace (what plateau and patience have seen). Steps after the checkpoint are dropped
from the trace and walked again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl

from fallline.engine import precision
from fallline.errors import RunError, SettingsError
from fallline.fit import SetUp, first_parameters
from fallline.halfway import Halfway, unpack
from fallline.legs import Leg
from fallline.project import environment, parts_for, train_in
from fallline.retrace import table_again
from fallline.rules import start
from fallline.run import Run
from fallline.settings import Settings, check
from fallline.stretches import Past
from fallline.survey import as_array
from fallline.trace.checkpoint import checkpoints, read_checkpoint
from fallline.trace.contents import LATER
from fallline.trace.folder import plain, read_run, write_json
from fallline.trace.lock import locked
from fallline.trace.run_folder import RunFolder
from fallline.trace.sound import NEEDED, cut, sound_parts
from fallline.types import Parts, State

ROOM = 2**26  # bytes of a checkpoint besides its arrays of weights


def resume(
    run: str | Path | RunFolder,
    source: Any = None,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    watch: Callable[[Leg | SetUp], None] = lambda seen: None,
) -> Run:
    """Go on with a run that was killed or stopped by hand; or, with `epochs` or `steps`, with one that has ended.

    Args:
        run: its folder.
        source: the table, when it is no longer where it was or never was a file.
        epochs, steps: by how much to extend a run that has ended. Its trace goes on; its rates, up to there, stay.
        watch: sees what was set up, and each leg.

    Returns:
        The run, open. `run.resumed[-1]["said"]` has what was damaged, and from where it went on therefore.

    Raises:
        RunError: another process trains it; it has ended and nothing says by how much to extend it; it is damaged;
            its table is gone or has changed.
        SettingsError, StorageError: as `train`.
    """
    folder = run.path if isinstance(run, RunFolder) else Path(run)
    read_run(folder)  # before anything is written where there may be no run
    with locked(folder):
        found = RunFolder(folder)
        known = read_run(folder)
        more = _more(found, epochs, steps)
        asked = check(**found.asked)
        table, streamed = table_again(found, asked, source)
        if plain(table.preparation.to_json()) != plain(known["preparation"]):
            raise RunError(
                f"{found.name} can't go on: its table is prepared otherwise than it was.\n"
                f"Go on with the Fallline that trained it: {known['environment'].get('packages', {}).get('fallline')}."
            )
        parts = parts_for(asked, table)
        with precision(asked.precision):
            past, sound, said = _past(folder, asked, parts)
            said += _changes(known["environment"])
            step = past.halfway.step if past else 0
            known = {key: value for key, value in known.items() if key not in LATER or key in ("extended", "resumed")}
            known["verdict"] = None
            known["resumed"] = [*found.resumed, {"step": step, "said": said}]
            if more is not None:
                known["extended"] = [*(known.get("extended") or []), {"from": more[0], "to": more[1]}]
            write_json(folder / "run.json", known, sealed=True, firm=True)
            left = cut(folder, sound, step)
            return train_in(
                folder, asked, parts, table, known, streamed=streamed, past=past, trace_parts=left, watch=watch
            )


def _more(run: RunFolder, epochs: int | None, steps: int | None) -> tuple[int, int] | None:
    """From which step to which a run is to be extended; None when it is only to be brought to its end."""
    if epochs is not None and steps is not None:
        raise SettingsError("epochs and steps are both given.\nExtend by one of them.")
    for name, more in (("epochs", epochs), ("steps", steps)):
        if more is not None and more < 1:
            raise SettingsError(f"{name} is {more}, but a run is extended by 1 at least.\nGive a number above 0.")
    state = run.verdict.state if run.finished else "interrupted"
    if state == "interrupted":
        if epochs is None and steps is None:
            return None
        raise RunError(f"{run.name} has not ended yet.\nFirst: fallline resume {run.name}; then extend it.")
    made = int(run.verdict.figures["steps"])
    if state == "diverged":
        raise RunError(f"{run.name} diverged at step {made:,}: there is nothing to go on with.\n{run.verdict.next}")
    if epochs is None and steps is None:
        raise RunError(
            f"{run.name} has ended ({state}, {made:,} steps): there is nothing left to do.\n"
            f"To extend it: fallline resume {run.name} --epochs +10, or --steps +1000."
        )
    return made, made + (steps or (epochs or 0) * int(run.settings["steps_an_epoch"]))


def _past(
    folder: Path, asked: Settings, parts: Parts
) -> tuple[Past | None, list[tuple[Path, pl.DataFrame]], list[str]]:
    """What to go on from, the sound parts of the trace, and what was damaged. None: from the start."""
    like = start(parts.rule, jax.tree.map(as_array, first_parameters(parts, asked)), parts.averaged)
    sound, broken = sound_parts(folder)
    recorded = sum(len(frame) for _, frame in sound)
    said = [] if broken is None else [f"{broken.rstrip('.')}; it is walked again."]
    files = checkpoints(folder)
    for path in files:
        try:
            at = _halfway(folder, path, like)
        except RunError as error:
            said.append(str(error).splitlines()[0])
            continue
        if at.step > recorded:
            said.append(f"The checkpoint of step {at.step:,} is of no use: the trace reaches to step {recorded:,}.")
            continue
        columns = {name: np.concatenate([frame[name].to_numpy() for _, frame in sound])[: at.step] for name in NEEDED}
        if said:
            said.append(f"It goes on from the checkpoint of step {at.step:,}.")
        return Past(at, **columns), sound, said
    if said:
        said.append("It goes on from the start.")
    return None, sound, said


def _halfway(folder: Path, path: Path, like: State) -> Halfway:
    most = 3 * sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(like)) + ROOM
    arrays, told = read_checkpoint(folder, path, most)
    try:
        return unpack(arrays, told, like)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is of another training: {error}.\nRemove it.") from error


def _changes(then: dict[str, Any]) -> list[str]:
    """What of the machine or of the versions is not what it was: the last bits of a step may depend on it."""
    was, now = (each | each.get("packages", {}) for each in (then, plain(environment())))
    changed = [
        f"{name} was {was.get(name)}, and is {value} now"
        for name, value in now.items()
        if name != "packages" and was.get(name) != value
    ]
    return [f"{'; '.join(changed)}: the steps from here may differ in their last bits."] if changed else []
