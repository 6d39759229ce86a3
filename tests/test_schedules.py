"""The shape of every schedule: where it starts, its middle, and where it ends."""

from __future__ import annotations

import numpy as np
import pytest

from fallline.engine import precision
from fallline.schedules import DEFAULTS, Schedule

pytestmark = pytest.mark.usefixtures("float64")

HORIZON, EPOCH = 100, 10


def at(schedule: Schedule, *steps: int) -> np.ndarray:
    return schedule.multiples(np.array(steps), HORIZON, EPOCH)


# Schedule: multiples of the rate at steps 0, 50 and 99 of 100, ten steps an epoch.
SHAPES = {
    Schedule("constant"): (1, 1, 1),
    Schedule("step", (0.5, 2.0)): (1, 0.5**2, 0.5**4),
    Schedule("step", (0.1, 9.95)): (1, 1, 1),
    Schedule("inverse"): (1, 1 / 6, 1 / 10.9),
    Schedule("inverse", (0.5,)): (1, 1 / 3.5, 1 / 5.95),
    Schedule("exponential"): (1, 0.95**5, 0.95**9.9),
    Schedule("exponential", (0.5,)): (1, 0.5**5, 0.5**9.9),
    Schedule("linear"): (1, 0.5, 0.01),
    Schedule("linear", (0.1,)): (1, 0.55, 0.109),
    Schedule("cosine"): (1, 0.5, (1 + np.cos(np.pi * 0.99)) / 2),
    Schedule("warmup"): (0.1, 1, 1),
    Schedule("warmup", (8.0,)): (1 / 80, 51 / 80, 1),
}


@pytest.mark.parametrize("schedule", SHAPES, ids=str)
def test_a_schedule_is_what_its_equation_says_at_the_start_in_the_middle_and_at_the_end(schedule):
    np.testing.assert_allclose(at(schedule, 0, 50, 99), SHAPES[schedule], rtol=1e-6)


def test_one_cycle_rises_from_a_25th_to_1_at_three_tenths_and_falls_to_almost_nothing():
    multiples = at(Schedule("onecycle"), *range(HORIZON))
    assert multiples[0] == pytest.approx(1 / 25)
    assert int(multiples.argmax()) == 30
    assert multiples[30] == pytest.approx(1)
    assert (np.diff(multiples[:30]) > 0).all()
    assert (np.diff(multiples[30:]) < 0).all()
    assert multiples[-1] < 0.01


def test_warmup_reaches_the_whole_rate_at_the_last_step_of_its_epochs():
    multiples = at(Schedule("warmup", (1.0,)), *range(12))
    np.testing.assert_allclose(multiples, [*(np.arange(1, 11) / 10), 1, 1], rtol=1e-6)


def test_a_warmup_within_one_step_is_constant():
    np.testing.assert_array_equal(Schedule("warmup", (0.05,)).multiples(np.arange(3), HORIZON, EPOCH), np.ones(3))


@pytest.mark.parametrize("name", DEFAULTS)
def test_no_schedule_goes_above_the_rate_or_below_nought(name):
    multiples = at(Schedule(name), *range(HORIZON))
    assert multiples.dtype == np.float64
    assert multiples.shape == (HORIZON,)
    assert (multiples >= 0).all()
    assert (multiples <= 1 + 1e-9).all()


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("bits", [32, 64])
def test_a_steps_multiple_has_the_same_bits_however_many_steps_are_asked_for_with_it(bits, name):
    """Else a training would differ with how its steps are grouped into legs."""
    with precision(bits):
        whole = at(Schedule(name), *range(HORIZON))
        for steps in (range(99, 100), range(3, 5), range(41, 44), range(50, 57), range(13, 80)):
            np.testing.assert_array_equal(at(Schedule(name), *steps), whole[list(steps)])


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_schedule_ends_where_its_shape_depends_on_the_horizon(name):
    one, other = (Schedule(name).multiples(np.arange(50), horizon, EPOCH) for horizon in (100, 200))
    assert Schedule(name).ends == (not np.array_equal(one, other))


def test_every_schedule_has_a_test_here():
    assert {schedule.name for schedule in SHAPES} | {"onecycle"} == set(DEFAULTS)
