"""What is kept of every update."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.fit import Rows, fit
from fallline.losses import Penalty, Squared
from fallline.models import Linear, Network
from fallline.record import FEW, groups, keeps_parameters, named_arrays
from fallline.rules import Rule, start
from fallline.settings import check
from fallline.step import step
from fallline.types import Parts

pytestmark = pytest.mark.usefixtures("float64")

STEPS = 5


def flat(tree) -> np.ndarray:
    return np.asarray(jax.flatten_util.ravel_pytree(tree)[0])


def recorded(model, rule: Rule):
    """The record of five steps, and what each of the same five steps saw and left when taken one by one."""
    draw = np.random.default_rng(0)
    rows = Rows(draw.normal(size=(8, 3)), draw.normal(size=8), np.ones(8))
    parts = Parts(model, Squared(), Penalty(l2=0.1), rule)
    legs: list = []
    settings = check(rate=0.1, batch="full", steps=STEPS, stop=None, schedule="inverse", precision=64)
    fitted = fit(parts, settings, rows, keep=legs.append)
    one = jax.jit(step, static_argnums=0)
    state, taken = start(rule, fitted.start), []
    for i in range(STEPS):
        state, seen = one(parts, state, fitted.ready.whole, jnp.array(0.1 / (1 + i)), jnp.array(0.0))
        taken.append((state, seen))
    (leg,) = legs
    return leg.recorded, taken


@pytest.mark.parametrize(
    ("model", "rule"),
    [(Linear(3), Rule()), (Linear(3), Rule(clip=0.1)), (Network(3, (4, 2)), Rule("adam")), (Network(3, (30,)), Rule())],
    ids=["linear plain", "linear clipped", "few adam", "many plain"],
)
def test_the_record_holds_the_losses_and_the_norms_of_each_group_and_of_all(model, rule):
    kept, taken = recorded(model, rule)
    np.testing.assert_allclose(kept.loss, [seen.loss for _, seen in taken], rtol=1e-10)
    np.testing.assert_allclose(kept.objective, [seen.objective for _, seen in taken], rtol=1e-10)
    trees = {
        "gradient": [seen.gradient for _, seen in taken],
        "update": [seen.update for _, seen in taken],
        "weight": [state.parameters for state, _ in taken],
    }
    for kind, steps in trees.items():
        np.testing.assert_allclose(kept.norm(kind), [np.linalg.norm(flat(tree)) for tree in steps], rtol=1e-9)
        for name in kept.names:
            expected = [np.linalg.norm(flat(tree[name])) for tree in steps]
            np.testing.assert_allclose(kept.norm(kind, name), expected, rtol=1e-9, atol=1e-14)


def test_few_parameters_are_kept_at_every_step_and_many_at_none():
    kept, taken = recorded(Network(3, (4, 2)), Rule())
    np.testing.assert_allclose(kept.parameters, [flat(state.parameters) for state, _ in taken], rtol=1e-10)
    assert recorded(Network(3, (30,)), Rule())[0].parameters is None


def test_parameters_are_few_up_to_64():
    assert FEW == 64
    assert keeps_parameters({"weights": np.zeros(63), "bias": np.zeros(())})
    assert not keeps_parameters({"weights": np.zeros(64), "bias": np.zeros(())})


def test_groups_are_the_layers_of_a_network_and_one_for_a_bare_array():
    assert groups(Network(3, (4,)).init(jax.random.key(0))) == [("layer1", 16), ("layer2", 5)]
    assert groups(np.zeros((2, 3))) == [("parameters", 6)]


def test_arrays_are_named_by_where_they_sit():
    parameters = Network(3, (4,)).init(jax.random.key(0))
    assert list(named_arrays(parameters)) == ["layer1/bias", "layer1/weights", "layer2/bias", "layer2/weights"]
    assert list(named_arrays(np.zeros(3))) == ["parameters"]


def test_the_first_steps_can_be_taken():
    kept, _ = recorded(Linear(3), Rule())
    first = kept.first(2)
    assert len(first) == 2
    np.testing.assert_array_equal(first.loss, kept.loss[:2])
    np.testing.assert_array_equal(first.norm("update"), kept.norm("update")[:2])


@pytest.mark.parametrize("rule", [Rule(), Rule("adam")], ids=["plain", "adam"])
def test_a_record_that_let_its_parameters_go_still_has_every_norm(rule):
    kept, _ = recorded(Linear(3), rule)
    lean = kept.without_parameters()
    assert kept.parameters is not None
    assert lean.parameters is None
    for kind in ("gradient", "update", "weight"):
        for name in (None, *kept.names):
            np.testing.assert_allclose(lean.norm(kind, name), kept.norm(kind, name), rtol=1e-14)
