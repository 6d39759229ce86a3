"""Go on with a run: after an accident from its newest checkpoint, after its end for more steps.

What comes is what would have come: the same weights and the same trace, bit by bit, but for its column of seconds. All
that a step depends on is in the checkpoint (weights, what the rule remembers, averages), in the settings (rates, the
order of the rows, legs) or in the trace (what plateau and patience have seen). Steps after the checkpoint are dropped
from the trace and walked again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl

from fallline.engine import precision
from fallline.errors import RunError, SettingsError, WorkerError
from fallline.fit import first_parameters
from fallline.halfway import Halfway, unpack
from fallline.parallel.device import on
from fallline.parallel.engines import starter, to_start
from fallline.parallel.mesh import joined
from fallline.project import environment, follow, parts_for, train_in
from fallline.retrace import table_again
from fallline.rules import start
from fallline.run import Run
from fallline.settings import Settings, check
from fallline.streamed import Streamed
from fallline.stretches import Past
from fallline.survey import as_array
from fallline.table import Table
from fallline.trace.checkpoint import checkpoints, read_checkpoint
from fallline.trace.contents import LATER
from fallline.trace.folder import plain, read_run, write_json
from fallline.trace.lock import locked
from fallline.trace.run_folder import RunFolder
from fallline.trace.sound import NEEDED, cut, sound_parts
from fallline.types import Parts, State

MOST_STEPS = 10**15  # of a run
ROOM = 2**26  # bytes of a checkpoint besides its arrays of weights


def resume(
    run: str | Path | RunFolder,
    source: Any = None,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    workers: int | str = 1,
    worker_timeout: float = 60.0,
    engine: str = "local",
    address: str | None = None,
    device: str | None = None,
    watch: Callable[[Any], None] = lambda seen: None,
) -> Run:
    """Go on with a run that was killed or stopped by hand; or, with `epochs` or `steps`, with one that has ended.

    Args:
        run: its folder.
        source: the table, when it is no longer where it was or never was a file.
        epochs, steps: by how much to extend a run that has ended. Its trace goes on; its rates, up to there, stay.
        workers, worker_timeout, engine, address: processes that share the rows, as in `train`; with as many as there
            were before to the same bits.
        device: as in `train`; as the run was trained when None.
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
    found, laid = RunFolder(folder), None
    device = str(device or found.given.get("device") or "auto")
    how = {"source": source, "epochs": epochs, "steps": steps, "device": device}
    if not to_start(workers, engine, address):
        return go_on(folder, **how, watch=watch)
    start = starter(engine, address, shared=folder.parent, device=device)
    if found.given.get("bound") is not None and address is None:
        laid = table_again(found, check(**found.asked), source)
    work = {"folder": folder.absolute(), "laid": laid} | how
    return Run(start(go_on, work, int(workers), timeout=worker_timeout, watch=watch))


def go_on(
    folder: Path,
    source: Any,
    epochs: int | None,
    steps: int | None,
    device: str,
    *,
    laid: tuple[Table, Streamed | None] | None = None,
    watch: Callable[[Any], None] = lambda seen: None,
) -> Run:
    """Go on with a run, alone or as one of the workers. Arguments as of `resume`.

    Args:
        laid: its table, where that is laid down on the disk already.
    """
    crew = joined()
    with locked(folder) if crew is None or crew.first else nullcontext():
        found = RunFolder(folder)
        known = read_run(folder)
        more = _more(found, epochs, steps)
        asked = check(**found.asked)
        table, streamed = laid or table_again(found, asked, source)
        if plain(table.preparation.to_json()) != plain(known["preparation"]):
            raise RunError(
                f"{found.name} can't go on: its table is prepared otherwise than it was.\n"
                f"Go on with the Fallline that trained it: {known['environment'].get('packages', {}).get('fallline')}."
            )
        parts = parts_for(asked, table)
        if crew:
            crew.writes(folder)
        with on(device), precision(asked.precision):
            past, sound, said = _past(folder, asked, parts)
            said += _changes(known["environment"], device) + _others(known["given"], crew.workers if crew else 1)
            step = past.halfway.step if past else 0
            known = {key: value for key, value in known.items() if key not in LATER or key in ("extended", "resumed")}
            known["verdict"] = None
            known["resumed"] = [*found.resumed, {"step": step, "said": said}]
            if more is not None:
                known["extended"] = [*(known.get("extended") or []), {"from": more[0], "to": more[1]}]
            if crew:
                crew.wait()  # all have read before the first one writes
            if crew and not crew.first:
                follow(asked, parts, table, known, streamed=streamed, past=past, watch=watch)
                return None  # pyright: ignore[reportReturnType]  only where a cluster started the caller as well
            write_json(folder / "run.json", known, sealed=True, firm=True)
            left = cut(folder, sound, step)
            return train_in(
                folder, asked, parts, table, known, streamed=streamed, past=past, trace_parts=left, watch=watch
            )


def persevere(start: Callable[[], Run], restarts: int, **how: Any) -> Run:
    """What `start` trains; after a worker was lost, so often as may be, its run gone on with. `how` is for `resume`."""
    workers, engine = how.get("workers", 1), how.get("engine", "local")
    if restarts < 0 or (restarts and workers == 1 and engine == "local"):
        raise SettingsError(
            f"restarts is {restarts} with {workers} workers.\nGive 0 or more, and more than one worker."
        )
    while True:
        try:
            return start()
        except WorkerError as error:
            if restarts < 1:
                raise
            restarts -= 1
            begun = error.run is not None
            where = "Going on from the last checkpoint." if begun else "Starting again."
            print(f"{str(error).splitlines()[0]} {where}", file=sys.stderr, flush=True)
            if begun:
                start = partial(resume, error.run, **how)


def _others(given: dict[str, Any], workers: int) -> list[str]:
    """What it means that other workers go on. Raises SettingsError when they would make another model."""
    before = given.get("workers") or 1
    if before == workers:
        return []
    if (given.get("sync") or 1) > 1 and workers > 1:
        raise SettingsError(
            f"{before} workers went apart for {given['sync']} steps each time; {workers} would make another model.\n"
            f"Go on with {before}, or with 1 that makes the steps of all."
        )
    return [f"It was trained by {before} workers, and goes on with {workers}: the last bits of its steps may differ."]


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
        raise RunError(f"{run.name} has not ended yet.\nFirst: {run.goes_on}; then extend it.")
    made = int(run.verdict.figures["steps"])
    most = (MOST_STEPS - made) // (1 if epochs is None else int(run.settings["steps_an_epoch"]))
    if (steps or epochs or 0) > most:
        raise SettingsError(
            f"{run.name} can't be extended so far.\nGive {most:,} {'steps' if steps else 'epochs'} at most."
        )
    if state == "diverged":
        raise RunError(f"{run.name} diverged at step {made:,}: there is nothing to go on with.\n{run.verdict.next}")
    if epochs is None and steps is None:
        raise RunError(
            f"{run.name} has ended ({state}, {made:,} steps): there is nothing left to do.\n"
            f"To extend it: {run.goes_on} --epochs +10, or --steps +1000."
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


def _changes(then: dict[str, Any], device: str) -> list[str]:
    """What of the machine or of the versions is not what it was: the last bits of a step may depend on it."""
    was, now = (each | each.get("packages", {}) for each in (then, plain(environment(device))))
    changed = [
        f"{name} was {was.get(name)}, and is {value} now"
        for name, value in now.items()
        if name != "packages" and was.get(name) != value
    ]
    return [f"{'; '.join(changed)}: the steps from here may differ in their last bits."] if changed else []
