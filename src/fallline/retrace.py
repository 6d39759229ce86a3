"""A recorded run made ready to walk again: the same table, the same preparation, the same batches.

What is needed is the table that it was trained on; the run remembers where that was and a fingerprint of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from fallline.data import fingerprint, read_table
from fallline.data.stream.sources import is_several
from fallline.engine import precision
from fallline.errors import DataError, RunError
from fallline.fit import SetUp, set_up
from fallline.legs import HERE, Place
from fallline.parallel.apart import again
from fallline.settings import Settings, check, parts_of
from fallline.streamed import Streamed, stream_table
from fallline.table import Table, prepare_table
from fallline.trace.run_folder import RunFolder
from fallline.training import Training
from fallline.types import Parameters
from fallline.words import source_name


def retrace(folder: str | Path, source: Any = None) -> Training:
    """Make a recorded run ready to walk again.

    Args:
        source: the table, when it is no longer where it was or never was a file.

    Raises:
        RunError: the table is gone, or is no longer the one that the run was trained on.
    """
    run = RunFolder(folder)
    settings = check(**run.asked)
    table, streamed = table_again(run, settings, source)
    with precision(settings.precision):  # start weights of 64 bits are other draws than those of 32
        ready = ready_to_walk(
            settings, table,
            rate=run.settings["rate"], extended=run.extended, place=again(run.given), streamed=streamed,
        )  # fmt: skip
        flat, unravel = ravel_pytree(ready.state.parameters)
        kept = unravel(jnp.asarray(run.flat_weights(), flat.dtype))
        return training_of(run, ready, kept, int(run.verdict.figures.get("kept", len(run.trace))), table)


def table_again(run: RunFolder, settings: Settings, source: Any = None) -> tuple[Table, Streamed | None]:
    """The table of a run, prepared as it was; with all its rows when the table is a sample of them. Raises RunError."""
    given, source, target = run.given, table_of(run, source), run.data["target"]["name"]
    asked: dict[str, Any] = {
        "types": given["types"],
        "validation": given["validation"],
        "test": given["test"],
        "split_column": given["split"],
        "weight_column": given["weights"],
        "class_weight": given["class_weight"],
    }
    try:
        if given.get("bound") is None:
            return prepare_table(read_table(source, header=given["header"]), target, settings, **asked), None
        streamed = stream_table(source, target, settings, given["bound"], header=given["header"], **asked)
        return streamed.table, streamed
    except DataError as error:
        raise RunError(f"{run.name} can't be walked again: {error}") from error


def ready_to_walk(
    settings: Settings,
    table: Table,
    *,
    rate: float | None = None,
    extended: Sequence[tuple[int, int]] = (),
    place: Place = HERE,
    streamed: Streamed | None = None,
) -> SetUp:
    """The loop made ready for a table. Call it inside `engine.precision(settings.precision)`.

    Args:
        rate: the rate, when it was chosen before.
        extended: from which steps to which the training went on after it had ended.
        place: where the steps are made.
        streamed: all rows, when `table` is a sample of them.
    """
    parts = parts_of(
        settings,
        features=len(table.preparation.feature_names),
        task=table.target.task,
        classes=len(table.target.classes or ()),
    )
    dtype = np.float32 if settings.precision == 32 else np.float64
    rows = table.rows(table.split.train, parts.model.outputs, dtype)
    spooled = None if streamed is None else streamed.rows(parts.model.outputs)
    return set_up(parts, settings, rows, rate=rate, extended=extended, place=place, spooled=spooled)


def training_of(run: RunFolder, ready: SetUp, kept: Parameters, kept_step: int, table: Table) -> Training:
    """A training whose steps stand in a run folder."""
    return Training(
        name=run.name,
        ready=ready,
        trace=run.trace,
        kept=kept,
        kept_step=kept_step,
        names=tuple(run.parameter_names),
        snapshots={step: partial(run.flat_weights, step) for step in run.snapshots},
        table=table,
        held_out=run.evaluations,
    )


def table_of(run: RunFolder, source: Any = None) -> Any:
    """Where the table of a run is. Raises RunError when it is gone, or is no longer the one."""
    origin = run.source
    if source is None:
        source = origin.get("path")
        if source is None or not (Path(source).exists() or is_several(source)):
            to_do = "Name it: --table" if source is None else "Put it back where it was, or name it: --table"
            raise RunError(
                f"{run.name} was trained on {source_name(origin)}, which is no longer at hand.\n"
                f"{to_do}; trace and weights can be read without it."
            )
    if fingerprint(source)["sha256"] != origin["sha256"]:
        raise RunError(
            f"{source_name(origin)} has changed since {run.name} was trained on it.\n"
            "Put the former table back, or train again."
        )
    return source
