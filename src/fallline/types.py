"""The words of the loop, as types. Read `step.py` next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import jax
import optax
from jaxtyping import Array, Float, PyTree

Parameters = PyTree  # of arrays: what is learned. One of its arrays is called weights.
Prediction = Array  # [rows] or [rows, classes]
Gradient = PyTree  # shaped as the parameters: all partial derivatives of the objective
Update = PyTree  # shaped as the parameters: w_new = w_old - update


class Batch(NamedTuple):
    """Rows that are predicted and graded together."""

    features: Any  # [rows, features]; for a loss of one's own any pytree of arrays, rows first
    target: Any  # [rows] or [rows, classes]; None for a loss of one's own
    share: Any  # [rows]: what each row counts in the mean, row weight / number of rows; 0 for padding


class State(NamedTuple):
    """All that the next step needs to know."""

    parameters: Parameters
    rule: PyTree  # what the rule remembers: nothing, a velocity, Adam's two moments
    average: Parameters | None  # the running average of the weights, when one is asked for


class AbstractModel(Protocol):
    """1 PREDICT."""

    def init(self, key: jax.Array) -> Parameters: ...
    def predict(self, parameters: Parameters, features: Any) -> Any: ...


class AbstractLoss(Protocol):
    """2 LOSS. The weighted mean of the row losses of a batch."""

    def __call__(self, prediction: Any, batch: Batch) -> Float[Array, ""]: ...


class AbstractPenalty(Protocol):
    """2 LOSS, second part: objective = loss + penalty."""

    def __call__(self, parameters: Parameters) -> Float[Array, ""]: ...


class AbstractRule(Protocol):
    """4 UPDATE. How a gradient becomes a direction; the update is rate * direction."""

    def chain(self) -> optax.GradientTransformationExtraArgs: ...
    @property
    def is_plain(self) -> bool: ...


Model = TypeVar("Model", bound=AbstractModel)
Loss = TypeVar("Loss", bound=AbstractLoss)


@dataclass(frozen=True)
class Parts(Generic[Model, Loss]):
    """What the four words of the loop mean in one training.

    Every part is a frozen value, so that equal parts share what was compiled for them.
    """

    model: Model
    loss: Loss
    penalty: AbstractPenalty
    rule: AbstractRule
    averaged: bool = False


def is_bias(path: tuple) -> bool:
    """True for the parameters that are called bias; `path` is where a leaf sits in the parameters."""
    return bool(path) and jax.tree_util.keystr(path[-1:], simple=True) == "bias"


def penalised(parameters: Parameters) -> list[Array]:
    """The arrays that penalties and weight decay count: all but the biases."""
    return [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(parameters) if not is_bias(path)]
