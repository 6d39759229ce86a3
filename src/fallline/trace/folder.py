"""The run folder: written while training goes on, readable without Fallline (JSON, Parquet, safetensors).

    run.json               format version, settings, data, environment, outcome, verdict
    trace/00000.parquet    the recorded steps, one part a group of legs, written whole or not at all
    weights.safetensors    the model kept
    weights/000000000.safetensors ...  the start, and snapshots where weights are too many for the trace
    checkpoint/            from where to go on after an accident: see `checkpoint.py`
    evidence/              what was measured besides: evaluations, rates, slice, predictions
    report.html

A part is written beside its place and then moved there, so that a killed run keeps every part that it has finished.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors import safe_open
from safetensors.numpy import save_file

from fallline.data import Preparation, Target
from fallline.errors import RunError, StorageError, unknown
from fallline.trace.contents import check_seal, damaged, fitting, own, read_json, wrong_contents
from fallline.trace.seal import SEAL, seal_of_arrays, seal_of_frame, seal_of_json

FORMAT = 1
INNER = ("trace", "weights", "evidence")  # folders
PART_SECONDS = 0.25  # legs that end sooner after the last part than this wait for the next
LONGEST = 200_000  # characters of JSON that are indented


def runs_folder(given: str | Path | None = None) -> Path:
    """Where runs live: what is given, or $FALLLINE_RUNS, or ./runs."""
    return Path(given or os.environ.get("FALLLINE_RUNS") or "runs")


def new_folder(runs: Path, name: str) -> Path:
    """A folder of its own for a new run, named by the time and what it is. Raises StorageError."""
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    words = re.sub(r"[\W_]+", "-", name.lower()).strip("-")[:50] or "run"
    with stored(runs):
        runs.mkdir(parents=True, exist_ok=True)
        for n in range(1, 1000):
            folder = runs / (f"{stamp}-{words}" + (f"-{n}" if n > 1 else ""))
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            for inner in INNER:
                (folder / inner).mkdir()
            return folder
    raise StorageError(f"{runs} has 999 runs of this second already.\nGive another folder with --runs.")


class stored:  # noqa: N801  it reads as a word: with stored(path): ...
    """Turns what the system says of a full disk or a closed folder into two lines."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if not isinstance(error, OSError) or isinstance(error, StorageError):
            return
        why = {
            errno.ENOSPC: "there is no space left",
            errno.EDQUOT: "there is no space left",
            errno.EFBIG: "it is larger than allowed",
            errno.EACCES: "there is no right to write",
            errno.EPERM: "there is no right to write",
            errno.EROFS: "there is no right to write",
        }.get(error.errno or 0, (error.strerror or str(error)).lower())
        raise StorageError(
            f"{self.path} can't be written: {why}.\nMake room, or give another path (--runs DIR for run folders)."
        ) from error


def write_whole(path: Path, write: Callable[[Path], Any], *, firm: bool = False) -> None:
    """Let `write` fill a temporary file, then move it to its place; when `firm`, so that it outlasts a power cut.

    Raises: StorageError.
    """
    with stored(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp")
        os.close(handle)
        beside = Path(name)
        try:
            write(beside)
            beside.chmod(0o644)
            if firm:
                settle(beside)
            beside.replace(path)
            if firm:
                settle(path.parent)
        except BaseException as error:
            beside.unlink(missing_ok=True)
            if isinstance(error, (OSError, KeyboardInterrupt)):
                raise
            raise _as_os_error(error) from error


def settle(path: Path) -> None:
    """Have the disk itself hold a file, or which files a folder has, before anything is said of it."""
    if os.name == "nt" and path.is_dir():  # where folders can't be opened
        return
    with suppress(FileNotFoundError):  # let go of meanwhile
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _as_os_error(error: BaseException) -> BaseException:
    """Libraries wrap the system's error in one of their own; the number in its text tells which it was."""
    found = re.search(r"os error (\d+)", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else error


def write_json(path: Path, value: Any, *, sealed: bool = False, firm: bool = False) -> None:
    """JSON that any reader takes: no NaN, numbers of NumPy as plain ones; with checksums of its entries when `sealed`.

    Raises: StorageError.
    """
    value = plain(value)
    if sealed:
        value |= {SEAL: seal_of_json(value)}
    text = _json_text(value)
    write_whole(path, lambda beside: beside.write_text(text + "\n", encoding="utf-8"), firm=firm)


def _json_text(value: Any) -> str:
    """Indented, for people; what is longer than they read goes on one line, since only that is written fast."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(text) < LONGEST:
        return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    if not isinstance(value, dict):
        return text
    entries = (f"{json.dumps(key, ensure_ascii=False)}: {_json_text(entry)}" for key, entry in value.items())
    return "{\n" + ",\n".join(entries) + "\n}"


def plain(value: Any) -> Any:
    """A value as JSON can hold it: NumPy numbers as plain ones, infinite ones as {"not finite": "inf"}."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return {"not finite": str(value)}
    return value


def finite(value: Any) -> Any:
    """What `write_json` wrote, with the numbers that JSON has no word for put back."""
    if isinstance(value, dict):
        if set(value) == {"not finite"}:
            return float(value["not finite"])
        return {k: finite(v) for k, v in value.items()}
    return [finite(v) for v in value] if isinstance(value, list) else value


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """A Parquet file, whole or not at all. Raises StorageError."""
    told = {SEAL: seal_of_frame(frame)}
    made = io.BytesIO()  # Polars does not always say that it was the disk that was full
    frame.write_parquet(made, compression="zstd", compression_level=1, metadata=told)
    write_whole(path, lambda beside: beside.write_bytes(made.getbuffer()))


def write_weights(path: Path, arrays: dict[str, np.ndarray], *, firm: bool = False) -> None:
    """A safetensors file, whole or not at all. Raises StorageError."""
    tensors = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_whole(path, lambda beside: save_file(tensors, beside, metadata={SEAL: seal_of_arrays(tensors)}), firm=firm)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The named arrays of a safetensors file. Raises RunError."""
    if not path.exists():
        raise RunError(
            f"{path} is not there: the run did not end, or the file is lost.\n"
            "Go on with it: fallline resume; or train again. The trace has the steps that were recorded."
        )
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
            seal = (file.metadata() or {}).get(SEAL)
        if seal is not None and seal != seal_of_arrays(arrays):
            raise ValueError("it is not what was written")
        return arrays
    except Exception as error:
        raise damaged(path, error) from error


def kept_weights(folder: Path, run: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of the model kept: those that run.json lists, and all finite. Raises RunError."""
    path = own(folder, "weights.safetensors")
    return fitting(read_weights(path), run["parameters"], path, kept=True)


def read_run(folder: Path) -> dict[str, Any]:
    """The contents of run.json. Raises RunError when it is absent, damaged or from a newer version."""
    path = own(folder, "run.json")
    if not folder.is_dir() or not path.is_file():
        raise RunError(f"{folder} is no run: it has no run.json.\nSee `fallline runs` for the runs there are.")
    run = read_json(path)
    version = run.get("format")
    if not isinstance(version, int) or not 0 < version < 10**6:
        raise damaged(path, ValueError("it lacks its format, a number from 1"))
    if version > FORMAT:
        raise RunError(
            f"{folder} is in format {version}, but this Fallline reads formats up to {FORMAT}.\n"
            "Read it with a newer Fallline."
        )
    wrong = wrong_contents(run)
    if wrong:
        raise damaged(path, ValueError(f"it lacks {', '.join(wrong[:3])}"))
    try:
        run = finite(check_seal(path, run))
        Preparation.from_json(run["preparation"])
        Target.from_json(run["target"])
    except (ValueError, TypeError) as error:
        raise damaged(path, error) from error
    return run


def find_run(name: str | Path, runs: str | Path | None = None) -> Path:
    """The folder of a run by its path, its name, a beginning of its name, or `last`. Raises RunError."""
    folder = Path(name)
    if (folder / "run.json").exists() or (folder.is_dir() and len(folder.parts) > 1):
        return folder
    home = runs_folder(runs)
    there = all_runs(home)
    if not there:
        raise RunError(f"There are no runs in {home}.\nTrain one first, or say where they are with --runs DIR.")
    if str(name) == "last":
        return there[0]
    found = [run for run in there if run.name == str(name)] or [r for r in there if r.name.startswith(str(name))]
    if len(found) == 1:
        return found[0]
    if found:
        raise RunError(f"'{name}' begins the names of {len(found)} runs.\nGive more of it: {found[0].name}.")
    raise RunError(unknown("run", str(name), [run.name for run in there][:5]) + "\nSee `fallline runs`.")


def all_runs(home: Path) -> list[Path]:
    """The run folders in `home`, newest first."""
    there = [path.parent for path in home.glob("*/run.json")] if home.is_dir() else []
    return sorted(there, key=_when, reverse=True)


def _when(run: Path) -> tuple[str, int]:
    """When a run was trained: its name says so, unless a person has given it another."""
    changed = (run / "run.json").stat().st_mtime_ns
    if re.match(r"\d{4}-\d\d-\d\d-\d{6}", run.name):
        return run.name[:17], changed
    return time.strftime("%Y-%m-%d-%H%M%S", time.localtime(changed / 1e9)), changed
