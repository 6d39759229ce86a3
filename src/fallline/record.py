"""What is kept of every update: a row of numbers, written inside the compiled loop.

A row is [loss, objective, |gradient|², |update|², |weights|² for each parameter group, and the parameters
themselves while they are few]. Parameter groups are the top level of the parameters: the layers of a network,
the weights and the bias of a linear model. Roots and sums over groups are taken later, outside the loop.

The parameters and the gradient are laid out flat once and each group is one dot product of a piece of that:
a norm for each array cost up to 1.4 times the step on small networks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from fallline.step import Step
from fallline.types import Parameters, Parts, State

FEW = 64  # parameters: up to here they are kept at every step


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


def record(parts: Parts, state: State, seen: Step, rate: Float[Array, ""]) -> Float[Array, "width"]:
    """The row of one update; `state` is the one after it."""
    gradient = _squares(seen.gradient)
    # The plain rule's update is the gradient times the rate, and so is its norm.
    update = [rate**2 * g for g in gradient] if parts.rule.is_plain else _squares(seen.update)
    row = jnp.stack([seen.loss, seen.objective, *gradient, *update, *_squares(state.parameters)])
    return jnp.concatenate([row, ravel_pytree(state.parameters)[0]]) if keeps_parameters(state.parameters) else row


def _squares(tree: Parameters) -> list[Array]:
    """The sum of squares of each group: laid out flat once, then a dot product of a piece for each."""
    flat = ravel_pytree(tree)[0]
    sizes = [size for _, size in groups(tree)]
    pieces = [flat[end - size : end] for size, end in zip(sizes, np.cumsum(sizes), strict=True)]
    return [piece @ piece for piece in pieces]


def width(parameters: Parameters) -> int:
    """How many numbers a row of the record has."""
    kept = sum(size for _, size in groups(parameters)) if keeps_parameters(parameters) else 0
    return 2 + 3 * len(groups(parameters)) + kept


@dataclass(frozen=True)
class Recorded:
    """The rows of many updates, and what they say. `names` are those of the parameter groups."""

    rows: np.ndarray  # [steps, width]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def loss(self) -> np.ndarray:
        return self.rows[:, 0]

    @property
    def objective(self) -> np.ndarray:
        return self.rows[:, 1]

    @property
    def parameters(self) -> np.ndarray | None:
        """[steps, parameters] after each update, or None when they were too many to keep."""
        kept = self.rows[:, 2 + 3 * len(self.names) :]
        return kept if kept.shape[1] else None

    def norm(self, kind: str, name: str | None = None) -> np.ndarray:
        """The norm of the "gradient", the "update" or the "weight"s, of one group or of all together."""
        first = 2 + ("gradient", "update", "weight").index(kind) * len(self.names)
        squared = self.rows[:, first : first + len(self.names)]
        if name is not None:
            return np.sqrt(squared[:, self.names.index(name)])
        return np.sqrt(squared.sum(axis=1, dtype=np.float64))

    def first(self, steps: int) -> Recorded:
        """The rows of the first so many steps."""
        return replace(self, rows=self.rows[:steps])

    def without_parameters(self) -> Recorded:
        """The same rows, less the parameters, in memory of their own."""
        return replace(self, rows=self.rows[:, : 2 + 3 * len(self.names)].copy())


def named_arrays(parameters: Parameters) -> dict[str, jax.Array]:
    """Every array of the parameters by its name, such as layer1/weights, in the order in which they lie flat."""
    found = jax.tree_util.tree_leaves_with_path(parameters)
    return {jax.tree_util.keystr(path, simple=True, separator="/") or "parameters": leaf for path, leaf in found}
