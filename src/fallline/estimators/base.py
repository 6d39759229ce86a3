"""What both estimators do alike: check, prepare, train or go on, remember.

    rows -> units (standardised) -> equal rows merged -> fit.fit -> Learned, history, verdict

Constructors only store. All that is learned sits in names that end in an underscore, and in `_learned`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import (
    _check_sample_weight,  # pyright: ignore[reportPrivateUsage]
    check_is_fitted,
)

from fallline.batches import Batches
from fallline.engine import precision
from fallline.errors import DataError, SettingsError
from fallline.estimators.history import History
from fallline.estimators.units import Table, Units, merged, spelled_out
from fallline.fit import Fitted, GoOn, fit, last_fall
from fallline.models import Linear
from fallline.settings import SMALL, Settings, batch_size, check, stops_of
from fallline.survey import Rows
from fallline.types import Parameters, Parts, State
from fallline.verdict import Verdict, judge


@dataclass(frozen=True)
class Learned:
    """All that is needed to predict, and to go on. Arrays are NumPy's."""

    parts: Parts
    precision: Literal[32, 64]
    units: Units
    parameters: Parameters  # the ones kept, float64
    state: State  # after the last step
    rate: float
    epochs: int
    history: History
    start: tuple[float, float]  # objective and gradient norm before the first step


class Descent(BaseEstimator):
    """Parameters and training of both estimators. Abstract: a subclass says what its targets are."""

    _learned: Learned
    n_features_in_: int

    def __init__(
        self,
        *,
        model: str = "auto",
        activation: str = "relu",
        init: str = "auto",
        output: str = "auto",
        bias: bool = True,
        loss: str = "auto",
        l1: float = 0.0,
        l2: float = 0.0,
        rule: str = "plain",
        rate: float | Literal["auto"] = "auto",
        schedule: str = "constant",
        batch: int | Literal["auto", "full"] = "auto",
        epochs: int = 200,
        stop: str | None = "plateau",
        clip: float | None = None,
        average: str | None = None,
        standardize: bool = True,
        precision: Literal[32, 64] = 32,
        seed: int = 0,
        warm_start: bool = False,
    ):
        self.model = model
        self.activation = activation
        self.init = init
        self.output = output
        self.bias = bias
        self.loss = loss
        self.l1 = l1
        self.l2 = l2
        self.rule = rule
        self.rate = rate
        self.schedule = schedule
        self.batch = batch
        self.epochs = epochs
        self.stop = stop
        self.clip = clip
        self.average = average
        self.standardize = standardize
        self.precision = precision
        self.seed = seed
        self.warm_start = warm_start

    @property
    def history_(self) -> pl.DataFrame:
        """A row per update, built at each access: step, epoch, rows (seen so far), seconds, loss, objective,
        gradient_norm, update_norm, weight_norm, rate, the norms of each parameter group, and the parameters
        themselves while they are at most 64 and their history fits into 64 MB. Losses and parameters are those
        of the standardised columns and target."""
        check_is_fitted(self)
        return self._learned.history.frame()

    @property
    def coef_(self) -> np.ndarray:
        """The weights of a model of one layer, per unit of each column; a network has none."""
        return self._line()[0]

    @property
    def intercept_(self) -> np.ndarray:
        """The bias of a model of one layer, where all columns are 0; a network has none."""
        return self._line()[1]

    def _line(self) -> tuple[np.ndarray, np.ndarray]:
        """coef_ and intercept_. AttributeError for a network."""
        check_is_fitted(self)
        weights, bias = line(self._learned, type(self).__name__)
        return weights, np.atleast_1d(bias)

    def _settings(self) -> Settings:
        """The parameters, checked. Raises SettingsError."""
        given = self.get_params(deep=False)
        names = [name for name in Settings.model_fields if name in given]
        plain = {n: given[n].item() if isinstance(given[n], np.generic) else given[n] for n in names}
        settings = check(**plain)
        if "patience" in stops_of(settings):
            raise SettingsError(
                f"stop='{settings.stop}' looks at held-out rows, and an estimator is given none.\n"
                "Try stop='plateau', or fallline.train, which holds rows out."
            )
        return settings

    def _earlier(self) -> Learned | None:
        """What a warm start goes on from."""
        return getattr(self, "_learned", None) if self.warm_start else None

    def _weighted(self, X: Any, sample_weight: Any) -> np.ndarray:
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weight.any():
            raise DataError("Sample weights must contain at least one non-zero number.")
        return weight

    def _learn(
        self,
        table: Table,
        settings: Settings,
        parts: Parts,
        earlier: Learned | None,
        trivially: str,
        *,
        centred_target: bool,
        one_epoch: bool = False,
    ) -> None:
        """Train on the rows, from the start or on from `earlier`; all learned names are set at its end."""
        if earlier is not None:
            _same_model(earlier, parts, settings)
        table = spelled_out(table)
        counted = len(table.target)
        table, settings = _as_walked(table, settings, one_epoch)
        units = earlier.units if earlier else _units(table, settings, centred_target)
        target = units.target(table.target)
        outputs = parts.model.outputs
        rows = Rows(
            units.columns(table.features),
            target if outputs == 1 else np.eye(outputs)[target.astype(int)],
            table.weight / table.weight.mean(),
        )
        walked = len(rows.weight)
        batches = Batches(walked, batch_size(settings, walked), settings.seed)
        begin = earlier.epochs * batches.epoch_steps if earlier else 0
        shown = Batches(counted, counted, settings.seed) if batches.full else batches
        history = earlier.history if earlier else History()
        part = history.next_part(shown, begin)
        steps = (1 if one_epoch else settings.epochs) * batches.epoch_steps
        if earlier and not one_epoch:
            settings = settings.model_copy(update={"epochs": earlier.epochs + settings.epochs})
        with precision(settings.precision):
            fitted = fit(
                parts,
                settings,
                rows,
                keep=part.keep,
                go_on=_go_on(earlier, begin, settings),
                steps=steps,
                trivially=trivially,
            )
        self._remember(fitted, settings, units, history.plus(part), earlier, one_epoch)

    def _remember(
        self,
        fitted: Fitted,
        settings: Settings,
        units: Units,
        history: History,
        earlier: Learned | None,
        one_epoch: bool,
    ) -> None:
        figures, epochs = fitted.figures, -(-fitted.steps // fitted.batches.epoch_steps)
        start = earlier.start if earlier else (figures.start, figures.start_gradient)
        self._learned = Learned(
            parts=fitted.ready.parts,
            precision=settings.precision,
            units=units,
            parameters=jax.tree.map(lambda a: np.asarray(a, np.float64), fitted.parameters),
            state=jax.tree.map(np.asarray, fitted.state),
            rate=fitted.ready.rate,
            epochs=epochs,
            history=history,
            start=start,
        )
        verdict = fitted.verdict
        if earlier:
            objective = history.objective
            verdict = judge(replace(figures, start=start[0], start_gradient=start[1], last_fall=last_fall(objective)))
        self.verdict_: Verdict = verdict
        self.n_iter_ = epochs
        # After one epoch of many a model is often worse than trivial, and no one need be warned of that.
        told = ("diverged", "interrupted") if one_epoch else ("diverged", "interrupted", "worse than trivial")
        if verdict.state in told:
            warnings.warn(str(verdict), ConvergenceWarning, stacklevel=5)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_learned")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags


def line(learned: Learned, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Weights [features] or [features, outputs] and bias of a model of one layer, in the user's own units."""
    model, units = learned.parts.model, learned.units
    if not isinstance(model, Linear):
        raise AttributeError(f"This {name} is a network: only a model of one layer has coef_ and intercept_.")
    weights = learned.parameters["weights"]
    bias = learned.parameters.get("bias", np.zeros(weights.shape[1:]))
    weights = (weights.T / units.scale).T
    bias = bias - units.mean @ weights
    if model.output == "identity":
        weights = weights * units.target_scale
        bias = bias * units.target_scale + units.target_mean
    return weights, bias


def _as_walked(table: Table, settings: Settings, one_epoch: bool) -> tuple[Table, Settings]:
    """The rows that training walks on: where every step sees every row, equal ones are merged."""
    if settings.batch in ("full", "auto"):
        few = merged(table)
        if settings.batch == "full" or len(few.target) <= SMALL:
            return few, settings.model_copy(update={"batch": "full"})
    elif one_epoch:
        settings = settings.model_copy(update={"batch": min(settings.batch, len(table.target))})
    return table, settings


def _units(table: Table, settings: Settings, centred_target: bool) -> Units:
    if not settings.standardize:
        return Units.own(table.features.shape[1])
    target = table.target if centred_target else None
    return Units.of(table.features, target, table.weight, centre=settings.bias)


def _go_on(earlier: Learned | None, begin: int, settings: Settings) -> GoOn | None:
    if earlier is None:
        return None
    rate = earlier.rate if settings.rate == "auto" else settings.rate
    return GoOn(jax.tree.map(jnp.asarray, earlier.state), begin, rate)


def _same_model(earlier: Learned, parts: Parts, settings: Settings) -> None:
    before = (earlier.parts.model, earlier.parts.rule, earlier.parts.averaged, earlier.precision)
    now = (parts.model, parts.rule, parts.averaged, settings.precision)
    changed = [str(b) + " to " + str(n) for b, n in zip(before, now, strict=True) if b != n]
    if changed:
        raise SettingsError(
            f"Training can't go on where it was: {changed[0]} is a change of what is trained.\n"
            "Fit with warm_start=False to start anew."
        )
