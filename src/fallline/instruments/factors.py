"""The chain rule of one weight, factor by factor: row by row, and for one row layer by layer.

    d loss / d weight = sum over rows of  share * d row loss / d prediction * d prediction / d weight

In a network the last factor is itself a product: see `by_layer.py`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from fallline.instruments.by_layer import layer_factors
from fallline.losses import AbstractRowLoss
from fallline.measurement import Figures
from fallline.types import Batch, Parameters, Parts

ROWS = 8  # that are spelled out


def factors(
    parts: Parts, parameters: Parameters, batch: Batch, k: int, name: str, places: np.ndarray, rows: list[int]
) -> Figures:
    """The chain rule of flat parameter k, called name, over the rows, and layer by layer for the first of them.

    Args:
        places: in the batch, of the rows that are listed; the first ROWS of them are spelled out.
        rows: their numbers.

    Returns: chain (weight, rows, others: what the rest adds, loss, penalty, derivative) and layers
    (as `layer_factors`, with weight, row, share and by_prediction); None each where there is no such thing.
    """
    found = chain_factors(parts, parameters, batch, k)
    if found is None:
        return {"chain": None, "layers": None}
    shown = places[:ROWS].tolist()
    loss = float(found["part"].sum())
    chain = {
        "weight": name,
        "rows": [
            {
                "row": row,
                "share": float(found["share"][i]),
                "by_prediction": found["by_prediction"][i].tolist(),
                "by_weight": found["by_weight"][i].tolist(),
                "part": float(found["part"][i]),
            }
            for i, row in zip(shown, rows, strict=False)
        ],
        "others": loss - float(found["part"][shown].sum()),
        "loss": loss,
        "penalty": float(found["penalty"]),
        "derivative": loss + float(found["penalty"]),
    }
    layers = layer_factors(parts, parameters, batch, k, shown[0])
    if layers is not None:
        layers |= {"weight": name, "row": rows[0], "share": float(found["share"][shown[0]])}
        layers |= {"by_prediction": found["by_prediction"][shown[0]].tolist()}
    return {"chain": chain, "layers": layers}


def chain_factors(parts: Parts, parameters: Parameters, batch: Batch, k: int) -> dict[str, np.ndarray] | None:
    """The factors of the derivative by flat parameter k, each [rows] or [rows, outputs]; None without row losses.

    Returns: share, by_prediction (d row loss / d prediction), by_weight (d prediction / d weight), part (their product,
    summed over outputs: what the row adds to the derivative of the loss) and penalty [] (what the penalty adds).
    """
    loss = parts.loss
    if not isinstance(loss, AbstractRowLoss):
        return None
    found = {"share": batch.share} | _chain(parts, parameters, batch, k)
    return {name: np.asarray(a, np.float64) for name, a in found.items()}


@partial(jax.jit, static_argnames="parts")
def _chain(parts: Parts, parameters: Parameters, batch: Batch, k: int) -> dict[str, jax.Array]:
    loss: Any = parts.loss
    flat, unravel = ravel_pytree(parameters)
    along = unravel(jnp.zeros_like(flat).at[k].set(1))
    prediction, by_weight = jax.jvp(lambda p: parts.model.predict(p, batch.features), (parameters,), (along,))
    by_prediction = jax.grad(lambda p: jnp.sum(loss.rows(p, batch.target)))(prediction)
    product = by_prediction * by_weight
    part = batch.share * (product if product.ndim == 1 else product.sum(axis=1))
    penalty = ravel_pytree(jax.grad(parts.penalty)(parameters))[0][k]
    return {"by_prediction": by_prediction, "by_weight": by_weight, "part": part, "penalty": penalty}
