"""Fallline trains models by gradient descent, keeps every step, and says how it went.

    import fallline as fl
    run = fl.train("housing.csv", target="median_house_value")
    run.verdict, run.metrics, run.trace

Names are imported when they are first used, so that looking at an old run needs no JAX.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {
    "train": "fallline.project",
    "resume": "fallline.resuming",
    "descend": "fallline.descent",
    "open_run": "fallline.run",
    "measure": "fallline.measuring",
    "Run": "fallline.run",
    "Verdict": "fallline.verdict",
    "DescentRegressor": "fallline.estimators",
    "DescentClassifier": "fallline.estimators",
    "FalllineError": "fallline.errors",
    "DataError": "fallline.errors",
    "SettingsError": "fallline.errors",
    "RunError": "fallline.errors",
    "StorageError": "fallline.errors",
    "WorkerError": "fallline.errors",
}
__all__ = [*_WHERE]  # pyright: ignore[reportUnsupportedDunderAll]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """A public name, from the module that has it."""
    if name not in _WHERE:
        raise AttributeError(f"module 'fallline' has no attribute '{name}'")
    # The module fallline.legs hides the function of that name once it has been imported.
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
