"""The chain rule through a network, for one row and one weight.

d row loss / d weight = what arrives at the weight's unit from the layers above
                        * slope of the unit's activation * the weight's input
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.losses import AbstractRowLoss
from fallline.measurement import Figures
from fallline.models import Network
from fallline.models.activations import ACTIVATIONS, OUTPUTS
from fallline.record import named_arrays
from fallline.types import Batch, Parameters, Parts


def layer_factors(parts: Parts, parameters: Parameters, batch: Batch, k: int, row: int) -> Figures | None:
    """The factors of one row's derivative by flat parameter k of a network, from the loss down to the weight.

    Returns: layer, unit and input (counted from 1; None for a bias) of the weight; above: layer, units and norm of the
    derivative by the scores of each layer above, the last first; arriving (d row loss / d what the unit puts out),
    activation and its slope, signal (the weight's input) and product (of the last three). None for other models.
    """
    model = parts.model
    if not (isinstance(model, Network) and isinstance(parts.loss, AbstractRowLoss)):
        return None
    layer, unit, place = _place(parameters, k)
    depth = int(layer.removeprefix("layer")) - 1
    norms, arriving, slope, given = (
        jax.tree.map(lambda a: np.asarray(a, np.float64), found)
        for found in _layered(parts, parameters, batch, row, depth)
    )
    signal = 1.0 if place is None else given[place]
    above = [
        {"layer": f"layer{number}", "units": units, "norm": float(norm)}
        for (number, units), norm in reversed(list(zip(_units(model, depth + 1), norms, strict=True)))
    ]
    last = depth == len(model.hidden)
    return {
        "layer": layer,
        "unit": unit + 1,
        "input": None if place is None else place + 1,
        "above": above,
        "arriving": float(arriving[unit]),
        "activation": _last_name(model) if last else model.activation,
        "slope": float(slope[unit]),
        "signal": float(signal),
        "product": float(arriving[unit] * slope[unit] * signal),
    }


@partial(jax.jit, static_argnames=("parts", "depth"))
def _layered(parts: Parts, parameters: Parameters, batch: Batch, row: int, depth: int) -> tuple[Any, ...]:
    """Of one row and the layer `depth`, counted from 0: the norms of d row loss / d scores of each layer above it, then
    [units] d row loss / d what each unit puts out and the slopes there, and [inputs] what the layer is given."""
    model: Any = parts.model
    loss: Any = parts.loss
    layers = [parameters[f"layer{number}"] for number in range(1, len(model.hidden) + 2)]
    target = jax.lax.dynamic_slice_in_dim(batch.target, row, 1)

    def put_out(at: int, scores: jax.Array) -> jax.Array:
        if at + 1 < len(layers):
            return ACTIVATIONS[model.activation](scores)
        return OUTPUTS[_last_name(model)](scores)

    def row_loss(output: jax.Array, at: int) -> jax.Array:
        """From what layer `at` puts out to the loss."""
        for above in range(at + 1, len(layers)):
            output = put_out(above, _scores(layers[above], output))
        if _last_name(model) != model.output:
            output = OUTPUTS[model.output](output)
        return loss.rows(output if model.outputs == 1 else output[None], target)[0]

    signal, given, scores = batch.features[row], [], []
    for at, layer in enumerate(layers):
        given.append(signal)
        scores.append(_scores(layer, signal))
        signal = put_out(at, scores[-1])
    norms = [
        jnp.linalg.norm(jax.grad(lambda s, at=at: row_loss(put_out(at, s), at))(scores[at]))
        for at in range(depth + 1, len(layers))
    ]
    output, slopes = jax.jvp(lambda s: put_out(depth, s), (scores[depth],), (jnp.ones_like(scores[depth]),))
    return norms, jax.grad(lambda signal: row_loss(signal, depth))(output), slopes, given[depth]


def _last_name(model: Network) -> str:
    """The last layer's output function where each output has a slope of its own; softmax is left to the loss."""
    return "identity" if model.output == "softmax" else model.output


def _scores(layer: Parameters, signal: jax.Array) -> jax.Array:
    scores = signal @ layer["weights"]
    return scores + layer["bias"] if "bias" in layer else scores


def _units(model: Network, first: int) -> list[tuple[int, int]]:
    """(number, units) of the layers from `first` on, counted from 0 there and from 1 in what is given."""
    return list(enumerate((*model.hidden, model.outputs), 1))[first:]


def _place(parameters: Parameters, k: int) -> tuple[str, int, int | None]:
    """Layer, unit and input, counted from 0, of flat parameter k."""
    for name, array in named_arrays(parameters).items():
        if k < array.size:
            *place, unit = np.unravel_index(k, array.shape)
            return name.partition("/")[0], int(unit), int(place[0]) if place else None
        k -= array.size
    raise IndexError(k)
