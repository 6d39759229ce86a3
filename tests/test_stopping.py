"""When training stops: an explosion, a plateau, validation that turned; and the weights that are kept then."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.descent import descend
from fallline.fit import Rows, fit
from fallline.losses import Penalty, Squared
from fallline.models import Linear, Network
from fallline.rules import Rule
from fallline.settings import check
from fallline.stopping import Patience, Plateau, first_exploded, good_steps
from fallline.types import Parts

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("bad", [np.nan, np.inf, 2e6 + 1])
def test_the_first_step_whose_objective_exploded_is_found(bad):
    objective = np.array([1.0, 0.5, bad, 0.4])
    assert first_exploded(objective, np.ones(4), start=1.0) == 2


def test_a_gradient_that_is_no_number_is_an_explosion():
    assert first_exploded(np.ones(3), np.array([1.0, np.nan, 1.0]), start=1.0) == 1


def test_a_path_that_only_wanders_has_not_exploded():
    assert first_exploded(np.array([1.0, 1e5, 1.0]), np.ones(3), start=1.0) is None


def test_good_steps_end_before_the_first_that_is_ten_times_the_start():
    assert good_steps(np.array([1.0, 9.0, 10.1, 1.0]), start=1.0) == 2
    assert good_steps(np.array([np.nan, 1.0]), start=1.0) == 0
    assert good_steps(np.array([1.0, 0.1]), start=1.0) == 2


def test_a_plateau_is_reached_when_the_best_of_the_last_blocks_is_no_lower_than_the_best_before():
    plateau = Plateau(block=2, full=False, fall=0.01, patience=3)
    falling = np.repeat(2.0 ** -np.arange(10.0), 2)
    assert plateau.look(0, falling, np.ones(20)) is None
    resting = np.full(20, falling[-1])
    # Three blocks without a fall after the last that fell.
    assert plateau.look(20, resting, np.ones(20)) == 26


def test_a_fall_below_the_part_asked_for_is_no_fall():
    slow = 1 - 1e-5 * np.arange(40.0)
    assert Plateau(block=1, full=False, fall=1e-3, patience=5).look(0, slow, np.ones(40)) == 11
    assert Plateau(block=1, full=False, fall=1e-6, patience=5).look(0, slow, np.ones(40)) is None


def test_with_all_rows_a_hundredth_of_that_fall_counts_since_nothing_is_noise():
    slow = 1 - 1e-4 * np.arange(40.0)
    assert Plateau(block=1, full=False, fall=1e-3, patience=5).look(0, slow, np.ones(40)) == 11
    assert Plateau(block=1, full=True, fall=1e-3, patience=5).look(0, slow, np.ones(40)) is None


def test_with_all_rows_a_gradient_of_a_hundred_thousandth_of_the_largest_is_flat():
    plateau = Plateau(block=10, full=True)
    norms = 10.0 ** -np.arange(8.0)
    assert plateau.look(0, 2.0 ** -np.arange(8.0), norms) == 6
    noisy = Plateau(block=10, full=False)
    assert noisy.look(0, 2.0 ** -np.arange(8.0), norms) is None


def test_a_short_last_batch_counts_its_share_of_a_block():
    plateau = Plateau(block=2, full=False, share=np.array([0.9, 0.1]))
    plateau.look(0, np.array([1.0, 11.0]), np.ones(2))
    assert plateau.means == [pytest.approx(2.0)]


@given(cuts=st.lists(st.integers(1, 30), min_size=1, max_size=6), full=st.booleans(), seed=st.integers(0, 1000))
def test_a_plateau_stops_at_the_same_step_however_the_steps_are_grouped_into_legs(cuts, full, seed):
    draw = np.random.default_rng(seed)
    objective = 1 + np.exp(-np.arange(200) / 8) + 1e-5 * draw.normal(size=200)
    norms = np.exp(-np.arange(200) / draw.uniform(4, 40))
    whole = Plateau(block=4, full=full).look(0, objective, norms)
    pieces, start, found = Plateau(block=4, full=full), 0, None
    while start < 200 and found is None:
        end = min(start + cuts[start % len(cuts)], 200)
        found = pieces.look(start, objective[start:end], norms[start:end])
        start = end
    assert found == whole


def test_patience_counts_evaluations_since_the_lowest_loss_and_remembers_where_that_was():
    patience = Patience(3)
    seen = [patience.look(step, loss) for step, loss in enumerate([5.0, 3.0, 4.0, 3.0, 3.5], start=1)]
    assert seen == [False, False, False, False, True]
    assert (patience.best, patience.best_step) == (3.0, 2)


def test_a_descent_that_explodes_keeps_the_last_good_weights():
    def cliff(w):
        """A bowl whose walls are much steeper than its middle."""
        return jnp.sum(w**2) / 2 + 1e3 * jnp.sum(jnp.maximum(w - 5, 0) ** 2)

    done = descend(cliff, jnp.array([1.0]), rate=2.2, steps=1000, stop=None)
    figures = done.verdict.figures
    assert done.verdict.state == "diverged"
    assert done.fitted.kept < done.fitted.steps == len(done.trace)
    assert figures["end"] <= 10 * figures["start"]
    assert np.isfinite(np.asarray(done.parameters)).all()
    kept = done.weights(done.fitted.kept)
    np.testing.assert_array_equal(np.asarray(kept), np.asarray(done.parameters))


def test_a_descent_that_explodes_at_once_keeps_the_start():
    done = descend(lambda w: jnp.sum(w**4), jnp.array([3.0]), rate=10.0, steps=100)
    assert done.verdict.state == "diverged"
    assert done.fitted.kept <= 1
    assert float(done.parameters[0]) == 3.0


def test_a_descent_stops_at_a_plateau_and_its_trace_ends_there():
    done = descend(lambda w: jnp.sum((w - 3) ** 2) / 2, jnp.zeros(2), rate=0.5, steps=10_000)
    assert done.verdict.figures["ended"] == "plateau"
    assert done.fitted.steps == len(done.trace) < 100
    np.testing.assert_array_equal(done.weights(done.fitted.steps), done.parameters)


def test_a_descent_stops_when_its_seconds_are_over():
    done = descend(lambda w: jnp.sum((w - 3) ** 2) / 2, jnp.zeros(2), rate=1e-9, steps=10**7, seconds=0.2, stop=None)
    assert done.verdict.figures["ended"] == "seconds"
    assert done.fitted.steps < 10**7


@pytest.mark.parametrize("batch", [8, "full"])
def test_when_validation_turns_the_weights_of_its_lowest_loss_are_kept(batch):
    """Forty noisy rows, a network that learns them by heart."""
    draw = np.random.default_rng(0)
    features = draw.normal(size=(80, 5))
    target = features[:, 0] + draw.normal(size=80)
    train_rows, held_out = (Rows(features[part], target[part], np.ones(40)) for part in (slice(0, 40), slice(40, 80)))
    parts = Parts(Network(5, (30,)), Squared(), Penalty(), Rule("adam"))
    settings = check(rate=0.01, batch=batch, epochs=2000, stop="patience:5", precision=64)
    fitted = fit(parts, settings, train_rows, validation=held_out)
    losses = {seen.step: seen.loss for seen in fitted.evaluations}
    assert fitted.figures.ended == "patience"
    assert fitted.kept == min(losses, key=losses.get) < fitted.steps
    prediction = parts.model.predict(fitted.parameters, held_out.features)
    found = float(((np.asarray(prediction) - held_out.target) ** 2).mean() / 2)
    assert found == pytest.approx(losses[fitted.kept], rel=1e-9)
    assert [step for step in losses if step > fitted.kept] == sorted(losses)[-5:]


def test_without_held_out_rows_patience_stops_nothing():
    draw = np.random.default_rng(0)
    rows = Rows(draw.normal(size=(20, 2)), draw.normal(size=20), np.ones(20))
    parts = Parts(Linear(2), Squared(), Penalty(), Rule())
    fitted = fit(parts, check(rate=0.1, batch="full", steps=50, stop="patience:1", precision=64), rows)
    assert (fitted.figures.ended, fitted.steps) == ("epochs", 50)
