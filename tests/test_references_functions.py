"""Twelve classical functions: descent finds their published minima."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from references import published

from fallline.descent import descend

pytestmark = pytest.mark.usefixtures("float64")

PUBLISHED = {each["name"]: each for each in published("test-functions/functions.json")}


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (x[0] - 1) ** 2


def beale(x):
    first, second, third = 1.5 - x[0] + x[0] * x[1], 2.25 - x[0] + x[0] * x[1] ** 2, 2.625 - x[0] + x[0] * x[1] ** 3
    return first**2 + second**2 + third**2


def booth(x):
    return (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2


def himmelblau(x):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def branin(x):
    valley = x[1] - 5.1 / (4 * jnp.pi**2) * x[0] ** 2 + 5 / jnp.pi * x[0] - 6
    return valley**2 + 10 * (1 - 1 / (8 * jnp.pi)) * jnp.cos(x[0]) + 10


def matyas(x):
    return 0.26 * (x[0] ** 2 + x[1] ** 2) - 0.48 * x[0] * x[1]


def goldsteinprice(x):
    a, b = x
    first = 19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2
    second = 18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2
    return (1 + (a + b + 1) ** 2 * first) * (30 + (2 * a - 3 * b) ** 2 * second)


def mccormick(x):
    return jnp.sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1


def threehumpcamel(x):
    return 2 * x[0] ** 2 - 1.05 * x[0] ** 4 + x[0] ** 6 / 6 + x[0] * x[1] + x[1] ** 2


def sixhumpcamelback(x):
    return (4 - 2.1 * x[0] ** 2 + x[0] ** 4 / 3) * x[0] ** 2 + x[0] * x[1] + (4 * x[1] ** 2 - 4) * x[1] ** 2


def powell(x):
    squares = (x[0] + 10 * x[1]) ** 2 + 5 * (x[2] - x[3]) ** 2
    return squares + (x[1] - 2 * x[2]) ** 4 + 10 * (x[0] - x[3]) ** 4


def wood(x):
    left = 100 * (x[0] ** 2 - x[1]) ** 2 + (x[0] - 1) ** 2
    right = (x[2] - 1) ** 2 + 90 * (x[2] ** 2 - x[3]) ** 2
    return left + right + 10.1 * ((x[1] - 1) ** 2 + (x[3] - 1) ** 2) + 19.8 * (x[1] - 1) * (x[3] - 1)


# Function, start (the customary one, or a corner of the valley), rule, rate, and the largest error of a coordinate.
# Published places have 8 decimals where they are not whole. Powell's Hessian is singular at its minimum, so that
# first-order descent comes in slower than any power of a factor.
DESCENTS = [
    (rosenbrock, [-1.2, 1.0], "nesterov:0.9", 0.001, 1e-12),
    (rosenbrock, [-1.2, 1.0], "momentum:0.99", "auto", 1e-12),
    (beale, [1.0, 1.0], "nesterov:0.9", "auto", 1e-12),
    (booth, [0.0, 0.0], "plain", "auto", 1e-12),
    (himmelblau, [1.0, 1.0], "plain", "auto", 1e-12),
    (branin, [-2.0, 10.0], "plain", "auto", 1e-8),
    (matyas, [5.0, -3.0], "plain", "auto", 1e-12),
    (goldsteinprice, [0.1, -0.8], "plain", "auto", 1e-12),
    (mccormick, [0.0, 0.0], "plain", "auto", 1e-8),
    (threehumpcamel, [0.5, -1.0], "plain", "auto", 1e-12),
    (sixhumpcamelback, [0.5, -1.0], "plain", "auto", 1e-8),
    (powell, [3.0, -1.0, 0.0, 1.0], "momentum:0.99", 0.001, 1e-2),
    (wood, [-3.0, -1.0, -3.0, -1.0], "momentum:0.99", 0.0001, 1e-12),
]


@pytest.mark.parametrize(
    ("function", "start", "rule", "rate", "tolerance"), DESCENTS, ids=[f"{d[0].__name__} {d[2]}" for d in DESCENTS]
)
def test_descent_finds_the_published_minimum(function, start, rule, rate, tolerance):
    expected = PUBLISHED[function.__name__]
    done = descend(function, jnp.array(start), rule=rule, rate=rate, steps=30_000, stop=None)
    np.testing.assert_allclose(done.parameters, expected["minimum_at"], rtol=0, atol=tolerance)
    assert float(function(done.parameters)) == pytest.approx(expected["minimum"], abs=1e-8)
    assert done.verdict.state == "converged"


@pytest.mark.parametrize("function", dict.fromkeys(d[0] for d in DESCENTS), ids=lambda f: f.__name__)
def test_the_formulas_here_have_the_published_minimum_at_the_published_place(function):
    expected = PUBLISHED[function.__name__]
    assert float(function(jnp.array(expected["minimum_at"]))) == pytest.approx(expected["minimum"], abs=1e-12)


def test_every_published_function_is_descended():
    assert {d[0].__name__ for d in DESCENTS} == set(PUBLISHED)


def test_the_loss_of_the_trace_is_the_functions_value_before_each_step():
    done = descend(booth, jnp.zeros(2), rate=0.05, steps=30, stop=None)
    values = [float(booth(done.weights(step))) for step in range(30)]
    np.testing.assert_allclose(done.trace["loss"], values, rtol=1e-13)
