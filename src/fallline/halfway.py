"""Where a training is between two legs: all that the rest of it depends on, as a value and as named arrays.

What is not here follows from the settings (rates, the order of the rows, legs) or stands in the trace (the path of the
objective, from which a plateau is told).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fallline.record import named_arrays
from fallline.types import Parameters, State


class Evaluation(NamedTuple):
    """A look at the held-out rows at the end of an epoch."""

    step: int
    epoch: float
    loss: float
    metric: float


class Halfway(NamedTuple):
    """A training between two legs."""

    step: int  # the last one made
    state: State  # after it
    good: tuple[int, Parameters]  # the last good weights, and their step
    best: tuple[int, Parameters] | None  # those best on held-out rows, when they decide what is kept
    evaluations: list[Evaluation]
    seconds: float  # that training took


def pack(at: Halfway) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a Halfway by their names, and the rest as plain JSON."""
    trees = {"state": at.state}
    if at.good[0] != at.step:
        trees["good"] = at.good[1]
    if at.best is not None:
        trees["best"] = at.best[1]
    arrays = {
        f"{kind}/{name}": np.asarray(leaf) for kind, tree in trees.items() for name, leaf in named_arrays(tree).items()
    }
    arrays["evaluations"] = np.array(at.evaluations, np.float64).reshape(-1, len(Evaluation._fields))
    told = {"step": at.step, "good": at.good[0], "best": at.best and at.best[0], "seconds": at.seconds}
    return arrays, told


def unpack(arrays: Mapping[str, np.ndarray], told: Mapping[str, Any], like: State) -> Halfway:
    """The Halfway that `pack` took apart.

    Args:
        like: the state before the first step, which says which arrays there are.

    Raises: KeyError, TypeError or ValueError for arrays that are not those of such a training.
    """
    step, good, best, seconds = told["step"], told["good"], told["best"], told["seconds"]
    wanted = {"state", "evaluations"} | ({"good"} if good != step else set()) | (set() if best is None else {"best"})
    if {name.partition("/")[0] for name in arrays} != wanted or not 0 <= good <= step or not seconds >= 0:
        raise ValueError("it is no checkpoint of such a training")
    state = _tree("state", like, arrays)
    looks = arrays["evaluations"]
    if looks.dtype != np.float64 or looks.shape != (len(looks), len(Evaluation._fields)):
        raise ValueError("its evaluations can't be read")
    return Halfway(
        step,
        state,
        (good, state.parameters if good == step else _tree("good", like.parameters, arrays)),
        None if best is None else (best, _tree("best", like.parameters, arrays)),
        [Evaluation(int(look[0]), *map(float, look[1:])) for look in looks],
        float(seconds),
    )


def _tree(kind: str, like: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Arrays as a pytree like another. Raises KeyError or ValueError where they are not."""
    found = []
    for name, leaf in named_arrays(like).items():
        array, wanted = arrays[f"{kind}/{name}"], jnp.asarray(leaf)
        if array.shape != wanted.shape or array.dtype != wanted.dtype:
            raise ValueError(f"'{kind}/{name}' is {array.dtype}{list(array.shape)}")
        found.append(jnp.asarray(array))
    return jax.tree.unflatten(jax.tree.structure(like), found)
