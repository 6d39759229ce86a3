"""The step scrubber: one slider that takes every figure of the page to the same step."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from fallline.figures.downsample import keep_extremes
from fallline.numbers import count
from fallline.report.reported import Reported

STRETCHES = 500  # of the steps whose values the page holds: the lowest and the highest loss of each
VALUES = {"epoch": "epoch", "loss": "loss", "gradient_norm": "gradient", "rate": "rate"}  # of the trace
KEYS = "Arrow keys go one step, with Shift a hundredth of the run; Page Up, Page Down, Home and End go further."


def scrubber(run: Reported) -> str:
    """The slider over all steps, with the values at the step; nothing for a run without steps."""
    if run.trace.is_empty():
        return ""
    last = run.trace["step"][-1]
    cells = {"step": "from step"} if run.trace.height > 2 * STRETCHES else {}
    cells |= {name: said for name, said in VALUES.items() if name in run.trace.columns}
    listed = "".join(f'<div><dt>{said}</dt><dd data-value="{name}">–</dd></div>' for name, said in cells.items())
    return (
        '<div class="scrubber" id="scrubber" role="region" aria-label="Step scrubber"><div class="slide">'
        f'<label for="at-step">Step</label><input type="range" id="at-step" min="0" max="{last}" value="{last}" '
        f'step="1" title="{KEYS}"><span class="where"><b>{count(last)}</b> of {count(last)}</span></div>'
        f"<dl>{listed}</dl></div>"
    )


def recorded_values(run: Reported) -> dict[str, Any]:
    """What the page's script reads off at a step: some steps of the trace as columns, and the last step."""
    if run.trace.is_empty():
        return {"last": 0}
    names = [name for name in VALUES if name in run.trace.columns]
    kept = run.trace.select("step", *names)
    kept = keep_extremes(kept, "loss", STRETCHES) if "loss" in names else kept[:: -(-kept.height // STRETCHES)]
    return {
        "last": int(run.trace["step"][-1]),
        "step": kept["step"].to_list(),
        "values": {name: _digits(kept[name]) for name in names},
        "called": {name: VALUES[name] for name in names},
    }


def how_thinned(run: Reported) -> str:
    """What the page left out of a long run."""
    if run.trace.height <= 2 * STRETCHES:
        return ""
    return (
        f"The run has {count(run.trace.height)} steps, more than a picture has room for. Curves and tables keep the "
        "lowest and the highest step of each of many equal stretches (min-max downsampling), so that no spike is "
        "lost; between them, the nearest kept step before the chosen one is shown. The run's folder holds every step."
    )


def _digits(values: pl.Series) -> list[float | None]:
    """Five digits; None where a value is not a finite number."""
    floats = values.cast(pl.Float64).fill_null(np.nan).to_list()
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in floats]
