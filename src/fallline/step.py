"""READ FIRST. One update: predict -> loss -> gradient -> update.

Everything else in Fallline feeds this function, repeats it, or looks at what it did.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float

from fallline.gradient import add_penalty, chain_rule, forward
from fallline.types import Batch, Gradient, Parameters, Parts, Prediction, State, Update


class Step(NamedTuple):
    """What one update saw and did."""

    prediction: Prediction
    loss: Float[Array, ""]
    objective: Float[Array, ""]
    gradient: Gradient
    update: Update


def step(
    parts: Parts,
    state: State,
    batch: Batch,
    rate: Float[Array, ""],
    blend: Float[Array, ""],
    add_up: Callable[[Any], Any] = lambda own: own,
) -> tuple[State, Step]:
    """w_new = w_old - rate * direction, where the plain rule's direction is the gradient.

    `blend` is how much of the new weights goes into their running average (0 to 1). `add_up` adds loss and gradient
    up over the workers that share the batch, where there are any.
    """
    model, loss_of, penalty, rule = parts.model, parts.loss, parts.penalty, parts.rule
    weights = state.parameters

    prediction, back_through_model = forward(lambda w: model.predict(w, batch.features), weights)
    loss, back_through_loss = forward(lambda p: loss_of(p, batch), prediction)
    loss, gradient = add_up((loss, chain_rule(loss, back_through_loss, back_through_model)))
    gradient = add_penalty(penalty, weights, gradient)
    direction, memory = rule.chain().update(gradient, state.rule, weights, value=loss)

    update = jax.tree.map(lambda d: rate * d, direction)
    weights = jax.tree.map(lambda w, u: w - u, weights, update)
    objective = loss + penalty(state.parameters)
    return (
        State(weights, memory, _averaged(parts, state, weights, blend)),
        Step(prediction, loss, objective, gradient, update),
    )


def _averaged(parts: Parts, state: State, weights, blend):
    if not parts.averaged:
        return None
    return jax.tree.map(lambda a, w: a + blend * (w - a), state.average, weights)


def objective(parts: Parts, parameters: Parameters, batch: Batch) -> Float[Array, ""]:
    """Loss and penalty of a batch, without an update."""
    prediction = parts.model.predict(parameters, batch.features)
    return parts.loss(prediction, batch) + parts.penalty(parameters)
