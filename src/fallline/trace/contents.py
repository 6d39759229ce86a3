"""What run.json must hold for the rest to rely on it, and the files of a run as they are found: its own, and sound."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fallline.data.bound import size, text_allowed
from fallline.data.columnar import read_noted
from fallline.errors import DataError, RunError
from fallline.trace.seal import SEAL, broken_entry, seal_of_frame

NUMBER = (int, float)
ROWS = {"read": int, "dropped": int, "train": int, "validation": int, "test": int}
CONTENTS: dict[str, Any] = {  # of run.json, while training goes on as well as at its end
    "created": str,
    "asked": {},
    "settings": {},
    "given": {},
    "data": {
        "source": {},
        "rows": ROWS,
        "target": {"name": str, "task": str},
        "columns": [{"name": str}],
        "features": [str],
    },
    "preparation": {"steps": [{"name": str, "kind": str}]},
    "target": {"name": str, "task": str},
    "metric": str,
    "environment": {},
    "parameters": [{"name": str, "shape": [int]}],
    "parameter_names": [str],
}
LATER: dict[str, Any] = {  # once it has ended
    "verdict": {"state": str, "why": str, "next": str},
    "start": {},
    "exact": {},
    "metrics": {},
    "apart": {},
    "summary": [str],
    "extended": [{"from": int, "to": int}],
    "resumed": [{"step": int, "said": [str]}],
}
WHERE_THERE: dict[str, dict[str, Any]] = {  # entries that may be absent or null, but are of no other kind
    "given": {
        "header": bool,
        "validation": NUMBER,
        "test": NUMBER,
        "split": str,
        "weights": str,
        "until": int,
        "checkpoint_every": NUMBER,
        "sync": int,
        "bound": int,
        "device": str,
        "types": {},
        "workers": int,
        "class_weight": (str, dict),
    },
    "settings": {
        **dict.fromkeys(("model", "activation", "init", "output", "loss", "rule", "schedule"), str),
        **dict.fromkeys(("rate_changes", "stop", "average"), str),
        **dict.fromkeys(("l1", "l2", "seconds", "clip"), NUMBER),
        **dict.fromkeys(("epochs", "steps", "precision", "seed", "parameters", "steps_an_epoch"), int),
        "bias": bool,
        "standardize": bool,
        "condensed": bool,
        "batch": (int, str),
        "rate": (str, *NUMBER),
        "rate_asked": (str, *NUMBER),
    },
    "start": {"loss": NUMBER, "trivial_loss": NUMBER, "trivial": str},
    "metrics": {"train": {}, "validation": {}, "test": {}},
}
MOST = 2**31  # parameters, at the most, that shapes may come to


def wrong_contents(run: dict[str, Any]) -> list[str]:
    """The keys of run.json that are absent or not what they should be."""
    wrong = [key for key, form in CONTENTS.items() if not _fits(run.get(key), form)]
    wrong += [key for key, form in LATER.items() if run.get(key) is not None and not _fits(run[key], form)]
    for key, forms in WHERE_THERE.items():
        there = run.get(key)
        if isinstance(there, dict):
            wrong += [f"{key}.{name}" for name, form in forms.items() if not _fits_where_there(there.get(name), form)]
    figures = (run.get("verdict") or {}).get("figures") if isinstance(run.get("verdict"), dict) else None
    if "verdict" in wrong or not isinstance(figures, dict | None):
        wrong.insert(0, "a verdict that can be read")
    if not wrong:
        count = sum(math.prod(array["shape"]) for array in run["parameters"])
        negative = any(side < 0 for array in run["parameters"] for side in array["shape"])
        if negative or count > MOST or count != len(run["parameter_names"]):
            wrong.append("shapes of parameters that fit their names")
    return wrong


def _fits_where_there(value: Any, form: Any) -> bool:
    return value is None or _fits(value, form) or (form == NUMBER and _is_no_number(value))


def _is_no_number(value: Any) -> bool:
    """What stands for a number that JSON has no word for."""
    return isinstance(value, dict) and set(value) == {"not finite"}


def _fits(value: Any, form: Any) -> bool:
    if isinstance(form, dict):
        return isinstance(value, dict) and all(_fits(value.get(key), inner) for key, inner in form.items())
    if isinstance(form, list):
        return isinstance(value, list) and all(_fits(each, form[0]) for each in value)
    if form is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return isinstance(value, form)


def own(folder: Path, *names: str) -> Path:
    """A path in a run folder. Raises RunError for one that leads out of it by a link, or is no plain file."""
    path = folder.joinpath(*names)
    try:
        outside = not path.resolve().is_relative_to(folder.resolve())
        odd = path.exists() and not (path.is_file() or path.is_dir())
    except (OSError, RuntimeError, ValueError):
        outside = odd = True
    if outside:
        raise RunError(f"{path} leads out of its run folder.\nPut the file itself in its place, or train again.")
    if odd:
        raise RunError(f"{path} is no file.\nRestore it, or train again.")
    return path


def damaged(path: Path, error: BaseException) -> RunError:
    """The error for a file of a run that can't be read."""
    said = " ".join((str(error).splitlines() or [type(error).__name__])[0].split())[:120].rstrip(".")
    return RunError(f"{path} is damaged: {said}.\nRestore it, or train again.")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a run, its seal checked and taken off. Raises RunError."""
    try:
        if path.stat().st_size > text_allowed():
            raise ValueError(f"it holds {size(path.stat().st_size)}")
        value = json.loads(path.read_text("utf-8"))
        if not isinstance(value, dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    return value


def check_seal(path: Path, value: dict[str, Any]) -> dict[str, Any]:
    """The same without its seal. Raises RunError where the seal does not fit."""
    broken = broken_entry(value)
    if broken is not None:
        raise RunError(
            f"{path} is damaged: its '{broken[:40]}' is not what was written.\n"
            f'Restore it; if the change was meant, take the entry "{SEAL}" out.'
        )
    return {key: entry for key, entry in value.items() if key != SEAL}


def read_frame(path: Path) -> pl.DataFrame:
    """A Parquet file of a run, its seal checked. Raises RunError."""
    try:
        if path.stat().st_size > text_allowed():
            raise ValueError(f"it holds {size(path.stat().st_size)}")
        frame, told = read_noted(path.read_bytes(), path.name, SEAL)
        if told is not None and told != seal_of_frame(frame):
            raise ValueError("it is not what was written")
    except DataError as error:
        raise damaged(path, ValueError(str(error).splitlines()[0].partition(": ")[2] or str(error))) from error
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    return frame


def fitting(arrays: dict[str, np.ndarray], parameters: list[dict[str, Any]], path: Path, *, kept: bool = False) -> dict:
    """Weights that are those that run.json lists. Raises RunError for others, and for kept ones that are not finite."""
    wanted = {array["name"]: tuple(array["shape"]) for array in parameters}
    for name, shape in wanted.items():
        found = arrays.get(name)
        if found is not None and found.shape == (1,) and shape == ():  # as runs had it before they were sealed
            found = arrays[name] = found.reshape(())
        if found is None or found.shape != shape:
            has = "none" if found is None else f"the shape {list(found.shape)}"
            raise damaged(path, ValueError(f"'{name[:40]}' should have the shape {list(shape)}, but has {has}"))
        if found.dtype not in (np.float32, np.float64):
            raise damaged(path, ValueError(f"'{name[:40]}' holds {found.dtype} values"))
        if kept and not np.isfinite(found).all():
            raise damaged(path, ValueError(f"'{name[:40]}' holds a weight that is not finite"))
    if len(arrays) > len(wanted):
        raise damaged(path, ValueError(f"it holds {len(arrays) - len(wanted)} arrays that no parameter has"))
    return arrays
