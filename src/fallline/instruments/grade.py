"""One judge for trials of whatever loss, scale and weights: the run's own loss of their predictions for held-out rows.

Predictions are brought to the units that the run trained in. Where the run's loss is not of probabilities, classes are
judged by the share of rows that are classified wrong.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fallline.data import decode
from fallline.losses import Hinge, LogLoss, Poisson, Probability, SoftmaxLoss
from fallline.survey import as_batch, grade, respond
from fallline.table import to_classes
from fallline.training import Training
from fallline.types import Parameters

LEAST = 1e-15  # a probability: its logarithm is taken of no less


class Grade(NamedTuple):
    """How trials are judged; call it with a trial's training and its parameters. Infinite where they are not finite."""

    training: Training  # the run's
    held: bool  # by validation rows; else by the training rows
    balanced: bool  # each class counts alike

    @classmethod
    def of(cls, training: Training, balanced: bool = False) -> Grade:
        """The judge of changes to a training."""
        table = training.table
        held = table is not None and len(table.split.validation) > 0
        return cls(training, held, balanced and table is not None and table.target.task == "classes")

    @property
    def words(self) -> str:
        """What the numbers are."""
        rows = "held-out" if self.held else "training"
        if self.training.table is not None and self.training.table.target.task == "classes":
            if not self._by_probability:
                return f"the share of {rows} rows classified wrong{', each class counting alike' * self.balanced},"
            return f"the {rows} log loss{', each class counting alike,' * self.balanced}"
        return f"the {rows} loss"

    @property
    def _by_probability(self) -> bool:
        return isinstance(self.training.parts.loss, LogLoss | SoftmaxLoss | Probability)

    def __call__(self, trial: Training, parameters: Parameters) -> float:
        if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(parameters)):
            return float("inf")
        if self.training.table is None:
            whole = self.training.ready.whole
            return _finite(float(grade(trial.parts, parameters, whole) - trial.parts.penalty(parameters)))
        rows = self._rows()
        dtype = np.float32 if trial.ready.settings.precision == 32 else np.float64
        batch = as_batch(trial.table.rows(rows, trial.parts.model.outputs, dtype))  # pyright: ignore
        response = np.asarray(respond(trial.parts, parameters, batch)[1], np.float64)
        each = self._classes(trial, response) if self._is_classes else self._numbers(trial, response)
        return _finite(float(np.average(each, weights=self._weights())))

    @property
    def _is_classes(self) -> bool:
        return self.training.table is not None and self.training.table.target.task == "classes"

    def _rows(self) -> np.ndarray:
        split = self.training.table.split  # pyright: ignore
        return split.validation if self.held else split.train

    def _weights(self) -> np.ndarray:
        table, rows = self.training.table, self._rows()
        weight = table.weight[rows]  # pyright: ignore
        if not self.balanced:
            return weight
        codes = table.codes[rows].astype(int)  # pyright: ignore
        return weight / np.bincount(codes, weights=weight)[codes]

    def _numbers(self, trial: Training, response: np.ndarray) -> np.ndarray:
        """The run's loss of each row."""
        table, loss = self.training.table, self.training.parts.loss
        own = decode(trial.table.target, response)  # pyright: ignore
        prediction = (own - table.target.mean) / table.target.scale  # pyright: ignore
        if isinstance(loss, Poisson):  # it reads the logarithm of the count
            prediction = np.log(np.maximum(prediction, LEAST))
        target = table.codes[self._rows()]  # pyright: ignore
        return np.asarray(loss.rows(jnp.asarray(prediction), jnp.asarray(target)), np.float64)  # pyright: ignore

    def _classes(self, trial: Training, response: np.ndarray) -> np.ndarray:
        codes = self.training.table.codes[self._rows()].astype(int)  # pyright: ignore
        said, probability = to_classes(response, not isinstance(trial.parts.loss, Hinge))
        if not self._by_probability or probability is None:
            return (said != codes).astype(float)
        return -np.log(np.maximum(probability[np.arange(len(codes)), codes], LEAST))


def _finite(value: float) -> float:
    return value if np.isfinite(value) else float("inf")
