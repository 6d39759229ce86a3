"""Many trainings at once, and the rate that they choose."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.descent import descend
from fallline.fit import Rows, SetUp, fit, set_up
from fallline.legs import gather
from fallline.losses import LogLoss, Penalty, Squared
from fallline.many import RATES, _choose, choose_rate, trials
from fallline.models import Linear, Network
from fallline.rules import Rule
from fallline.settings import check
from fallline.types import Parts

pytestmark = pytest.mark.usefixtures("float64")


def rows(seed: int = 0, count: int = 60) -> Rows:
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(count, 3)) * [1.0, 2.0, 0.5]
    return Rows(features, features @ [1.0, -2.0, 0.5] + 0.1 * draw.normal(size=count), np.ones(count))


def ready(model=None, batch: int | str = "full", seed: int = 0, loss=None) -> SetUp:
    parts = Parts(model or Linear(3), loss or Squared(), Penalty(), Rule())
    return set_up(parts, check(rate="auto", batch=batch, steps=300, precision=64, seed=seed), rows(seed))


def flat(tree) -> np.ndarray:
    return np.asarray(jax.flatten_util.ravel_pytree(tree)[0])


@given(seed=st.integers(0, 1000))
def test_on_a_quadratic_the_chosen_rate_stays_below_2_over_the_largest_eigenvalue(seed):
    made = ready(seed=seed)
    with_ones = np.column_stack([rows(seed).features, np.ones(60)])
    limit = 2 / np.linalg.eigvalsh(with_ones.T @ with_ones / 60).max()
    assert made.choice.rate == made.rate
    assert 0.01 * limit < made.rate < limit


@pytest.mark.parametrize("batch", ["full", 8])
def test_the_chosen_rate_trains_and_does_not_diverge(batch):
    parts = Parts(Network(3, (8,)), Squared(), Penalty(), Rule())
    fitted = fit(parts, check(rate="auto", batch=batch, steps=1000, stop=None, precision=64), rows())
    assert fitted.verdict.state not in ("diverged", "worse than trivial")
    assert fitted.figures.end < 0.01 * fitted.figures.start


@pytest.mark.parametrize("batch", ["full", 8])
def test_choosing_a_rate_leaves_the_model_untouched_and_comes_out_the_same_again(batch):
    made = ready(Network(3, (8,)), batch)
    before = flat(made.state)
    one, again = (choose_rate(made.parts, made.state, made.table, made.walk, 300) for _ in range(2))
    assert np.array_equal(flat(made.state), before)
    assert one.rate == again.rate
    assert np.array_equal(one.losses, again.losses)
    start = Network(3, (8,)).init(jax.random.key(0))
    assert np.array_equal(flat(made.state.parameters), flat(start))


@pytest.mark.parametrize("batch", ["full", 8])
def test_a_trial_ends_at_the_loss_of_a_training_at_its_rate(batch):
    made = ready(Network(3, (4,), activation="tanh"), batch)
    rates = np.array([0.001, 0.01, 0.05])
    full = batch == "full"
    seen = made.whole if full else gather(made.table, jnp.asarray(made.walk.batches.steps(0, 40)))
    ladder = jnp.asarray(np.repeat(rates[:, None], 40, axis=1))
    together = trials(made.parts, made.state, seen, ladder, made.whole, full)
    for rate, found in zip(rates, together, strict=True):
        settings = check(rate=float(rate), batch=batch, steps=40, stop=None, precision=64)
        alone = fit(made.parts, settings, rows())
        assert float(found) == pytest.approx(alone.figures.end, rel=1e-9)


def test_the_curve_is_two_rounds_of_trials_sorted_by_rate_and_says_where_they_blew_up():
    choice = ready().choice
    assert len(choice.rates) == 2 * RATES
    assert (np.diff(choice.rates) >= 0).all()
    assert np.isinf(choice.losses[-1])
    assert choice.losses.min() < choice.start


def test_where_no_rate_lowers_the_loss_none_is_chosen_and_a_small_one_is_used():
    done = descend(lambda w: 0.0 * jnp.sum(w), jnp.ones(2), rate="auto", steps=10)
    assert done.fitted.ready.choice.rate is None
    assert done.fitted.ready.rate == 0.01


def test_a_rule_that_finds_its_rate_is_given_1():
    done = descend(lambda w: jnp.sum((w - 1) ** 2), jnp.zeros(2), rule="prodigy", rate="auto", steps=10)
    assert done.fitted.ready.rate == 1.0
    assert done.fitted.ready.choice is None


def test_the_best_rate_next_to_one_that_diverged_is_not_taken():
    rates = np.array([0.1, 0.2, 0.4, 0.7, 1.0])
    losses = np.array([0.5, 0.4, 0.3, 0.1, 9.0])
    assert _choose(rates, losses, start=1.0, noisy=False) == 0.4


def test_with_noisy_batches_a_smaller_rate_that_is_hardly_behind_is_preferred():
    rates, losses = np.array([0.1, 0.2, 0.4]), np.array([0.1005, 0.1002, 0.1])
    assert _choose(rates, losses, start=1.0, noisy=True) == 0.1
    assert _choose(rates, losses, start=1.0, noisy=False) == 0.4


def test_where_only_the_edge_of_stability_gained_the_best_of_it_is_taken():
    rates, losses = np.array([0.5, 0.8, 1.0]), np.array([1.0, 0.5, 9.0])
    assert _choose(rates, losses, start=1.0, noisy=False) == 0.8


def test_the_rate_of_a_log_loss_is_chosen_as_well():
    parts = Parts(Linear(3), LogLoss(), Penalty(l2=0.01), Rule())
    table = rows()
    labelled = table._replace(target=(table.target > 0).astype(float))
    made = set_up(parts, check(rate="auto", batch="full", steps=300, precision=64), labelled)
    with_ones = np.column_stack([table.features, np.ones(60)])
    most = np.linalg.eigvalsh(with_ones.T @ with_ones / 60).max() / 4 + 0.01
    assert 0.1 / most < made.rate < 100
