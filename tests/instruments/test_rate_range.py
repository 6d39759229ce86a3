"""The bracket of good rates agrees with what is known of a quadratic, and is refused where nothing can be relied on."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.instruments import measure
from fallline.instruments.rate_range import BORNE_OUT, EDGE, Round, borne_out, bracket

SCALES = np.array([1.0, 3.0, 10.0])


def quadratic(rule: str = "plain"):
    """Full descent on half of sum(scales w^2): its largest curvature is 10."""
    return fl.descend(
        lambda w: jnp.sum(jnp.asarray(SCALES) * w**2) / 2, jnp.ones(3), rule=rule, rate=0.05, steps=400, stop=None
    ).training


@pytest.fixture(scope="module")
def plain():
    """The measurement of the plain rule."""
    return measure(quadratic(), "rate-range", seeds=1)


def test_trials_diverge_above_the_largest_stable_rate_and_nowhere_else(plain):
    limit = 2 / SCALES.max()
    found = plain.frame
    assert plain.figures["stable_start"] == pytest.approx(limit, rel=1e-6)
    assert plain.figures["stable_rate"] == pytest.approx(limit, rel=1e-6)
    assert found.filter(pl.col("rate") < limit)["diverged"].sum() == 0
    assert found.filter(pl.col("rate") > limit)["diverged"].all()
    assert found["diverged"].any()


def test_the_bracket_of_a_quadratic_is_reliable_and_well_below_the_edge(plain):
    f = plain.figures
    assert f["reliable"]
    assert f["validated"]
    assert f["low"] < f["best"] <= f["high"] <= f["lowest_diverged"] / EDGE
    assert f["high"] < f["stable_rate"]
    # in 400 steps along the flattest direction the loss falls to 2% when exp(-2 rate 400) has
    assert f["low"] > 1e-3


def test_momentum_has_its_own_stable_limit():
    f = measure(quadratic("momentum:0.9"), "rate-range", steps=100, seeds=1).figures
    assert f["stable_rate"] == pytest.approx(2 * 1.9 / SCALES.max(), rel=1e-6)
    assert f["reliable"]


def test_a_rule_without_a_known_limit_is_not_checked_against_one():
    f = measure(quadratic("adam"), "rate-range", steps=100, seeds=1).figures
    assert f["stable_rate"] is None


def test_from_the_minimum_no_rate_gets_lower():
    training = fl.descend(lambda w: jnp.sum(w**2), jnp.zeros(2), rate=0.1, steps=20, stop=None).training
    f = measure(training, "rate-range", seeds=2).figures
    assert not f["reliable"]
    assert f["why"] == "start"
    assert f["low"] is None


def test_it_is_the_same_every_time_and_leaves_the_model_alone(tmp_path):
    draw = np.random.default_rng(0)
    x = draw.normal(size=150)
    frame = pl.DataFrame({"x": x, "y": 3 * x + draw.normal(0, 0.5, 150)})
    done = fl.train(frame, "y", runs=tmp_path, model="mlp:4", batch=16, rate=0.05, steps=40, stop=None)
    training = fl.open_run(done.path, frame).training
    before = [np.array(leaf) for leaf in jax.tree.leaves(training.kept)]
    one, other = (measure(training, "rate-range", seeds=2) for _ in range(2))
    assert one.frame.equals(other.frame)
    assert one.figures == other.figures
    for kept, leaf in zip(before, jax.tree.leaves(training.kept), strict=True):
        np.testing.assert_array_equal(kept, leaf)
    seeds = one.frame.group_by("kind").agg(pl.col("seed").unique().sort())
    assert dict(seeds.iter_rows()) == {"found": [0, 1], "validated": [2, 3]}
    assert one.figures["low"] <= one.figures["best"] <= one.figures["high"]


RATES = np.geomspace(1e-3, 1, 7)


def trials(*middle: float, spread: float = 0.0) -> Round:
    """Two seeds, that much apart, about these losses; from a start of 1."""
    loss = np.array(middle)[:, None] + spread * np.array([-0.5, 0.5])
    return Round(RATES, np.ones(2), loss)


def test_the_bracket_holds_the_rates_about_as_good_as_the_best():
    f = bracket(trials(0.9, 0.5, 0.101, 0.1, 0.103, 0.4, np.inf))
    assert f["low"] == pytest.approx(RATES[2])
    assert f["high"] == pytest.approx(RATES[4])
    assert f["lowest_diverged"] == pytest.approx(RATES[6])


def test_no_rate_near_one_that_diverged_is_in_the_bracket():
    rates = np.array([0.1, 0.2, 0.3, 0.4])
    f = bracket(Round(rates, np.ones(2), np.array([[0.2, 0.2], [0.1, 0.1], [0.1, 0.1], [0.1, np.inf]])))
    assert f["high"] == pytest.approx(0.2)


def test_seeds_that_differ_more_than_the_rates_make_none_reliable():
    f = bracket(trials(1.0, 0.98, 0.95, 0.95, 0.97, 1.0, 1.1, spread=0.3))
    assert f["why"] == "seeds"
    assert f["low"] is None


def test_fresh_seeds_that_do_not_bear_it_out_make_none_reliable():
    f = bracket(trials(0.9, 0.5, 0.101, 0.1, 0.103, 0.4, np.inf))
    assert borne_out(f, trials(*[0.1] * 7))["reliable"]
    worse = borne_out(f, trials(*[0.1, 0.1, 0.4, 0.4, 0.1, 0.1, 0.1]))
    assert not worse["reliable"]
    assert worse["why"] == "fresh"
    assert worse["fresh_good"] / 7 < BORNE_OUT
    assert borne_out(f, trials(*[0.1] * 6, np.inf))["fresh_diverged"] == 2
