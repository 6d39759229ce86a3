"""The loop over legs: the same bits again, whatever the legs; nothing recompiles; stops, averages and records."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline import legs, many, survey
from fallline.batches import Batches
from fallline.descent import descend
from fallline.engine import precision
from fallline.errors import DataError
from fallline.fit import Fitted, GoOn, Rows, fit, replay, set_up
from fallline.legs import Stop, Walk, leg_capacity, train
from fallline.losses import LogLoss, Penalty, Squared
from fallline.models import Linear, Network
from fallline.rules import Rule
from fallline.settings import check
from fallline.types import Parts

pytestmark = pytest.mark.usefixtures("float64")

ROWS = 53


def rows(dtype=np.float64, weighted: bool = False) -> Rows:
    draw = np.random.default_rng(0)
    features = draw.normal(size=(ROWS, 3)).astype(dtype)
    target = (features @ [1.0, -2.0, 0.5] + 0.3 * draw.normal(size=ROWS) > 0).astype(dtype)
    weight = draw.uniform(0.5, 2, ROWS) if weighted else np.ones(ROWS)
    return Rows(features, target, (weight / weight.mean()).astype(dtype))


PARTS = {
    "linear": Parts(Linear(3), Squared(), Penalty(), Rule()),
    "logistic": Parts(Linear(3), LogLoss(), Penalty(l2=0.01), Rule("momentum")),
    "network": Parts(Network(3, (8, 8)), LogLoss(), Penalty(), Rule("adam")),
}


def same(one, other) -> bool:
    """Bit by bit."""
    return jax.tree.all(jax.tree.map(lambda a, b: np.array_equal(np.asarray(a), np.asarray(b)), one, other))


def numbers(recorded) -> np.ndarray:
    """Everything that a leg's record says, a row for each step."""
    kinds = ("gradient", "update", "weight")
    norms = [recorded.norm(kind, name) for kind in kinds for name in (None, *recorded.names)]
    kept = np.zeros((len(recorded), 0)) if recorded.parameters is None else recorded.parameters
    return np.column_stack([recorded.loss, recorded.objective, *norms, kept])


def walked(ready, capacity: int, stop: int = 120, start: int = 0, state=None):
    """The state after the last step and the rows of the record, in legs of `capacity` steps."""
    seen: list[np.ndarray] = []
    walk = replace(ready.walk, capacity=capacity)
    state = ready.state if state is None else state
    after, _ = train(
        ready.parts, state, ready.table, walk, lambda leg: seen.append(numbers(leg.recorded)), start=start, stop=stop
    )
    return after, np.concatenate(seen)


@pytest.mark.parametrize("batch", [1, 16, "full"])
@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("bits", [32, 64])
def test_legs_of_any_length_walk_the_same_bits(bits, name, batch):
    with precision(bits):
        settings = check(rate=0.05, schedule="inverse", batch=batch, steps=120, precision=bits)
        ready = set_up(PARTS[name], settings, rows(np.float32 if bits == 32 else np.float64, weighted=True))
        state, record = walked(ready, 120)
        for capacity in (3, 7):
            other, other_record = walked(ready, capacity)
            assert same(state, other)
            assert np.array_equal(record, other_record)


def test_no_leg_has_room_for_so_few_steps_that_it_would_be_compiled_and_rounded_differently():
    """XLA fuses a loop over one or two rows in another way than a loop over more."""
    parameters = Linear(3).init(jax.random.key(0))
    for steps in (1, 2, 1000):
        for batches in (Batches(50, 50, 0), Batches(50, 49, 0), Batches(50, 1, 0)):
            assert leg_capacity(batches, parameters, 8, 50, steps) > 2


@pytest.mark.parametrize("name", PARTS)
def test_a_training_of_one_step_has_the_bits_of_the_first_step_of_a_longer_one(name):
    one, many_ = (
        fit(PARTS[name], check(rate=0.05, batch=16, steps=steps, stop=None, precision=64), rows()).ready
        for steps in (1, 40)
    )
    assert same(replay(one, 1), replay(many_, 1))


@pytest.mark.parametrize("name", PARTS)
def test_stopping_in_mid_leg_and_going_on_gives_the_same_bits_as_not_stopping(name):
    settings = check(rate=0.05, batch=16, steps=120, precision=64)
    ready = set_up(PARTS[name], settings, rows())
    state, record = walked(ready, 50)
    middle, first = walked(ready, 50, stop=73)
    end, second = walked(ready, 50, start=73, state=middle)
    assert same(state, end)
    assert np.array_equal(record, np.concatenate([first, second]))


def test_a_fit_that_goes_on_ends_where_one_fit_of_all_steps_does():
    settings = check(rate=0.05, batch=16, steps=120, stop=None, schedule="cosine", precision=64)
    whole = fit(PARTS["network"], settings, rows())
    half = fit(PARTS["network"], settings, rows(), steps=60)
    rest = fit(PARTS["network"], settings, rows(), go_on=half.go_on, steps=60)
    assert isinstance(half.go_on, GoOn)
    assert (half.steps, rest.steps) == (60, 120)
    assert same(whole.parameters, rest.parameters)


def test_a_watch_that_stops_in_mid_leg_gets_the_state_of_the_step_it_keeps():
    ready = set_up(PARTS["logistic"], check(rate=0.05, batch=16, steps=120, precision=64), rows())
    walk = replace(ready.walk, capacity=50)
    state, ending = train(
        ready.parts,
        ready.state,
        ready.table,
        walk,
        lambda leg: Stop("plateau", 77, 77) if leg.end >= 77 else None,
        stop=120,
    )
    assert ending.step == 77
    assert same(state, walked(ready, 50, stop=77)[0])


def test_ctrl_c_keeps_the_last_finished_leg():
    ready = set_up(PARTS["linear"], check(rate=0.05, batch=16, steps=120, precision=64), rows())

    def press(leg):
        if leg.end == 100:
            raise KeyboardInterrupt

    state, ending = train(ready.parts, ready.state, ready.table, replace(ready.walk, capacity=50), press, stop=120)
    assert (ending.reason, ending.step) == ("interrupted", 50)
    assert same(state, walked(ready, 50, stop=50)[0])


def fitted(seed: int = 0, **settings) -> tuple[Fitted, np.ndarray]:
    records: list[np.ndarray] = []
    settings = {"rate": "auto", "batch": 16, "epochs": 20, "stop": None, "precision": 64, "seed": seed} | settings
    done = fit(PARTS["network"], check(**settings), rows(), keep=lambda leg: records.append(numbers(leg.recorded)))
    return done, np.concatenate(records)


def test_the_same_seed_gives_the_same_trace_bit_by_bit_and_another_seed_another():
    (one, record), (same_, again), (_, other) = fitted(3), fitted(3), fitted(4)
    assert np.array_equal(record, again)
    assert same(one.parameters, same_.parameters)
    assert one.ready.rate == same_.ready.rate
    assert not np.array_equal(record, other)


def test_the_traces_of_descend_are_the_same_for_the_same_seed():
    data = {"x": np.arange(20.0), "y": 3 * np.arange(20.0)}

    def loss(w, batch):
        return jnp.mean((w * batch["x"] - batch["y"]) ** 2)

    one, again, other = (
        descend(loss, jnp.zeros(()), data, rate=1e-4, batch=6, steps=50, seed=seed, stop=None).trace.drop("seconds")
        for seed in (1, 1, 2)
    )
    assert one.equals(again)
    assert not one.equals(other)


def test_the_second_call_of_a_compiled_function_does_not_compile_again():
    compiled = (legs.leg, many.trials, survey.survey, survey.respond)
    validation = Rows(rows().features[:10], rows().target[:10], np.ones(10))
    measure = np.mean

    def once(seed: int, rate: float | str) -> None:
        settings = check(rate=rate, batch=16, epochs=7, stop=None, precision=64, seed=seed)
        fit(PARTS["logistic"], settings, rows(), validation=validation, measure=measure)

    once(0, "auto")
    before = [function._cache_size() for function in compiled]
    assert min(before) > 0
    once(1, "auto")
    once(2, 0.03)
    assert [function._cache_size() for function in compiled] == before


def test_a_last_leg_that_is_shorter_does_not_compile_again():
    ready = set_up(PARTS["linear"], check(rate=0.05, batch=16, steps=120, precision=64), rows())
    walked(ready, 50, stop=100)
    before = legs.leg._cache_size()
    walked(ready, 50, stop=103)
    walked(ready, 50, stop=133)
    assert legs.leg._cache_size() == before


def test_a_replay_stands_on_any_recorded_step_again():
    done, _ = fitted(rate=0.05)
    keep: list = []
    fit(PARTS["logistic"], check(rate=0.05, batch=16, steps=60, stop=None, precision=64), rows(), keep=keep.append)
    path = np.concatenate([leg.recorded.parameters for leg in keep])
    ready = set_up(PARTS["logistic"], check(rate=0.05, batch=16, steps=60, stop=None, precision=64), rows())
    for step in (1, 17, 60):
        assert np.array_equal(jax.flatten_util.ravel_pytree(replay(ready, step).parameters)[0], path[step - 1])
    assert same(replay(done.ready, done.steps).parameters, done.parameters)


@given(start=st.integers(0, 40), more=st.integers(1, 60), capacity=st.integers(1, 30), ragged=st.booleans())
def test_legs_cover_every_step_once_and_a_ragged_last_batch_is_a_leg_of_its_own(start, more, capacity, ragged):
    batches = Batches(53, 16, 0)  # four steps an epoch, the last with 5 rows
    walk = Walk(batches, np.ones_like, np.ones_like, capacity, ragged)
    found = list(walk.legs(start, start + more))
    steps = [step for first, end in found for step in range(first, end)]
    assert steps == list(range(start, start + more))
    assert all(end - first <= capacity for first, end in found)
    if ragged:
        assert all(end - first == 1 for first, end in found if any(s % 4 == 3 for s in range(first, end)))


def test_a_loss_of_ones_own_sees_the_short_last_batch_as_it_is():
    def loss(w, batch):
        return jnp.mean((w - batch) ** 2) / 2

    data = np.arange(10.0)
    done = descend(loss, jnp.zeros(()), data, rate=0.5, batch=4, steps=6, stop=None, seed=3)
    weight, expected = 0.0, []
    for order in Batches(10, 4, 3).steps(0, 6):
        weight -= 0.5 * (weight - data[order[order >= 0]].mean())
        expected.append(weight)
    np.testing.assert_allclose(np.ravel(done.trace["parameters"].to_list()), expected, rtol=1e-13)


def test_a_short_last_batch_counts_its_rows_alone():
    """Batches of 16 of 53 rows: the fourth step is the mean over 5 rows, not over 16."""
    keep: list = []
    settings = check(rate=0.1, batch=16, steps=4, stop=None, precision=64)
    start = {"weights": jnp.zeros(3), "bias": jnp.zeros(())}
    fit(PARTS["linear"], settings, rows(), parameters=start, keep=keep.append)
    path = np.concatenate([leg.recorded.parameters for leg in keep])
    loss = np.concatenate([leg.recorded.loss for leg in keep])
    bias, weights = path[2][0], path[2][1:]
    last = Batches(ROWS, 16, 0).epoch(0)[3][:5]
    features, target = rows().features[last], rows().target[last]
    error = features @ weights + bias - target
    assert loss[3] == pytest.approx((error**2).mean() / 2, rel=1e-12)
    np.testing.assert_allclose(path[3], path[2] - 0.1 * np.append(error.mean(), features.T @ error / 5), rtol=1e-12)


def test_row_weights_are_repeated_rows_along_the_whole_path():
    times = 1 + np.arange(ROWS) % 3
    whole = rows()
    weighted = Rows(whole.features, whole.target, times / times.mean())
    repeated = Rows(np.repeat(whole.features, times, axis=0), np.repeat(whole.target, times), np.ones(times.sum()))
    settings = check(rate=0.05, batch="full", steps=100, stop=None, precision=64)
    one, other = (fit(PARTS["network"], settings, table) for table in (weighted, repeated))
    for a, b in zip(jax.tree.leaves(one.parameters), jax.tree.leaves(other.parameters), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
    assert one.figures.end == pytest.approx(other.figures.end, rel=1e-10)


def path_and_average(average: str, steps: int = 40) -> tuple[np.ndarray, float]:
    done = descend(lambda w: (w - 1.0) ** 2 / 2, jnp.array(5.0), rate=0.1, steps=steps, stop=None, average=average)
    return np.ravel(done.trace["parameters"].to_list()), float(done.parameters)


def test_the_tail_average_is_the_mean_of_the_last_part_of_the_weights():
    path, average = path_and_average("tail:0.25")
    assert average == pytest.approx(path[-10:].mean(), rel=1e-12)
    assert path_and_average("tail:1")[1] == pytest.approx(path.mean(), rel=1e-12)


def test_the_ema_average_forgets_by_its_decay_after_a_plain_mean_at_the_start():
    path, average = path_and_average("ema:0.8")
    expected = path[0]
    for i, weight in enumerate(path[1:], start=1):
        expected += max(0.2, 1 / (i + 1)) * (weight - expected)
    assert average == pytest.approx(expected, rel=1e-12)


def test_the_trace_says_for_each_step_its_epoch_rows_and_rate():
    data = np.arange(10.0)
    done = descend(
        lambda w, x: jnp.mean((w - x) ** 2),
        jnp.zeros(()),
        data,
        rate=0.1,
        batch=4,
        steps=6,
        schedule="inverse",
        stop=None,
    )
    trace = done.trace
    assert trace["step"].to_list() == [1, 2, 3, 4, 5, 6]
    assert trace["rows"].to_list() == [4, 8, 10, 14, 18, 20]
    np.testing.assert_allclose(trace["epoch"], np.array([4, 8, 10, 14, 18, 20]) / 10)
    np.testing.assert_allclose(trace["rate"], 0.1 / (1 + np.arange(6) / 3), rtol=1e-6)
    assert (np.diff(trace["seconds"]) >= 0).all()
    np.testing.assert_allclose(trace["update_norm"], trace["rate"] * trace["gradient_norm"], rtol=1e-12)
    assert float(done.weights(6)) == float(done.parameters)
    assert float(done.weights(0)) == 0


def test_the_start_parameters_are_not_changed():
    start = {"w": np.zeros(3)}
    descend(lambda p: jnp.sum((p["w"] - 1) ** 2), start, rate=0.1, steps=5)
    assert not start["w"].any()


@pytest.mark.parametrize("data", [{"x": np.zeros(3), "y": np.zeros(4)}, np.array(3.0)], ids=["unequal", "no rows"])
def test_data_without_one_number_of_rows_is_refused(data):
    with pytest.raises(DataError, match="rows first"):
        descend(lambda w, d: w**2, jnp.zeros(()), data)


def test_no_parameters_are_refused():
    with pytest.raises(DataError, match="no parameters"):
        descend(lambda w: 0.0, {})
