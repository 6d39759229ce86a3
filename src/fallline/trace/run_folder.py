"""A run folder, read: everything that a training left, given back. What is read is read when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fallline.errors import RunError
from fallline.measurement import Measurement
from fallline.trace.contents import damaged, fitting, own, read_frame
from fallline.trace.evidence import read_measurement
from fallline.trace.folder import kept_weights, read_run, read_weights
from fallline.trace.lock import owner_of
from fallline.trace.trace import unflatten
from fallline.verdict import Verdict

STEPS = ("step", "epoch", "rows", "seconds", "loss", "objective", "gradient_norm", "update_norm", "weight_norm", "rate")


class RunFolder:
    """All that stands in one run folder."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._run = read_run(self.path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self.verdict.state}>"

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def created(self) -> str:
        """When training began, as an ISO date and time."""
        return self._run["created"]

    @property
    def finished(self) -> bool:
        """False while training goes on, and for ever when it was killed."""
        return self._run["verdict"] is not None

    @property
    def running(self) -> dict[str, Any] | None:
        """The process that trains it at this moment: pid and host. None when there is none."""
        return None if self.finished else owner_of(self.path)

    @property
    def extended(self) -> tuple[tuple[int, int], ...]:
        """(from, to): after which step training went on once it had ended, and up to which, each time."""
        return extended_in(self._run)

    @property
    def apart(self) -> dict[str, Any] | None:
        """What it cost that workers averaged now and then: workers, sync, steps, all (of them), objective, together
        (the objective that a sum at each step leads to). None where they did not."""
        return self._run.get("apart")

    @property
    def resumed(self) -> list[dict[str, Any]]:
        """Each time that it went on after an accident or an end: `step`, after which, and what was `said` of it."""
        return self._run.get("resumed") or []

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as they were resolved: the rate that was chosen, the batch, the loss."""
        return self._run["settings"]

    @property
    def asked(self) -> dict[str, Any]:
        """The settings as they were asked for."""
        return self._run["asked"]

    @property
    def given(self) -> dict[str, Any]:
        """How the table was asked to be read and split."""
        return self._run["given"]

    @property
    def data(self) -> dict[str, Any]:
        """Source, rows, target, columns, features, split, and what was done to each column."""
        return self._run["data"]

    @property
    def start(self) -> dict[str, Any]:
        """The loss of the random start and of the trivial predictor."""
        return self._run.get("start") or {}

    @property
    def exact(self) -> dict[str, Any] | None:
        """The closed form and the distance to it, or None where there is none."""
        return self._run.get("exact")

    @property
    def metric(self) -> str:
        """The name of the final measure that was chosen."""
        return self._run["metric"]

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """{"train": {...}, "validation": {...}, "test": {...}}: the loss, and measures in the target's own units."""
        return self._run.get("metrics") or {}

    @property
    def environment(self) -> dict[str, Any]:
        """Versions and the machine."""
        return self._run["environment"]

    @property
    def summary(self) -> list[str]:
        """How it went, in plain sentences."""
        return self._run.get("summary") or []

    @property
    def verdict(self) -> Verdict:
        """state, why, next and figures. A run that was killed reads as interrupted."""
        found = self._run["verdict"]
        if found is None:
            last = self.trace["step"].max() if len(self.trace) else 0
            running = self.running
            if running is not None:
                return Verdict(
                    "running",
                    f"process {running['pid']} on {running['host']} trains it; {last:,} steps are recorded so far.",
                    "Wait until it has ended, or stop it with Ctrl-C where it was started.",
                )
            return Verdict(
                "interrupted",
                f"it was killed before it had ended; {last:,} steps are recorded.",
                f"Go on with it: {self.goes_on}.",
            )
        return Verdict(found["state"], found["why"], found["next"], found.get("figures") or {})

    @property
    def goes_on(self) -> str:
        """The command that goes on with it, to the same bits."""
        workers = self.given.get("workers") or 1
        return f"fallline resume {self.name}" + (f" --workers {workers}" if workers != 1 else "")

    @cached_property
    def trace(self) -> pl.DataFrame:
        """A row per update: step, epoch, rows, seconds, loss, objective, gradient_norm, update_norm, ..."""
        parts = sorted(own(self.path, "trace").glob("*.parquet"), key=lambda part: (len(part.name), part.name))
        if not parts:
            return pl.DataFrame({"step": []}, schema={"step": pl.Int64})
        frames = [read_frame(own(self.path, "trace", part.name)) for part in parts]
        try:
            whole = pl.concat(frames, how="diagonal")
            absent = [name for name in STEPS if name not in whole.columns or not whole[name].dtype.is_numeric()]
            if absent:
                raise ValueError(f"it lacks the column '{absent[0]}'")
            if not (whole["step"].to_numpy() == np.arange(1, len(whole) + 1)).all():
                raise ValueError("steps are lacking, or come twice")
        except (ValueError, pl.exceptions.PolarsError) as error:
            raise damaged(self.path / "trace", error) from error
        return whole

    @cached_property
    def evaluations(self) -> pl.DataFrame:
        """A row per look at the held-out rows: step, epoch, validation_loss, validation_metric."""
        found = self._evidence("evaluations")
        schema = {
            "step": pl.Int64,
            "epoch": pl.Float64,
            "validation_loss": pl.Float64,
            "validation_metric": pl.Float64,
        }
        return pl.DataFrame(schema=schema) if found is None else found

    @cached_property
    def rates(self) -> pl.DataFrame | None:
        """The trials that an automatic rate was chosen from: rate, loss, chosen."""
        return self._evidence("rates")

    @cached_property
    def predictions(self) -> pl.DataFrame | None:
        """Held-out rows: part, row (counted from 1 in the table), actual, predicted."""
        return self._evidence("predictions")

    def measured(self, instrument: str, **options: Any) -> Measurement | None:
        """What an instrument found on this run with those options, when it was measured before."""
        return read_measurement(self.path, instrument, options)

    @property
    def source(self) -> dict[str, Any]:
        """The table that it was trained on: name, path, size, sha256."""
        return self.data["source"]

    @property
    def parameter_names(self) -> list[str]:
        """A name for each of the flat parameters, such as weights[median_income]."""
        return self._run["parameter_names"]

    def weights(self, step: int | None = None) -> dict[str, np.ndarray]:
        """The named arrays of the model kept, or those after a step (0: the random start).

        Raises: RunError when the weights of that step were not kept.
        """
        if step is None:
            return kept_weights(self.path, self._run)
        if step in self.snapshots:
            path = own(self.path, "weights", self.snapshots[step].name)
            return fitting(read_weights(path), self._run["parameters"], path)
        if "parameters" in self.trace.columns:
            found = self.trace.filter(pl.col("step") == step)["parameters"]
            if len(found) and found[0] is not None:
                flat = np.asarray(found.to_list()[0])
                if flat.shape != (len(self.parameter_names),):
                    raise damaged(self.path / "trace", ValueError(f"step {step:,} has {flat.size:,} parameters"))
                return unflatten(flat, self._run["parameters"])
        near = sorted(self.snapshots, key=lambda k: abs(k - step))[:3]
        raise RunError(
            f"The weights of step {step:,} of {self.name} were not kept.\n"
            f"Kept near it: {', '.join(f'{k:,}' for k in sorted(near)) or 'none'}; the trace has "
            f"{len(self.trace):,} steps."
        )

    def flat_weights(self, step: int | None = None) -> np.ndarray:
        """The same, laid out flat in the order of `parameter_names`."""
        arrays = self.weights(step)
        return np.concatenate([arrays[array["name"]].ravel() for array in self._run["parameters"]])

    @cached_property
    def snapshots(self) -> dict[int, Path]:
        """The files with the weights after some of the steps, by step."""
        found = sorted(own(self.path, "weights").glob("*.safetensors"))
        return {int(path.stem): path for path in found if path.stem.isascii() and path.stem.isdigit()}

    def to_json(self) -> dict[str, Any]:
        """What programs want to know of a run."""
        return {
            "path": str(self.path.resolve()),
            "name": self.name,
            "created": self.created,
            "settings": self.settings,
            "verdict": self.verdict.to_json(),
            "start": self.start,
            "exact": self.exact,
            "metric": self.metric,
            "metrics": self.metrics,
            "steps": len(self.trace),
            "rows": self.data["rows"],
            "extended": self.extended,
            "resumed": self.resumed,
            "apart": self.apart,
            "summary": self.summary,
        }

    def _evidence(self, name: str) -> pl.DataFrame | None:
        path = own(self.path, "evidence", f"{name}.parquet")
        return read_frame(path) if path.exists() else None


def extended_in(run: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    """The (from, to) of each time that a run was extended, of the contents of its run.json. Raises RunError."""
    found = tuple((each["from"], each["to"]) for each in run.get("extended") or [])
    at = [step for each in found for step in each[:1]] + [to for _, to in found[-1:]]
    if any(not 0 < since < to for since, to in found) or at != sorted(set(at)):
        raise RunError("run.json is damaged: the run was extended from steps that do not go upwards.\nRestore it.")
    return found
