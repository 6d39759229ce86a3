"""A run to look at and to ask: all that its folder holds, and what can be found out with it.

Reading needs no JAX; measuring does, and the table that the run was trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from fallline.measurement import Measurement
from fallline.trace.evidence import write_measurement
from fallline.trace.run_folder import RunFolder

if TYPE_CHECKING:
    from fallline.diagnosis.diagnosis import Diagnosis
    from fallline.explain.explanation import Chapter, Explanation
    from fallline.training import Training

Watch = Callable[[int, int, str], None]


class Run(RunFolder):
    """One run folder. Open it with `fallline.open_run`.

    Args:
        table: the table that it was trained on, when it is no longer where it was or never was a file. It is needed
            to measure only.
    """

    def __init__(self, path: str | Path, table: Any = None) -> None:
        super().__init__(path)
        self._table = table

    def predict(self, table: Any) -> pl.DataFrame:
        """Predictions in the target's own units for a path or any table; see `deploy.predict`."""
        from fallline.deploy.predict import predict_from

        return predict_from(self.path, table, header=self.given.get("header"))

    def measure(self, instrument: str, **options: Any) -> Measurement:
        """What an instrument finds on this run; kept in the folder, and read from there the next time.

        `fallline.catalogue.INSTRUMENTS` lists the instruments and their options.

        Raises: SettingsError for an unknown instrument or option; RunError when the table is not at hand.
        """
        found = self.measured(instrument, **options)
        if found is None:
            from fallline.instruments import measure

            found = measure(self.training, instrument, **options)
            write_measurement(self.path, found)
        return found

    @cached_property
    def training(self) -> Training:
        """The run made ready to walk again. Raises RunError when its table is not at hand or has changed."""
        from fallline.deploy.predict import model_of
        from fallline.retrace import retrace

        model_of(self._run, self.weights())  # before anything is made of a size that a damaged run asks for
        return retrace(self.path, self._table)

    def diagnose(self, *, tried: bool = False) -> Diagnosis:
        """What is wrong with this run, with evidence; or that it is healthy.

        Args:
            tried: carry the candidate fixes out as trial runs beside an unchanged control.
        """
        from fallline.diagnosis import diagnose

        return diagnose(self, tried=tried)

    def explain(self, *names: str, measuring: str = "all", watch: Watch | None = None) -> list[Explanation]:
        """How this model learned: all explanations, or those of these names.

        Args:
            measuring: "all"; "headlines", what each one's first sentences need; or "nothing", to tell only what was
                measured before.
            watch: told (which, of how many, instrument) before each measurement that is made.

        Raises: SettingsError for a name that does not exist.
        """
        from fallline.explain import explain

        told = {"watch": watch} if watch else {}
        return explain(self, names or None, measuring=measuring, diagnosis=self.diagnose(), **told)

    def story(self) -> list[Chapter]:
        """The run in time order, each chapter with its steps and figures."""
        from fallline.explain import story

        return story(self)

    def report(self, path: str | Path | None = None, *, measuring: str = "all", watch: Watch | None = None) -> Path:
        """Write the single-file report; beside the run unless a path is given. The rest is as in `explain`."""
        from fallline.report import write_report

        this: Any = self  # the report asks for what a run has, not for a Run
        return write_report(
            this,
            Path(path) if path else self.path / "report.html",
            explanations=self.explain(measuring=measuring, watch=watch),
            story=self.story(),
            diagnosis=self.diagnose(),
        )


def open_run(path: str | Path, table: Any = None) -> Run:
    """The run in a folder. Raises RunError when it is absent, damaged or from a newer version."""
    return Run(path, table)
