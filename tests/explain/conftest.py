"""Fabricated runs: everything that an explanation reads of a run, with nothing trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from fallline.errors import RunError
from fallline.verdict import Verdict

SETTINGS = {
    "model": "linear",
    "activation": "relu",
    "init": "auto",
    "loss": "squared",
    "l1": 0.0,
    "l2": 0.0,
    "rule": "plain",
    "rate": 0.1,
    "rate_asked": "auto",
    "schedule": "constant",
    "batch": 10,
    "stop": "plateau",
    "clip": None,
    "average": None,
    "standardize": True,
    "precision": 64,
    "seed": 3,
    "parameters": 4,
    "steps_an_epoch": 10,
}
COLUMNS = [
    {"name": "size", "kind": "number", "why": "numbers, 90 distinct", "distinct": 90, "missing": 7},
    {"name": "town", "kind": "category", "why": "text with 3 distinct values", "distinct": 3, "missing": 0},
    {"name": "id", "kind": "ignore", "why": "an id by its name", "distinct": 140, "missing": 0},
]
PREPARATION = {
    "steps": [
        {"name": "size", "kind": "number", "mean": 50.0, "scale": 20.0, "median": 49.0, "indicator": True},
        {"name": "town", "kind": "category", "levels": ["a", "b"], "other": True, "missing": False},
    ]
}


def trace_of(loss: Any, *, full: bool = False, rate: Any = 0.1, parameters: Any = None, **more: Any) -> pl.DataFrame:
    """A trace with this loss; every step an epoch when `full`."""
    loss = np.asarray(loss, float)
    steps = np.arange(1, len(loss) + 1)
    columns: dict[str, Any] = {
        "step": steps,
        "epoch": steps / (1.0 if full else 10.0),
        "seconds": steps * 1e-3,
        "loss": loss,
        "gradient_norm": np.sqrt(np.abs(np.nan_to_num(loss, nan=1.0, posinf=1.0))),
        "rate": np.broadcast_to(rate, loss.shape).astype(float),
    } | more
    columns["update_norm"] = more.get("update_norm", columns["rate"] * columns["gradient_norm"])
    if parameters is not None:
        columns["parameters"] = np.asarray(parameters, float)
    return pl.DataFrame(columns)


def fabricate(trace: pl.DataFrame | None = None, **changes: Any) -> Any:
    """A run whose record says what is given; nothing can be measured on it."""
    if trace is None:
        trace = trace_of(0.2 + np.exp(-np.arange(100) / 10))

    def no_table(instrument: str, **options: Any) -> Any:
        raise RunError("The table is no longer at hand.\nPut it back.")

    record: dict[str, Any] = {
        "name": "a-run",
        "path": Path("runs/a-run"),
        "settings": SETTINGS | changes.pop("settings", {}),
        "preparation": changes.pop("preparation", PREPARATION),
        "data": {
            "source": {"name": "houses.csv"},
            "rows": {"read": 140, "dropped": 0, "train": 100, "validation": 20, "test": 20},
            "target": {"name": "price", "task": "regression", "mean": 300.0, "scale": 50.0, "classes": None},
            "columns": COLUMNS,
            "features": ["size", "size is missing", "town=a", "town=b", "town=other"],
            "split": "100 rows to train, 20 to validate, 20 to test, drawn with seed 3",
        }
        | changes.pop("data", {}),
        "start": {"loss": 1.2, "trivial_loss": 0.5, "trivial": "always predicting the mean (300)"},
        "metrics": {
            "train": {"loss": 0.2, "rmse": 50.0 * 0.4**0.5},
            "test": {"loss": 0.25, "rmse": 50.0 * 0.5**0.5},
        },
        "metric": "rmse",
        "exact": {
            "loss": 0.1999,
            "loss_distance": 0.0001,
            "weights_distance": 0.02,
            "unique": True,
            "method": "by hand",
        },
        "verdict": Verdict(
            "converged",
            "the objective went from 1.2 to 0.2.",
            "More steps gain nothing.",
            {
                "ended": "plateau",
                "kept": trace.height,
                "start_gradient": 2.0,
                "end_gradient": 0.01,
                "epochs": 10.0,
                "patience": 0,
            },
        ),
        "finished": True,
        "trace": trace,
        "evaluations": pl.DataFrame(schema={"step": pl.Int64, "epoch": pl.Float64, "validation_loss": pl.Float64}),
        "rates": pl.DataFrame(
            {
                "rate": [1e-6, 1e-3, 0.1, 1.0, 10.0],
                "loss": [1.2, 0.9, 0.21, 0.3, np.nan],
                "chosen": [False, False, True, False, False],
            }
        ),
        "predictions": pl.DataFrame({"part": ["test"] * 20, "actual": [200.0, 400.0] * 10, "predicted": [300.0] * 20}),
        "parameter_names": ["bias", "w[1]", "w[2]", "w[3]"],
        "measured": lambda instrument, **options: None,
        "measure": no_table,
    }
    return SimpleNamespace(**record | changes)


@pytest.fixture
def a_run() -> Callable[..., Any]:
    return fabricate


@pytest.fixture
def a_trace() -> Callable[..., pl.DataFrame]:
    return trace_of
