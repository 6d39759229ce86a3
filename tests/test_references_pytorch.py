"""PyTorch's own parameter paths (1,001 steps of 17 optimisers on a small network), followed step by step.

Followed by name: plain, momentum, nesterov, adam and adamw. Their weight decay that is no AdamW is l2 / 2 * sum w^2,
biases included, which stands in the loss here because Fallline's penalty leaves biases out.

Followed by a chain of Optax's parts, because the named rule has other numbers:
- RMSprop: PyTorch adds 1e-8 after the root, `rmsprop` under it.
- Adagrad: PyTorch's sum of squares starts at 0, that of `adagrad` at 0.1.

Not followed: the two AMSGrad cases. PyTorch keeps the largest running mean of squares and then corrects it for its
start, Optax corrects first; from the second step on those are other numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from references import published

from fallline.descent import descend
from fallline.fit import Rows, fit
from fallline.losses import AsTheyAre, OwnLoss, Penalty
from fallline.settings import check
from fallline.types import Parts

pytestmark = pytest.mark.usefixtures("float64")

PUBLISHED = published("pytorch-optimisers/expected.json")
CASES = PUBLISHED["cases"]
INPUTS = np.array(PUBLISHED["inputs"])
SHAPES = {"w1": (3, 2), "b1": (3,), "w2": (1, 3), "b2": (1,)}


def loss_with_decay(l2: float):
    """The sum of the network's outputs over all rows, plus l2 / 2 * sum w^2 over all parameters."""

    def loss(p, inputs):
        hidden = jax.nn.sigmoid(inputs @ p["w1"].T + p["b1"])
        outputs = jax.nn.sigmoid(hidden @ p["w2"].T + p["b2"])
        return jnp.sum(outputs) + l2 / 2 * sum(jnp.sum(w**2) for w in jax.tree.leaves(p))

    return loss


def as_parameters(flat_arrays: list) -> dict:
    return {name: jnp.reshape(jnp.array(flat), SHAPES[name]) for name, flat in zip(SHAPES, flat_arrays, strict=True)}


def assert_followed(weights, case: dict, tolerance: float) -> None:
    """`weights(step)` are the published parameters at each of the published steps."""
    for step, parameters in zip(case["samples_after_step"], case["parameters"], strict=True):
        for name, expected in as_parameters(parameters).items():
            np.testing.assert_allclose(weights(step)[name], expected, rtol=0, atol=tolerance, err_msg=f"step {step}")


BY_NAME = {
    "SGD": "plain",
    "SGD_with_weight_decay": "plain",
    "SGD_with_weight_decay_and_momentum": "momentum:0.9",
    "SGD_with_weight_decay_and_nesterov_momentum": "nesterov:0.9",
    "Adam": "adam:0.9,0.999",
    "Adam_with_weight_decay": "adam",
    "AdamW": "adamw:0.9,0.999,0.01",
    "AdamW_without_weight_decay": "adamw:0.9,0.999,0",
}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_named_rule_follows_pytorchs_published_path(name):
    options = CASES[name]["options"]
    done = descend(
        loss_with_decay(options.get("l2", 0.0)),
        as_parameters(PUBLISHED["init_exact"]),
        INPUTS,
        rule=BY_NAME[name],
        rate=options["lr"],
        steps=1001,
        stop=None,
    )
    assert len(done.trace) == 1001
    assert_followed(done.weights, CASES[name], tolerance=5e-13)


@dataclass(frozen=True)
class Chain:
    """A rule that is none of Fallline's names: any of Optax's chains will do for the loop."""

    name: str

    def chain(self) -> optax.GradientTransformationExtraArgs:
        chains = {
            "RMSprop": optax.scale_by_rms(decay=0.99, eps=1e-8, eps_in_sqrt=False),
            "centred": optax.scale_by_stddev(decay=0.99, eps=1e-8, eps_in_sqrt=False),
            "centred momentum": optax.chain(
                optax.scale_by_stddev(decay=0.99, eps=1e-8, eps_in_sqrt=False), optax.trace(0.9)
            ),
            # PyTorch adds 1e-10 after the root, which Optax cannot: 4e-8 of the first update of a flat weight.
            "Adagrad": optax.scale_by_rss(initial_accumulator_value=0.0, eps=0.0),
        }
        return optax.with_extra_args_support(chains[self.name])

    @property
    def is_plain(self) -> bool:
        return False


BY_CHAIN = {
    "RMSprop": ("RMSprop", "constant", 1e-11),
    "RMSprop_with_weight_decay": ("RMSprop", "constant", 1e-11),
    "RMSprop_with_weight_decay_and_centered": ("centred", "constant", 1e-11),
    "RMSprop_with_weight_decay_and_centered_and_momentum": ("centred momentum", "constant", 1e-11),
    "Adagrad": ("Adagrad", "constant", 1e-7),
    "Adagrad_with_weight_decay": ("Adagrad", "constant", 1e-7),
    "Adagrad_with_weight_decay_and_lr_decay": ("Adagrad", "inverse:0.001", 1e-7),
}


@pytest.mark.parametrize("name", BY_CHAIN)
def test_a_chain_of_optax_parts_follows_pytorchs_published_path(name):
    chain, schedule, tolerance = BY_CHAIN[name]
    options = CASES[name]["options"]
    loss = OwnLoss(loss_with_decay(options.get("l2", 0.0)))
    settings = check(rate=options["lr"], schedule=schedule, batch="full", steps=1001, stop=None, precision=64)
    start = as_parameters(PUBLISHED["init_exact"])
    unravel = jax.flatten_util.ravel_pytree(start)[1]
    legs = []
    parts = Parts(AsTheyAre(), loss, Penalty(), Chain(chain))
    fit(parts, settings, Rows(INPUTS, None, np.ones(3)), parameters=start, keep=legs.append)
    path = np.concatenate([leg.recorded.parameters for leg in legs])
    assert_followed(lambda step: unravel(jnp.asarray(path[step - 1])), CASES[name], tolerance)


def test_every_published_case_but_the_two_of_amsgrad_is_followed():
    assert set(CASES) - set(BY_NAME) - set(BY_CHAIN) == {"Adam_with_weight_decay_and_amsgrad", "AdamW_with_amsgrad"}
