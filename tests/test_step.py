"""One update, by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.losses import Penalty, Squared
from fallline.models import Linear
from fallline.rules import Rule, start
from fallline.step import objective, step
from fallline.types import Batch, Parts, is_bias, penalised

pytestmark = pytest.mark.usefixtures("float64")

# Two rows, one feature: predictions 2 * 1 + 1 = 3 and 2 * 3 + 1 = 7, errors 1 and -1.
FEATURES, TARGET, SHARE = np.array([[1.0], [3.0]]), np.array([2.0, 8.0]), np.array([0.5, 0.5])
PARAMETERS = {"weights": np.array([2.0]), "bias": np.array(1.0)}


def one(penalty: Penalty, rule: Rule, rate: float = 0.1, averaged: bool = False, blend: float = 0.0):
    parts = Parts(Linear(1), Squared(), penalty, rule, averaged)
    state = start(rule, jax.tree.map(jnp.asarray, PARAMETERS), averaged)
    batch = Batch(*map(jnp.asarray, (FEATURES, TARGET, SHARE)))
    return parts, batch, *step(parts, state, batch, jnp.array(rate), jnp.array(blend))


def test_one_step_is_what_a_pencil_says():
    _, _, state, seen = one(Penalty(), Rule())
    np.testing.assert_allclose(seen.prediction, [3, 7])
    assert float(seen.loss) == 0.5
    assert float(seen.objective) == 0.5
    np.testing.assert_allclose(seen.gradient["weights"], [0.5 * 1 * 1 + 0.5 * -1 * 3])
    assert float(seen.gradient["bias"]) == 0.0
    np.testing.assert_allclose(seen.update["weights"], [-0.1])
    np.testing.assert_allclose(state.parameters["weights"], [2.1])
    assert float(state.parameters["bias"]) == 1.0


def test_a_penalty_is_part_of_the_objective_and_of_the_gradient_but_not_of_the_loss():
    parts, batch, _, seen = one(Penalty(l2=0.5), Rule())
    assert float(seen.loss) == 0.5
    assert float(seen.objective) == 0.5 + 0.5 / 2 * 4
    np.testing.assert_allclose(seen.gradient["weights"], [-1 + 0.5 * 2])
    assert float(objective(parts, jax.tree.map(jnp.asarray, PARAMETERS), batch)) == float(seen.objective)


def test_the_update_is_the_rate_times_the_direction():
    _, _, _, seen = one(Penalty(), Rule("nesterov", (0.5,)), rate=0.2)
    np.testing.assert_allclose(seen.update["weights"], [0.2 * -1.5])


@pytest.mark.parametrize(("blend", "expected"), [(0.0, 2.0), (1.0, 2.1), (0.25, 2.025)])
def test_the_average_moves_to_the_new_weights_by_the_blend(blend, expected):
    _, _, state, _ = one(Penalty(), Rule(), averaged=True, blend=blend)
    np.testing.assert_allclose(state.average["weights"], [expected], rtol=1e-14)


def test_without_averaging_no_average_is_kept():
    assert one(Penalty(), Rule())[2].average is None


def test_a_bias_is_known_by_its_name_wherever_it_sits():
    tree = {"bias": 1.0, "layer1": {"bias": 2.0, "weights": 3.0}, "biased": 4.0}
    biases = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree) if is_bias(path)]
    assert biases == [1.0, 2.0]
    assert penalised(tree) == [4.0, 3.0]
    assert penalised(jnp.array(5.0)) == [5.0]
