"""Remedies carried out: the training with one change, with several seeds, each beside an unchanged control.

All are judged alike, whatever was changed: by the run's own loss of the predictions for the held-out rows, in the units
that the run trained in. So a trial with another scale of the target, other class weights or another loss can be set
beside the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from fallline.data import apply, encode, fit_preparation, fit_target
from fallline.errors import DataError, SettingsError
from fallline.fit import set_up
from fallline.instruments.compared import clearly_lower
from fallline.instruments.grade import Grade
from fallline.instruments.trials import Trial, try_out
from fallline.models import Network
from fallline.settings import Settings, batch_size, check, parts_of
from fallline.stopping import WORSE
from fallline.survey import Rows
from fallline.table import Table
from fallline.training import Training

SECONDS = 3.0  # that all trials together should take, about, compiling apart
STEPS, FEWEST = 4000, 50  # updates of a trial, at most and at least
SMALL = 0.01  # of the control's loss: a gain below that is no cure
OF_TABLE = (
    "standardize",
    "bias",
    "loss",
    "output",
    "model",
    "leave_out",
    "class_weight",
)  # the table is made ready anew


class Outcome(NamedTuple):
    """A remedy and its control: the losses, infinite where a trial diverged, a pair for each seed."""

    name: str
    losses: list[float]
    control: list[float]
    helped: bool
    measure: str  # what the losses are
    steps: int  # of the trial
    steps_of: int  # that the run made, or was to make


class Change(NamedTuple):
    """A remedy for one run: settings to change, and what to do about the table."""

    name: str
    settings: dict[str, Any]
    leave_out: tuple[str, ...] = ()
    balanced: bool = False
    steps: float = 1.0  # times the control's


def carry_out(
    training: Training, remedies: Sequence[Mapping[str, Any]], *, seeds: list[int], balanced: bool = False
) -> list[Outcome]:
    """Every remedy that changes something here, tried.

    Args:
        balanced: whether each class counts alike in the loss that judges.
    """
    planned = _planned(training)
    changes = list({change.name: change for remedy in remedies for change in _change(training, remedy)}.values())
    steps = _bounded(training, planned, seeds, changes)
    grade = Grade.of(training, balanced)
    control = _losses(training, training.ready.settings, grade, seeds, steps)
    outcomes = []
    for change in changes:
        if change.steps != 1.0 and steps < planned:
            continue  # to train longer or shorter than a shorter training says nothing of the run
        settings = training.ready.settings.model_copy(update=change.settings)
        try:
            changed = _changed(training, settings, change)
            length = max(1, round(steps * change.steps * _fewer(changed, training, settings)))
            losses = _losses(changed, settings, grade, seeds, length)
        except (DataError, SettingsError):
            continue  # it does not fit this model or table
        helped = has_helped(np.array(losses), np.array(control))
        outcomes.append(Outcome(change.name, losses, control, helped, grade.words, steps, planned))
    return outcomes


def has_helped(losses: np.ndarray, control: np.ndarray) -> bool:
    """Whether losses, paired with those of the control by seed, are lower by more than seeds differ, and worthwhile.

    >>> has_helped(np.array([1.0, 1.1]), np.array([np.inf, np.inf])), has_helped(np.ones(2), np.array([1.001, 1.002]))
    (True, False)
    """
    if not clearly_lower(losses, control):
        return False
    return not np.isfinite(control).all() or bool(control.mean() - losses.mean() > SMALL * abs(control.mean()))


def _planned(training: Training) -> int:
    """Updates that the run made; those that it was to make when it diverged."""
    seen = training.trace["objective"].to_numpy() if training.steps else np.zeros(0)
    with np.errstate(invalid="ignore"):
        fine = len(seen) and np.isfinite(seen[-1]) and seen[-1] <= WORSE * (abs(seen[0]) + 1e-12)
    return training.steps if fine else training.ready.horizon


def _bounded(training: Training, planned: int, seeds: list[int], changes: list[Change]) -> int:
    size = sum(np.size(leaf) for leaf in jax.tree.leaves(training.start))
    batches = training.ready.walk.batches
    rows = len(training.ready.table.share) if batches.full else batches.size
    lanes = len(seeds) * (1 + sum(max(change.steps, 1.0) for change in changes))
    affordable = SECONDS / (lanes * (1e-6 + 1.5e-10 * rows * size))
    return int(np.clip(affordable, min(FEWEST, planned), min(STEPS, planned)))


def _losses(training: Training, settings: Settings, grade: Grade, seeds: list[int], steps: int) -> list[float]:
    _, tried = try_out(training, [Trial("", settings)], seeds=seeds, steps=steps, points=1)
    return [grade(training, each.parameters) for each in tried]


def _fewer(changed: Training, training: Training, settings: Settings) -> float:
    """Updates for each of the control's, so that larger batches see as many rows."""
    if settings.steps is not None:
        return 1.0
    rows = len(training.ready.rows.weight)
    return training.ready.walk.batches.size / batch_size(settings, rows)


def _change(training: Training, remedy: Mapping[str, Any]) -> list[Change]:
    """The remedy with this run's numbers; nothing when it would change nothing, or has no meaning here."""
    mine, rate = training.ready.settings, training.ready.rate
    given: dict[str, Any] = {}
    change = Change("", given)
    for name, value in remedy.items():
        if name == "leave_out":
            columns = _columns(training, value or ())
            change = change._replace(leave_out=columns)
        elif name == "class_weight":
            change = change._replace(balanced=training.table is not None and training.table.target.task == "classes")
        elif name == "steps":
            change = change._replace(steps=_steps(training, value))
        else:
            given[name] = _value(training, name, value, rate)
    given = {name: value for name, value in given.items() if value is not None and value != getattr(mine, name)}
    if training.table is None:
        given = {name: v for name, v in given.items() if name not in (*OF_TABLE, "activation", "init")}
    if "activation" in given and not isinstance(training.parts.model, Network):
        del given["activation"]
    words = [f"{name}={_written(value)}" for name, value in given.items()]
    words += [f"leave out {', '.join(change.leave_out)}"] if change.leave_out else []
    words += ["class_weight=balanced"] if change.balanced else []
    words += [f"steps={round(change.steps * training.steps):,}"] if change.steps != 1.0 else []
    return [change._replace(name=", ".join(words), settings=given)] if words else []


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _value(training: Training, name: str, value: Any, rate: float) -> Any:
    """The value of a setting: relative ones worked out; None when there is none."""
    mine = training.ready.settings
    if name == "rate" and value != "auto":
        return rate / float(value[1:]) if value[0] == "/" else rate * float(value[1:])
    if name == "batch":
        size, rows = training.ready.walk.batches.size, len(training.ready.rows.weight)
        return None if size >= rows else min(size * int(value[1:]), rows)
    if name == "l2":
        return max(10 * mine.l2, 0.01)
    if name == "model":
        return _resized(training, value)
    return value


def _resized(training: Training, how: str) -> str | None:
    """Layers four times as wide, 32 units where there were none; or a quarter, none where that is too few."""
    model = training.parts.model
    if not isinstance(model, Network):
        return "mlp:32" if how == "wider" else None
    sizes = [min(4 * n, 256) if how == "wider" else n // 4 for n in model.hidden]
    return f"mlp:{','.join(map(str, sizes))}" if min(sizes) > 1 and tuple(sizes) != model.hidden else None


def _steps(training: Training, value: str) -> float:
    """Times the run's steps: a factor, or up to the look at which the validation loss was lowest."""
    if value[0] == "*":
        return float(value[1:])
    seen = training.held_out
    if seen is None or not training.steps or seen["validation_loss"].drop_nans().is_empty():
        return 1.0
    return float(seen.sort("validation_loss", nulls_last=True)["step"][0]) / training.steps


def _columns(training: Training, names: Sequence[str]) -> tuple[str, ...]:
    """Columns by their names or those of their features, as far as they are learned from."""
    if training.table is None:
        return ()
    steps = training.table.preparation.steps
    return tuple(step.name for step in steps if step.name in names or any(n in names for n in step.feature_names))


def _changed(training: Training, settings: Settings, change: Change) -> Training:
    """The training whose trials make the change; the same one where its rows stay as they are."""
    check(**settings.model_dump())
    touched = set(change.settings) & set(OF_TABLE)
    if training.table is None or not (touched or change.leave_out or change.balanced):
        return training
    table = prepared(training.table, settings, change.leave_out, change.balanced)
    target, features = table.target, len(table.preparation.feature_names)
    parts = parts_of(settings, features=features, task=target.task, classes=len(target.classes or ()))
    dtype = np.float32 if settings.precision == 32 else np.float64
    rows: Rows = table.rows(table.split.train, parts.model.outputs, dtype)
    return replace(training, table=table, ready=set_up(parts, settings, rows))


def prepared(table: Table, settings: Settings, leave_out: Sequence[str] = (), balanced: bool = False) -> Table:
    """The table made ready anew, with the same rows in the same parts.

    Raises: DataError when no column is left.
    """
    train, weight, known, frame = table.split.train, table.weight, table.target, table.frame
    left = [replace(c, kind="ignore", why="left out") if c.name in leave_out else c for c in table.columns]
    preparation = fit_preparation(
        frame[train], left, standardize=settings.standardize, centre=settings.bias, weights=weight[train]
    )
    if not preparation.feature_names:
        raise DataError("No column is left to learn from.")
    if known.task == "regression":
        scaled = settings.standardize and settings.loss != "poisson"
        known = fit_target(
            frame[known.name][train],
            task="regression",
            standardize=scaled,
            centre=settings.bias,
            weights=weight[train],
        )
    codes = np.asarray(encode(known, frame[known.name]), np.float64)
    if balanced:
        counts = np.bincount(codes[train].astype(int), minlength=len(known.classes or ()))
        weight = weight * (len(train) / (len(counts) * np.maximum(counts, 1)))[codes.astype(int)]
    return replace(
        table, columns=tuple(left), preparation=preparation, target=known, features=apply(preparation, frame),
        codes=codes, weight=weight,
    )  # fmt: skip
