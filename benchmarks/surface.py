"""A loss surface of 100 x 100 points, against a loop in PyTorch.

A network 28-64-64-1, log loss over 10k rows, float32. Ours is the one compiled call of the instrument `surface`. The
loop is what people write: copy each point's parameters into the model, predict all rows without gradients, take the
loss. Both use all cores. Compilation (once, kept on disk) is not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax.flatten_util import ravel_pytree
from pair import FEATURES, Pair, table

from fallline.instruments.objectives import objectives_on
from fallline.settings import check, parts_of
from fallline.survey import Rows, as_batch

ROWS = 10_000
POINTS = 100  # along each side
HIDDEN = (64, 64)
AGREE = 1e-5  # relative, of float32 sums over the rows
EVERY = 101  # of the grid's points is looked at for that: all columns and rows come up


@cache
def start() -> tuple:
    """Parts, random parameters, all rows as a batch, two directions and the places of the grid."""
    X, y = table(ROWS)
    asked = check(model="mlp:" + ",".join(map(str, HIDDEN)), rate=0.01)
    parts = parts_of(asked, features=FEATURES, task="classes", classes=2)
    parameters = parts.model.init(jax.random.key(0))
    ways = np.random.default_rng(1).normal(size=(2, ravel_pytree(parameters)[0].size)).astype(np.float32)
    side = np.linspace(-0.1, 0.1, POINTS, dtype=np.float32)
    places = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return parts, parameters, as_batch(Rows(X, y, np.ones(ROWS, np.float32))), ways, places


def ours() -> Callable[[], np.ndarray]:
    parts, parameters, batch, ways, places = start()
    ways, places = jnp.asarray(ways), jnp.asarray(places)
    return lambda: np.asarray(objectives_on(parts, parameters, ways, places, batch))


def theirs(every: int = 1) -> Callable[[], np.ndarray]:
    """The same grid, or every so many of its points, in PyTorch."""
    X, y = (torch.from_numpy(a) for a in table(ROWS))
    layers: list[torch.nn.Module] = []
    for a, b in pairwise((FEATURES, *HIDDEN, 1)):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    loss_of = torch.nn.BCEWithLogitsLoss()
    _, parameters, _, ways, places = start()
    unravel = ravel_pytree(parameters)[1]
    origin, first, second = (
        [torch.tensor(np.asarray(a)) for a in _as_torch(p)] for p in (parameters, *map(unravel, ways))
    )

    def losses() -> np.ndarray:
        found = []
        with torch.no_grad():
            for x, z in places[::every].tolist():
                for own, o, a, b in zip(model.parameters(), origin, first, second, strict=True):
                    own.copy_(o + x * a + z * b)
                found.append(loss_of(model(X)[:, 0], y).item())
        return np.array(found)

    return losses


def _as_torch(parameters) -> list[np.ndarray]:
    """The arrays in PyTorch's order and layout: [outputs, inputs], then the bias, layer by layer."""
    layers = [parameters[f"layer{number}"] for number in range(1, len(HIDDEN) + 2)]
    return [a for layer in layers for a in (np.array(np.asarray(layer["weights"]).T), np.array(layer["bias"]))]


def pair() -> Pair:
    """Both sides, after a look at whether they agree."""
    mine, other = ours(), theirs()
    a, b = mine()[::EVERY], theirs(EVERY)()
    if not np.allclose(a, b, rtol=AGREE):
        raise AssertionError(f"The losses differ by up to {np.abs(a - b).max():.3g} of {b.max():.3g}.")
    return Pair(
        "", mine, other, "a PyTorch loop", 1 / 3, lambda ours, theirs: f"{1e6 * ours / POINTS**2:.0f} us a point"
    )


def pairs() -> dict[str, Callable[[], Pair]]:
    """As `benchmarks/pairs.py` wants them."""
    return {"surface 100 x 100, network 28-64-64-1, 10k rows": pair}
