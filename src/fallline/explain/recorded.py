"""What the trace of a run says as figures: how loss, gradient and update went from the first steps to the last."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from fallline.measurement import Figures

FEW = 50  # steps that a mean at the start or the end is taken over, at most
TWENTIETH = 20  # and at most such a part of all steps


def trace_facts(run: Any) -> Figures:
    """Means over the first and the last few steps, extremes, and the first step that was not finite."""
    trace = run.trace
    figures: Figures = {"steps": trace.height}
    if trace.is_empty():
        return figures
    some = max(1, min(FEW, trace.height // TWENTIETH))
    figures["some"] = some
    for name in ("loss", "gradient_norm", "update_norm", "rate"):
        if name not in trace.columns:
            continue
        values = column(trace, name)
        figures[f"first_{name}"] = _mean(values[:some])
        figures[f"last_{name}"] = _mean(values[-some:])
        finite = np.flatnonzero(np.isfinite(values))
        if len(finite):
            low, high = finite[values[finite].argmin()], finite[values[finite].argmax()]
            figures |= {
                f"least_{name}": float(values[low]),
                f"least_{name}_step": int(low) + 1,
                f"most_{name}": float(values[high]),
                f"most_{name}_step": int(high) + 1,
            }
    broken = np.flatnonzero(~np.isfinite(column(trace, "loss")))
    figures["broken_step"] = int(broken[0]) + 1 if len(broken) else None
    figures["seconds"] = float(trace["seconds"][-1]) if "seconds" in trace.columns else None
    return figures


def column(trace: pl.DataFrame, name: str) -> np.ndarray:
    """A column as float64, NaN where it has no value."""
    return trace[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _mean(values: np.ndarray) -> float | None:
    mean = float(values.mean()) if np.isfinite(values).all() else float("nan")
    return mean if np.isfinite(mean) else None
