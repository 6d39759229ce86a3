"""A scene made ready to walk: its table read and prepared, its parts, its rate, and how held-out rows are looked at.

The pieces are those of `fallline.project.train`, made in its order, so that the steps have the bits of that training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fallline import words
from fallline.data import read_table
from fallline.engine import precision
from fallline.errors import DataError, SettingsError
from fallline.fit import SetUp, trivial_loss
from fallline.lab.scene import Scene
from fallline.lab.source import Source, edited, source_of
from fallline.metrics import known_metric
from fallline.outcome import measures, trivially
from fallline.record import named_arrays
from fallline.retrace import ready_to_walk, retrace
from fallline.settings import Settings, check
from fallline.survey import Rows, survey
from fallline.table import Table, prepare_table
from fallline.trace.trace import layout
from fallline.training import Training

PIECES = 8  # that a leg of the lab is of one at the command line, so that the page moves on while it is walked
FEWEST = 500  # steps of a leg, where the command line's has as many: the next leg takes a millisecond to begin


@dataclass(frozen=True)
class Prepared:
    """All that walking a scene needs, and what its pictures are judged by."""

    scene: Scene
    source: Source
    table: Table
    ready: SetUp  # with legs of the lab's length
    legs: int  # steps of the command line's legs: held-out rows are looked at on their ends
    names: tuple[str, ...]
    metric: str
    measure: Callable[[np.ndarray], float]
    trivial: float | None  # the loss of the best constant prediction
    trivially: str
    start_objective: float
    recorded: Training | None = None  # of a run that is replayed
    run: Path | None = None  # its folder

    @property
    def settings(self) -> Settings:
        return self.ready.settings

    @property
    def validation(self) -> Rows | None:
        return self.rows("validation")

    def rows(self, part: str) -> Rows | None:
        """The rows of a part as arrays; None where it has none."""
        places = getattr(self.table.split, part)
        dtype = np.float32 if self.settings.precision == 32 else np.float64
        return self.table.rows(places, self.ready.parts.model.outputs, dtype) if len(places) else None


def prepare(scene: Scene, folder: Path, runs: Mapping[str, Path], *, replay: bool = False) -> Prepared:
    """Make a scene ready. Raises DataError, RunError, SettingsError.

    Args:
        replay: whether the scene is a recorded run as it was; then its steps are read and not walked.
    """
    settings, source = check(**scene.asked()), source_of(scene, folder, runs)
    table = _table(settings, source)
    if scene.points:
        feature = one_feature(table)
        places = {part: table.numbers[getattr(table.split, part)] for part in ("train", "validation", "test")}
        source = edited(scene, source, folder, feature, places)
        table = _table(settings, source)
    run = runs[scene.table.removeprefix("run:")] if replay else None
    recorded = None if run is None else retrace(run)
    with precision(settings.precision):
        ready = ready_to_walk(settings, table) if recorded is None else recorded.ready
        parts, legs = ready.parts, ready.walk.capacity
        shorter = replace(ready, walk=replace(ready.walk, capacity=max(-(-legs // PIECES), min(FEWEST, legs))))
        named = named_arrays(ready.state.parameters)
        arrays = layout(list(named), [np.shape(a) for a in named.values()])
        metric, measure = known_metric(source.metric, table.target.task), measures(parts, table.target)
        return Prepared(
            scene=scene,
            source=source,
            table=table,
            ready=shorter,
            legs=legs,
            names=tuple(words.parameter_names(arrays, table.preparation.feature_names)),
            metric=metric,
            measure=lambda response: measure(table.codes[table.split.validation], response, [metric])[metric],
            trivial=trivial_loss(ready),
            trivially=trivially(parts, table),
            start_objective=float(survey(parts, ready.state.parameters, ready.whole)[0]),
            recorded=recorded,
            run=run,
        )


def one_feature(table: Table) -> str:
    """The column that the table's only feature is made of. Raises SettingsError where there are more, or no number."""
    steps = table.preparation.steps
    if len(table.preparation.feature_names) != 1 or table.target.task != "regression":
        raise SettingsError(
            f"Points can be moved where one number is predicted from one; here there are "
            f"{len(table.preparation.feature_names)} features.\nLeave the other columns out, or take another table."
        )
    return steps[0].name


def _table(settings: Settings, source: Source) -> Table:
    given = dict(source.given)
    frame = read_table(source.path, header=given.pop("header", None))
    if frame.is_empty():
        raise DataError("The table has no rows.")
    columns = {"split_column": given.pop("split", None), "weight_column": given.pop("weights", None)}
    return prepare_table(frame, source.target, settings, **columns, **given)
