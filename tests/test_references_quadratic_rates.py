"""The published convergence rates of descent and momentum on quadratics, observed."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from references import published

from fallline.descent import descend

pytestmark = pytest.mark.usefixtures("float64")

CASES = published("quadratic-rates/expected.json")["cases"]
IDS = [f"condition {case['condition_number']:g}" for case in CASES]


def bowl(case: dict):
    eigenvalues = np.array(case["eigenvalues"], float)
    return lambda w: jnp.sum(eigenvalues * w**2) / 2


def lengths(case: dict, steps: int, **how) -> np.ndarray:
    """The distance to the minimum after each step, from a start of ones."""
    done = descend(bowl(case), jnp.ones(len(case["eigenvalues"])), steps=steps, stop=None, **how)
    return np.linalg.norm(np.stack(done.trace["parameters"].to_list()), axis=1)


@pytest.mark.parametrize("case", CASES[1:], ids=IDS[1:])
def test_plain_descent_at_the_best_rate_shrinks_by_the_published_factor_at_each_step(case):
    distance = lengths(case, 200, rate=case["gd"]["step"])
    observed = distance[-1] / distance[-2]
    # A third eigenvalue between the two dies out; after 200 steps it is below every digit.
    assert observed == pytest.approx(case["gd"]["rate"], rel=1e-13)


def test_plain_descent_on_a_round_bowl_arrives_in_one_step():
    assert lengths(CASES[0], 1, rate=CASES[0]["gd"]["step"])[0] == 0


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_plain_descent_grows_just_above_the_published_limit_and_shrinks_just_below_it(case):
    limit = case["gd"]["diverges_from_step"]
    above, below = (lengths(case, 400, rate=limit * factor) for factor in (1.01, 0.99))
    assert above[-1] > above[-2] > 1
    assert below[-1] < below[-2]


@pytest.mark.parametrize("case", CASES[1:], ids=IDS[1:])
def test_momentum_at_the_best_numbers_shrinks_at_the_published_rate(case):
    """Within 0.5%: the best numbers give a repeated root, c * n * rate^n, so that the observed rate comes in slowly."""
    steps = 600
    momentum = case["momentum"]
    distance = lengths(case, steps, rule=f"momentum:{momentum['beta']!r}", rate=momentum["step"])
    seen = np.flatnonzero(distance > 1e-280)[-1]
    observed = (distance[seen] / distance[seen // 2]) ** (1 / (seen - seen // 2))
    assert observed == pytest.approx(momentum["rate"], rel=5e-3)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_momentum_diverges_above_two_plus_two_beta_over_the_largest_eigenvalue(case):
    beta = 0.5
    limit = (2 + 2 * beta) / max(case["eigenvalues"])
    above, below = (lengths(case, 400, rule=f"momentum:{beta}", rate=limit * factor) for factor in (1.02, 0.98))
    assert above[-1] > 10
    assert below[-1] < 1
