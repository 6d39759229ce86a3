"""The table of a scene: bundled, dropped on the page, or a recorded run's; edited points become a file of their own.

What a scene says of its table is turned into the arguments of `fallline.project.train`, so that a training seen in the
lab and one made at the command line are made of the same things.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fallline.data import fit_target, read_table, task_of
from fallline.errors import DataError, SettingsError, unknown
from fallline.examples import EXAMPLES, example
from fallline.lab.scene import Scene
from fallline.lab.workspace import known_names
from fallline.trace.run_folder import RunFolder

GIVEN = ("header", "types", "validation", "test", "split", "weights", "class_weight")


@dataclass(frozen=True)
class Source:
    """Where a scene's rows are, and how they are read and split."""

    path: Path
    title: str
    target: str
    given: Mapping[str, Any] = field(default_factory=dict)  # of GIVEN, what is not as `project.train` has it
    metric: str = "auto"


def source_of(scene: Scene, folder: Path, runs: Mapping[str, Path]) -> Source:
    """The table of a scene.

    Args:
        folder: the workspace, where dropped tables lie.
        runs: the recorded runs that may be opened, by name.

    Raises: DataError, RunError, SettingsError.
    """
    if scene.table.startswith("run:"):
        found = _of_run(scene.table.removeprefix("run:"), runs)
    elif scene.table in EXAMPLES:
        known = EXAMPLES[scene.table]
        found = Source(example(known.name), known.title, known.target)
    else:
        found = _dropped(scene.table, folder)
    if scene.types:
        found = replace(found, given={**found.given, "types": {**found.given.get("types", {}), **scene.types}})
    if scene.target is not None:
        found = replace(found, target=scene.target, metric=found.metric if scene.target == found.target else "auto")
    return found


def arguments(scene: Scene, source: Source) -> dict[str, Any]:
    """What `fallline.project.train` is given for this scene, the source included."""
    asked = {"source": str(source.path), "target": source.target, **source.given, **scene.asked()}
    return asked | ({} if source.metric == "auto" else {"metric": source.metric})


def edited(scene: Scene, source: Source, folder: Path, feature: str, parts: Mapping[str, np.ndarray]) -> Source:
    """The same table with the scene's points, written into the workspace.

    Rows stay in the parts (train, validation, test) where they are without the edits, and new ones are trained on, so
    that what the edits do is not mixed with another split.

    Args:
        feature: the column that is learned from.
        parts: the places of the rows of each part.

    Raises: DataError for a row that there is not.
    """
    if not scene.points:
        return source
    frame = read_table(source.path, header=source.given.get("header"))
    frame = frame.with_columns(pl.col(feature, source.target).cast(pl.Float64, strict=False))
    column = "part" if "part" not in frame.columns else "part of the edited table"
    names = np.full(frame.height, "train", dtype=object)
    for part, places in parts.items():
        names[places] = part
    rows = frame.with_columns(pl.Series(column, names.tolist())).to_dicts()
    for row, x, y in scene.points:
        if row is None:
            rows.append(dict.fromkeys(frame.columns) | {column: "train"})
        elif not 0 <= row < len(rows):
            raise DataError(f"There is no row {row + 1:,} to move: the table has {len(rows):,}.")
        rows[-1 if row is None else row] |= {feature: x, source.target: y}
    text = pl.DataFrame(rows, infer_schema_length=None).write_csv()
    path = folder / "edited" / f"{scene.table}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return replace(source, path=path, given={**source.given, "split": column})


def _of_run(name: str, runs: Mapping[str, Path]) -> Source:
    if name not in runs:
        raise SettingsError(unknown("run", name, runs))
    from fallline.retrace import table_of

    run = RunFolder(runs[name])
    given = {name: run.given[name] for name in GIVEN if run.given.get(name) not in (None, {})}
    return Source(Path(table_of(run)), f"the table of {name}", run.data["target"]["name"], given, run.metric)


def _dropped(name: str, folder: Path) -> Source:
    """A table that was dropped on the page; what it predicts unless told is its last column that can be predicted."""
    paths = sorted(path for path in folder.glob(f"*/{name}.*") if name.startswith("upload-") and path.is_file())
    if not paths:
        raise SettingsError(unknown("table", name, EXAMPLES))
    title = known_names(paths[0].parent).get(name, name)
    try:
        frame = read_table(paths[0])
    except DataError as error:  # it names the file as it lies here, which nobody has seen
        raise DataError(str(error).replace(paths[0].name, title)) from error
    if not frame.columns:
        raise DataError(f"'{title}' has no columns.\nSave it with the names of its columns in the first line.")
    return Source(paths[0], title, _last_target(frame))


def _last_target(frame: pl.DataFrame) -> str:
    """The last column that can be a target; the last of all where none can, so that its error is told."""
    for name in reversed(frame.columns):
        with suppress(DataError):
            fit_target(frame[name], task=task_of(frame[name]))
            return name
    return frame.columns[-1]
