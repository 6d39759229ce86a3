"""Another trainer's log as something to look at: its columns recognised by the words in their names.

Known are the names of Keras (CSVLogger, history.history), Lightning (CSVLogger), Hugging Face (trainer_state.json),
boosting libraries, and what people write by hand. In a log, unlike in a table to learn from, nan and inf are values.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fallline.data.frames import frame_of
from fallline.diagnosis.look import Held, Look
from fallline.errors import DataError

ENDINGS = (".csv", ".tsv", ".txt", ".log", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather")
HELD = {"val", "valid", "validation", "eval", "evaluation", "dev", "test", "heldout", "held"}
LOSSES = ("loss", "objective", "cost", "nll", "logloss", "entropy", "deviance", "mse", "rmse", "mae", "perplexity")
MEASURES = ("accuracy", "acc", "auc", "auroc", "f1", "r2", "precision", "recall", "score", "iou", "dice", "bleu",
            "mae", "rmse", "mse", "error")  # fmt: skip
STEPS = ("global_step", "step", "iteration", "iter", "iterations", "update", "batch", "epoch", "epochs")
WHY = "a bare curve does not say it: it needs a run of Fallline's and its table"


def is_log(name: str) -> bool:
    """Whether a name is that of a file, and not of a run.

    >>> is_log("history.csv"), is_log("last")
    (True, False)
    """
    path = Path(name)
    return path.suffix.lower() in ENDINGS and not path.is_dir()


def read_log(path: str | Path) -> pl.DataFrame:
    """A log file as a frame of numbers, nan and inf kept, null where nothing was logged. Raises DataError."""
    path = Path(path).expanduser()
    ending = path.suffix.lower()
    try:
        if ending == ".parquet":
            return _numbers(pl.read_parquet(path))
        if ending in (".arrow", ".feather"):
            return _numbers(pl.read_ipc(path))
        text = path.read_text("utf-8-sig")
        rows = _from_json(text, ending) if ending in (".json", ".jsonl", ".ndjson") else None
        frame = _from_text(text) if rows is None else pl.DataFrame(rows, infer_schema_length=None, strict=False)
    except FileNotFoundError:
        raise DataError(f"There is no file '{path}'.\nName a log with a loss in it, or a run.") from None
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise DataError(f"'{path.name}' can't be read as a log: {said}.\nGive CSV, JSON lines or JSON.") from None
    return _numbers(frame)


def _from_json(text: str, ending: str) -> Any:
    """Rows of a JSON log: a list of objects, objects one a line, columns as lists, or a trainer's state."""
    if ending != ".json":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    found = json.loads(text)
    if isinstance(found, dict):
        found = found.get("log_history", found.get("history", found))
    return found


def _from_text(text: str) -> pl.DataFrame:
    head = text.lstrip().partition("\n")[0]
    separator = max(",;\t|", key=head.count)
    return pl.read_csv(
        text.lstrip().encode(), separator=separator, infer_schema=False, truncate_ragged_lines=True, quote_char='"'
    )


def _numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that hold numbers, as float64."""
    columns = []
    for column in frame:
        if column.dtype == pl.String:
            cells = column.str.strip_chars().str.to_lowercase().replace({"nan": "NaN", "infinity": "inf"})
            column = cells.cast(pl.Float64, strict=False).alias(column.name)
        elif not column.dtype.is_numeric():
            continue
        columns.append(column.cast(pl.Float64))
    return pl.DataFrame([column for column in columns if column.count()])


def words(name: str) -> list[str]:
    """The words in a column's name.

    >>> words("valLoss"), words("train/loss_epoch"), words("lr-Adam")
    (['val', 'loss'], ['train', 'loss', 'epoch'], ['lr', 'adam'])
    """
    return re.findall(r"[a-z]+[0-9]*|[0-9]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())


def look_at_history(source: Any) -> Look:
    """What a log holds: a path, a data frame, or columns by name. Raises DataError when it has no loss."""
    where = f"'{Path(source).name}'" if isinstance(source, str | Path) else "The history"
    frame = read_log(source) if isinstance(source, str | Path) else _numbers(frame_of(source))
    held = [name for name in frame.columns if HELD & set(words(name))]
    train = [name for name in frame.columns if name not in held]
    loss, other = _loss(train), _loss([n for n in held if "test" not in words(n)]) or _loss(held)
    if loss is None and other is None:
        names = ", ".join(frame.columns[:8]) or "no column of numbers"
        raise DataError(f"{where} has no column that is a loss, but {names}.\nCall it loss, train_loss or val_loss.")
    step = next((n for wanted in STEPS for n in frame.columns if "_".join(words(n)) == wanted), None)
    at = _axis(frame, step)
    unit = "row" if step is None else "epoch" if "epoch" in words(step) else "step"
    main = loss or other
    assert main is not None
    values = frame[main].to_numpy()
    there = _logged(frame[main])
    columns = {}
    for name, wanted in (("rate", _is_rate), ("gradient_norm", _is_gradient)):
        found = next((n for n in train if wanted(words(n))), None)
        if found is not None:
            columns[name] = frame[found].forward_fill().fill_null(np.nan).to_numpy()[there]
    absent = dict.fromkeys(("checkup", "data"), WHY) | {"held": "no column is a loss of held-out rows"}
    looks = _held(frame, at, other, held, train) if loss is not None and other is not None else None
    return Look(at[there], values[there], columns, looks, unit, absent=absent)


def _axis(frame: pl.DataFrame, step: str | None) -> np.ndarray:
    counted = np.arange(1.0, len(frame) + 1)
    if step is None:
        return counted
    values = frame[step].forward_fill().backward_fill()
    return values.to_numpy() if values.is_finite().all() else counted


def _logged(column: pl.Series) -> np.ndarray:
    """Where something was logged. A loss that is nan for good is a value; one that comes back was not logged there."""
    values = column.fill_null(np.nan).to_numpy()
    known = np.flatnonzero(~np.isnan(values))
    after = np.arange(len(values)) > (known[-1] if len(known) else -1)
    gaps = len(known) > 0 and bool(np.isnan(values[: known[-1]]).any())
    return ~np.isnan(values) | (after & column.is_not_null().to_numpy() & (not gaps))


def _loss(names: list[str]) -> str | None:
    """The column that is most likely the loss that is minimised; whole epochs before single steps."""
    for kind in LOSSES:
        found = [name for name in names if kind in words(name) or f"{kind}es" in words(name)]
        found = [name for name in found if not ({"best", "min", "smooth", "std"} & set(words(name)))]
        if found:
            return min(found, key=lambda n: ("epoch" not in words(n), len(words(n))))
    return None


def _is_rate(name: list[str]) -> bool:
    return "lr" in name or name[-2:] == ["learning", "rate"] or name == ["rate"]


def _is_gradient(name: list[str]) -> bool:
    return bool({"grad", "gradient", "gradients", "gradnorm"} & set(name))


def _held(frame: pl.DataFrame, at: np.ndarray, loss: str, held: list[str], train: list[str]) -> Held:
    """The looks at held-out rows, with a measure beside the loss where there is one."""
    there = _logged(frame[loss])
    measure = next((n for kind in MEASURES for n in held if kind in words(n) and n != loss), None)
    values = np.full(len(frame), np.nan) if measure is None else frame[measure].fill_null(np.nan).to_numpy()
    return Held(at[there], frame[loss].fill_null(np.nan).to_numpy()[there], values[there], measure or "metric")
