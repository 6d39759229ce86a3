"""Every rule: its equation on numbers, and that it lowers a quadratic."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from fallline.descent import descend
from fallline.rules import NUMBERS, RATE_FREE, RULES, Rule, start

pytestmark = pytest.mark.usefixtures("float64")

CURVATURES = np.array([1.0, 3.0, 10.0])


def bowl(w):
    return jnp.sum(CURVATURES * (w - 2.0) ** 2) / 2


@pytest.mark.parametrize("name", RULES)
def test_a_rule_lowers_a_quadratic_a_hundredfold(name):
    rate = 1.0 if name in RATE_FREE else 0.05
    done = descend(bowl, jnp.zeros(3), rule=name, rate=rate, steps=2000, stop=None)
    assert float(bowl(done.parameters)) < 0.01 * float(bowl(jnp.zeros(3)))
    assert done.verdict.state in ("converged", "improving")


def directions(rule: Rule, gradients: list, weights: dict) -> list[dict]:
    """What the rule makes of one gradient after the other, at the same weights."""
    chain, memory = rule.chain(), start(rule, weights).rule
    out = []
    for gradient in gradients:
        direction, memory = chain.update(gradient, memory, weights, value=jnp.array(1.0))
        out.append(direction)
    return out


WEIGHTS = {"weights": np.array([1.0, -2.0]), "bias": np.array(0.5)}
FIRST = {"weights": np.array([0.3, -0.4]), "bias": np.array(1.2)}
SECOND = {"weights": np.array([-0.1, 0.7]), "bias": np.array(0.4)}


def followed(rule: Rule, equation) -> None:
    """The rule's two directions are those of `equation`, a function of both gradients and the weight."""
    found = directions(rule, [FIRST, SECOND], WEIGHTS)
    for name, weight in WEIGHTS.items():
        expected = equation(np.asarray(FIRST[name]), np.asarray(SECOND[name]), np.asarray(weight))
        for direction, values in zip(found, expected, strict=True):
            np.testing.assert_allclose(direction[name], values, rtol=1e-12)


def test_plain_takes_the_gradient_itself():
    followed(Rule(), lambda g, h, w: (g, h))


def test_momentum_adds_the_velocity():
    followed(Rule("momentum", (0.8,)), lambda g, h, w: (g, h + 0.8 * g))


def test_nesterov_looks_ahead_by_the_velocity():
    followed(Rule("nesterov", (0.8,)), lambda g, h, w: (g + 0.8 * g, h + 0.8 * (h + 0.8 * g)))


def test_adagrad_divides_by_the_root_of_all_squares_so_far():
    followed(
        Rule("adagrad"),
        lambda g, h, w: (g / np.sqrt(0.1 + g**2 + 1e-7), h / np.sqrt(0.1 + g**2 + h**2 + 1e-7)),
    )


def adam(g, h, w, b1=0.9, b2=0.999):
    first = g / (np.abs(g) + 1e-8)
    mean = (b1 * (1 - b1) * g + (1 - b1) * h) / (1 - b1**2)
    square = (b2 * (1 - b2) * g**2 + (1 - b2) * h**2) / (1 - b2**2)
    return first, mean / (np.sqrt(square) + 1e-8)


def test_adam_divides_the_running_mean_by_the_root_of_the_running_mean_of_squares():
    followed(Rule("adam"), adam)
    followed(Rule("adam", (0.5, 0.9)), lambda g, h, w: adam(g, h, w, 0.5, 0.9))


def test_adamw_adds_the_decay_of_weights_and_leaves_the_bias_alone():
    plain, decayed = (
        directions(rule, [FIRST], WEIGHTS)[0] for rule in (Rule("adam"), Rule("adamw", (0.9, 0.999, 0.1)))
    )
    np.testing.assert_allclose(decayed["weights"] - plain["weights"], 0.1 * WEIGHTS["weights"], rtol=1e-12)
    assert float(decayed["bias"]) == float(plain["bias"])


def test_lion_takes_the_sign_of_its_running_mean():
    followed(
        Rule("lion", (0.9, 0.5)),
        lambda g, h, w: (np.sign(g), np.sign(0.9 * 0.5 * g + 0.1 * h)),
    )


def test_rmsprop_divides_by_the_root_of_a_running_mean_of_squares():
    found = directions(Rule("rmsprop", (0.9,)), [FIRST], WEIGHTS)[0]["weights"]
    g = np.asarray(FIRST["weights"])
    np.testing.assert_allclose(found, g / np.sqrt(0.1 * g**2), rtol=1e-5)


@pytest.mark.parametrize("longest", [0.5, 10.0])
def test_clipping_shortens_a_longer_gradient_to_the_length_and_keeps_its_direction(longest):
    length = np.sqrt(0.3**2 + 0.4**2 + 1.2**2)
    found = directions(Rule(clip=longest), [FIRST], WEIGHTS)[0]
    for name, gradient in FIRST.items():
        np.testing.assert_allclose(found[name], gradient * min(1.0, longest / length), rtol=1e-12)


def test_a_clipped_update_is_no_longer_than_rate_times_the_clip_whatever_the_slope():
    done = descend(
        lambda w: jnp.sum(w**4), jnp.array([30.0, -20.0]), rule="plain", rate=0.1, clip=2.0, steps=50, stop=None
    )
    assert done.trace["update_norm"].max() == pytest.approx(0.2, rel=1e-12)
    assert done.trace["gradient_norm"][0] > 1000
    assert done.verdict.state != "diverged"


def test_only_a_plain_rule_without_a_clip_has_the_gradient_as_its_direction():
    assert Rule().is_plain
    assert not Rule(clip=1.0).is_plain
    assert not any(Rule(name).is_plain for name in RULES if name != "plain")


def test_the_rules_that_find_their_rate_are_the_seven_that_say_so():
    assert {name for name in RULES if Rule(name).finds_its_rate} == set(RATE_FREE)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_rule_takes_as_many_numbers_as_it_says(name):
    numbers = (0.5, 0.6, 0.1)[: NUMBERS[name]]
    assert directions(Rule(name, numbers), [FIRST], WEIGHTS)
    with pytest.raises(TypeError):
        Rule(name, (*numbers, 0.5)).chain()


def test_the_average_starts_where_the_weights_start():
    assert start(Rule(), WEIGHTS).average is None
    assert start(Rule(), WEIGHTS, averaged=True).average is WEIGHTS
