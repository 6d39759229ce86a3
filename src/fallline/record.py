"""What is kept of every update, written inside the compiled loop: a `Row` of numbers a step.

The loss and the objective of the batch; the squared norm of the gradient, the update and the weights for each
parameter group; and the parameters themselves while they are few. Groups are the top level of the parameters: the
layers of a network, the weights and the bias of a linear model. Nothing is recorded that follows from the rest: the
plain rule's update is the gradient times the rate, and kept parameters have their norms in themselves.

How it is taken is a matter of speed. Gradient and weights are laid out flat and each group is a dot product of a
piece of that; a norm for each array cost up to 1.4 times the step on small networks. One buffer for each kind of
number is faster than one for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from fallline.step import Step
from fallline.types import Parameters, Parts, State

FEW = 64  # parameters: up to here they are kept at every step


class Row(NamedTuple):
    """The record of one step; stacked, that of many [steps, ...]. What follows from the rest is empty."""

    losses: Any  # [2] loss, objective
    gradient: Any  # [groups] squared norms
    update: Any  # [groups] empty for the plain rule
    weight: Any  # [groups] after the update; empty when the parameters are kept
    parameters: Any  # [parameters] after the update; empty when they are many


def groups(parameters: Parameters) -> list[tuple[str, int]]:
    """The name and the number of parameters of each group, in the order in which they lie flat.

    >>> groups({"bias": np.zeros(1), "weights": np.zeros(3)})
    [('bias', 1), ('weights', 3)]
    """
    found: dict[str, int] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(parameters):
        name = jax.tree_util.keystr(path[:1], simple=True) or "parameters"
        found[name] = found.get(name, 0) + int(np.size(leaf))
    return list(found.items())


def keeps_parameters(parameters: Parameters) -> bool:
    """True while the parameters are few enough to be kept at every step."""
    return sum(size for _, size in groups(parameters)) <= FEW


def laid_flat(tree: Parameters) -> Float[np.ndarray, "parameters"]:
    """The parameters laid out flat, by NumPy: array by array JAX takes as long as some steps do.

    >>> laid_flat({"bias": np.zeros(1), "weights": np.ones(3)}).tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


@jax.jit
def as_laid_out(like: Parameters, flat: Any) -> Parameters:
    """Flat parameters as the arrays of others."""
    return ravel_pytree(like)[1](jnp.asarray(flat))


def record(parts: Parts, state: State, seen: Step) -> Row:
    """The row of one update; `state` is the one after it."""
    none = jnp.zeros(0, seen.loss.dtype)
    few = keeps_parameters(state.parameters)
    return Row(
        jnp.stack([seen.loss, seen.objective]),
        _squares(seen.gradient),
        none if parts.rule.is_plain else _squares(seen.update),
        none if few else _squares(state.parameters),
        ravel_pytree(state.parameters)[0] if few else none,
    )


def _squares(tree: Parameters) -> Float[Array, "groups"]:
    """The sum of squares of each group."""
    flat = ravel_pytree(tree)[0]
    sizes = [size for _, size in groups(tree)]
    pieces = [flat[end - size : end] for size, end in zip(sizes, np.cumsum(sizes), strict=True)]
    return jnp.stack([piece @ piece for piece in pieces])


def blank(parts: Parts, state: State, steps: int, dtype: Any) -> Row:
    """Room for the rows of so many steps."""
    sizes = groups(state.parameters)
    few = keeps_parameters(state.parameters)
    widths = Row(
        2,
        len(sizes),
        0 if parts.rule.is_plain else len(sizes),
        0 if few else len(sizes),
        sum(size for _, size in sizes) if few else 0,
    )
    return Row(*(jnp.zeros((steps, width), dtype) for width in widths))


@dataclass(frozen=True)
class Recorded:
    """The rows of many updates, and what they say. `names` are those of the parameter groups, with their sizes."""

    rows: Row  # of NumPy arrays
    groups: tuple[tuple[str, int], ...]
    rate: Float[np.ndarray, "steps"]

    def __len__(self) -> int:
        return len(self.rows.losses)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.groups]

    @property
    def loss(self) -> Float[np.ndarray, "steps"]:
        return np.asarray(self.rows.losses[:, 0])

    @property
    def objective(self) -> Float[np.ndarray, "steps"]:
        return np.asarray(self.rows.losses[:, 1])

    @property
    def parameters(self) -> Float[np.ndarray, "steps parameters"] | None:
        """The flat parameters after each update, or None when they were too many to keep."""
        return np.asarray(self.rows.parameters) if self.rows.parameters.shape[1] else None

    def norm(self, kind: str, name: str | None = None) -> Float[np.ndarray, "steps"]:
        """The norm of the "gradient", the "update" or the "weight"s, of one group or of all together."""
        rate = 1.0
        squared = np.asarray(getattr(self.rows, kind))
        if squared.shape[1] == 0 and kind == "update":
            squared, rate = np.asarray(self.rows.gradient), self.rate
        elif squared.shape[1] == 0:
            starts = np.cumsum([0, *(size for _, size in self.groups[:-1])])
            squared = np.add.reduceat(np.square(self.rows.parameters, dtype=np.float64), starts, axis=1)
        if name is not None:
            return rate * np.sqrt(squared[:, self.names.index(name)])
        total = np.zeros(len(squared))
        for group in squared.T:  # 0.1 ms for 60,000 steps of three groups; row by row 0.8
            total += group
        return rate * np.sqrt(total)

    def first(self, steps: int) -> Recorded:
        """The rows of the first so many steps."""
        return replace(self, rows=Row(*(a[:steps] for a in self.rows)), rate=self.rate[:steps])

    def then(self, others: Sequence[Recorded]) -> Recorded:
        """These rows and those of others, which hold the same columns."""
        every = (self, *others)
        rows = Row(*(np.concatenate(pieces) for pieces in zip(*(each.rows for each in every), strict=True)))
        return replace(self, rows=rows, rate=np.concatenate([each.rate for each in every]))

    def without_parameters(self) -> Recorded:
        """The same, less the parameters, in memory of their own; the norms that follow from them are put in."""
        weight = self.rows.weight
        if weight.shape[1] == 0:
            weight = np.stack([self.norm("weight", name) ** 2 for name in self.names], axis=1).astype(self.loss.dtype)
        return replace(self, rows=self.rows._replace(weight=weight, parameters=self.rows.parameters[:, :0].copy()))


def named_arrays(parameters: Parameters) -> dict[str, jax.Array]:
    """Every array of the parameters by its name, such as layer1/weights, in the order in which they lie flat."""
    found = jax.tree_util.tree_leaves_with_path(parameters)
    return {jax.tree_util.keystr(path, simple=True, separator="/") or "parameters": leaf for path, leaf in found}
