"""A recorded run made ready to walk again: the same table, the same preparation, the same batches.

Nothing in a training is random once its seed is known, so that any step can be stood on again. What is needed is the
table that it was trained on; the run remembers where that was and a fingerprint of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fallline.data import fingerprint, read_table
from fallline.engine import precision
from fallline.errors import DataError, RunError
from fallline.fit import SetUp, set_up
from fallline.settings import check, parts_of
from fallline.table import Table, prepare_table
from fallline.trace.folder import read_run
from fallline.words import source_name


@dataclass(frozen=True)
class Retraced:
    """A run's table and loop, as they were. Use them inside `engine.precision(ready.settings.precision)`."""

    run: dict[str, Any]
    table: Table
    ready: SetUp


def retrace(folder: Path, source: Any = None) -> Retraced:
    """Make a recorded run ready to walk again.

    Args:
        source: the table, when it is no longer where it was or never was a file.

    Raises:
        RunError: the table is gone, or is no longer the one that the run was trained on.
    """
    run = read_run(folder)
    settings, given, origin = check(**run["asked"]), run["given"], run["data"]["source"]
    if source is None:
        source = origin.get("path")
        if source is None or not Path(source).exists():
            to_do = "Train on a file instead" if source is None else "Put the table back where it was"
            raise RunError(
                f"{folder.name} was trained on {source_name(origin)}, which is no longer at hand.\n"
                f"{to_do}; trace and weights can be read without it."
            )
    if fingerprint(source)["sha256"] != origin["sha256"]:
        raise RunError(
            f"{source_name(origin)} has changed since {folder.name} was trained on it.\n"
            "Put the former table back, or train again."
        )
    frame = read_table(source, header=given["header"])
    try:
        table = prepare_table(
            frame,
            run["target"]["name"],
            settings,
            types=given["types"],
            validation=given["validation"],
            test=given["test"],
            split_column=given["split"],
            weight_column=given["weights"],
            class_weight=given["class_weight"],
        )
    except DataError as error:
        raise RunError(f"{folder.name} can't be walked again: {error}") from error
    parts = parts_of(
        settings,
        features=len(table.preparation.feature_names),
        task=table.target.task,
        classes=len(table.target.classes or ()),
    )
    dtype = np.float32 if settings.precision == 32 else np.float64
    rows = table.rows(table.split.train, parts.model.outputs, dtype)
    with precision(settings.precision):  # start weights of 64 bits are other draws than those of 32
        ready = set_up(parts, settings, rows, rate=run["settings"]["rate"])
    return Retraced(run, table, ready)
