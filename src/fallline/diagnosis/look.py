"""What is at hand for a diagnosis: columns over the steps, looks at held-out rows, settings, facts, a checkup.

Each is optional. A detector names what it needs; what is missing says why, so that nothing is passed over in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from fallline.errors import FalllineError
from fallline.measurement import Figures
from fallline.metrics import LARGER_IS_BETTER

Series = np.ndarray  # [rows] float64


@dataclass(frozen=True)
class Held:
    """Looks at rows that are not trained on: when, their loss, and the final measure (nan where it was not taken)."""

    steps: Series
    loss: Series
    metric: Series
    name: str = "metric"  # of the final measure

    @property
    def larger_is_better(self) -> bool:
        """Whether a larger measure is a better one."""
        name = self.name.lower()
        known = any(word in name for word in (*LARGER_IS_BETTER, "acc", "precision", "recall", "score", "iou"))
        return known and "error" not in name


@dataclass(frozen=True)
class Look:
    """All that detectors see.

    steps: what each row of the trace is called. loss: of each (nan or infinite where it was). columns: what else was
    recorded, by the names of the trace. absent: why something is not at hand, by the name of a need.
    """

    steps: Series
    loss: Series
    columns: Mapping[str, Series] = field(default_factory=dict)
    held: Held | None = None
    unit: str = "step"  # what a row of the trace is
    run: Mapping[str, Any] = field(default_factory=dict)  # what run.json holds; {} for a bare curve
    checkup: Figures = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Mapping[str, Any]:
        """As they were resolved; {} for a bare curve."""
        return self.run.get("settings") or {}

    @property
    def figures(self) -> Mapping[str, Any]:
        """Those of the verdict; {} for a bare curve."""
        return (self.run.get("verdict") or {}).get("figures") or {}

    @property
    def full(self) -> bool | None:
        """Whether every step saw every row; None when that is not known."""
        return self.figures.get("full") if self.figures else None

    @cached_property
    def finite(self) -> Series:
        """The losses before the first that is not a finite number."""
        bad = ~np.isfinite(self.loss)
        return self.loss[: int(np.argmax(bad))] if bad.any() else self.loss

    def column(self, name: str) -> Series | None:
        """A recorded column, or None."""
        return self.columns.get(name)

    def layers(self, kind: str) -> list[Series]:
        """The recorded norms of each layer, first to last; [] when the model has no layers or they are not known."""
        names = [name for name in self.columns if name.startswith(f"{kind}_norm/layer")]
        return [self.columns[name] for name in sorted(names, key=lambda n: int(n.rpartition("layer")[2]))]

    def between(self, first: int, last: int) -> tuple[int, int]:
        """What the rows `first` to `last` (places in the trace) are called."""
        return int(self.steps[first]), int(self.steps[last])

    def known(self, *names: str) -> bool:
        """Whether the checkup knows all of these figures."""
        return all(self.checkup.get(name) is not None for name in names)

    def lacks(self, need: str) -> str | None:
        """Why a need is not met, or None when it is."""
        return _NEEDS[need](self)


def _checkup(look: Look) -> str | None:
    return None if look.checkup else look.absent.get("checkup", "it needs the run and the table it was trained on")


def _network(look: Look) -> str | None:
    if look.checkup:
        return None if look.checkup.get("hidden") else "the model has no hidden layers"
    return _checkup(look)


def _layered(look: Look) -> str | None:
    return _network(look) if look.run else _gradient(look)


def _rectified(look: Look) -> str | None:
    missing = _network(look)
    if missing is None and look.checkup.get("dead_share") is None:
        return f"units of {look.checkup['activation']} saturate instead"
    return missing


def _bent(look: Look) -> str | None:
    missing = _network(look)
    if missing is None and look.checkup.get("saturated_share") is None:
        return f"{look.checkup['activation']} has no bounds on both sides"
    return missing


def _table(look: Look) -> str | None:
    return _checkup(look) or (None if "features" in look.checkup else "a loss of one's own has no table with a target")


def _reference(look: Look) -> str | None:
    missing = _table(look)
    if missing is None and look.checkup.get("reference_chance") is None:
        clear = look.checkup.get("held_chance")
        if clear is not None and clear <= 0.01:
            return None
        return "the rows are too few, or the features too many, for a flexible reference to learn from"
    return missing


def _held_rows(look: Look) -> str | None:
    return _table(look) or (None if look.checkup.get("held_rows", 0) >= 8 else "too few rows were held out")


def _held(look: Look) -> str | None:
    if look.held is None:
        return look.absent.get("held", "there is no loss of held-out rows")
    count = int(np.isfinite(look.held.loss).sum())
    return None if count >= 4 else f"held-out rows were looked at {count} times only; 4 are needed"


def _metric(look: Look) -> str | None:
    missing = _held(look)
    if missing is None and look.held is not None and np.isfinite(look.held.metric).sum() < 4:
        return "there is no final measure beside the loss of held-out rows"
    return missing


def _onward(look: Look) -> str | None:
    if look.figures.get("ended") == "diverged":
        return "training diverged"
    return _checkup(look) or (None if look.known("onward_same") else "no steps were made from where it ended")


def _further(look: Look) -> str | None:
    return _onward(look) if look.run else _curve(look)


def _level(look: Look) -> str | None:
    if look.run and look.full is False:
        return "each step sees another batch, so that ups and downs are the batches' noise"
    return _curve(look)


def _curve(look: Look) -> str | None:
    return None if len(look.loss) >= 5 else f"{len(look.loss)} losses are too few; 5 are needed"


def _gradient(look: Look) -> str | None:
    return None if look.column("gradient_norm") is not None else "no gradient norms were recorded"


def _regression(look: Look) -> str | None:
    return _table(look) or (None if look.checkup.get("target_sd") is not None else "the target is a class")


def _classes(look: Look) -> str | None:
    return _table(look) or (None if look.checkup.get("classes") else "the target is a number")


def _data(look: Look) -> str | None:
    return None if look.run.get("data") else look.absent.get("data", "it needs the table")


_NEEDS = {
    "losses": lambda look: None if len(look.loss) else "no losses were recorded",
    "curve": _curve,
    "further": _further,
    "level": _level,
    "gradient": _gradient,
    "held": _held,
    "metric": _metric,
    "data": _data,
    "checkup": _checkup,
    "table": _table,
    "held rows": _held_rows,
    "reference": _reference,
    "network": _network,
    "layered": _layered,
    "rectified": _rectified,
    "bent": _bent,
    "onward": _onward,
    "regression": _regression,
    "classes": _classes,
}


def look_at_run(run: Any) -> Look:
    """What a run has. The checkup is read from its folder, or made now if the table is at hand."""
    trace: pl.DataFrame = run.trace
    names = [name for name in trace.columns if name.partition("/")[0] in _KEPT]
    columns = {name: trace[name].cast(pl.Float64).to_numpy() for name in names}
    loss = columns.pop("objective", columns.pop("loss", np.zeros(0)))
    absent: dict[str, str] = {}
    checkup: Figures = {}
    try:
        checkup = (run.measured("checkup") or run.measure("checkup")).figures
    except FalllineError as error:
        absent["checkup"] = f"no checkup was kept, and none can be made: {str(error).splitlines()[0]}"
    looks = run.evaluations
    held = None
    if len(looks):
        at, losses, metric = (looks[n].cast(pl.Float64).fill_null(np.nan).to_numpy() for n in _HELD)
        held = Held(at, losses, metric, run.metric)
    known = {
        "settings": dict(run.asked) | dict(run.settings),
        "data": run.data,
        "metrics": run.metrics,
        "verdict": run.verdict.to_json(),
    }
    return Look(trace["step"].to_numpy(), loss, columns, held, "step", known, checkup, absent)


_KEPT = ("loss", "objective", "gradient_norm", "update_norm", "weight_norm", "rate", "epoch")
_HELD = ("step", "validation_loss", "validation_metric")
