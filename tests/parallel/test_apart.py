"""Workers that go apart and average: what one process walks side by side is what a crew walks, and is no worse."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from jax.sharding import Mesh
from parallel import works

from fallline.legs import HERE
from fallline.parallel.apart import apart_here, apart_in
from fallline.parallel.mesh import AXIS, Crew
from fallline.parallel.shard import place_of

NETWORK = {"model": "mlp:6", "batch": 16, "rate": 0.05, "epochs": 3, "stop": None, "rule": "adam"}
FULL = {"model": "linear", "loss": "absolute", "batch": "full", "rate": 0.05, "epochs": 20, "stop": None, "l2": 0.01}
ALONE = Crew(0, Mesh(np.array(jax.devices()[:1]), (AXIS,)))


def far(one: np.ndarray, other: np.ndarray) -> float:
    """How far two weights are apart, relative to their length."""
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_plain_rule_that_averages_each_step_is_the_plain_rule_on_all_rows(workers):
    settings = NETWORK | {"rule": "plain"}
    assert far(works.fitted(place=apart_here(workers, 1), **settings), works.fitted(**settings)) < 1e-5
    assert far(works.fitted(place=apart_here(workers, 1), **FULL), works.fitted(**FULL)) < 1e-5


def test_going_apart_makes_another_model_that_fits_nearly_as_well():
    together, apart = (works.ended(place=place, **NETWORK) for place in (HERE, apart_here(4, 8)))
    assert together[0] < apart[0] < 1.5 * together[0]
    assert far(apart[1], together[1]) > 1e-3


@pytest.mark.parametrize("settings", [NETWORK, FULL])
def test_a_crew_of_one_makes_the_steps_of_one_process(settings):
    assert far(works.fitted(place=place_of(ALONE), **settings), works.fitted(**settings)) < 1e-6
    assert far(works.fitted(place=apart_in(ALONE, 3), **settings), works.fitted(**settings)) < 1e-6
