"""The order of the rows: every row once an epoch, another order every epoch, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.batches import Batches, shuffled

SIZES = st.tuples(st.integers(1, 60), st.integers(1, 60)).map(lambda pair: (max(pair), min(pair)))


@given(sizes=SIZES, seed=st.integers(0, 2**40), epoch=st.integers(0, 2**20))
def test_the_batches_of_an_epoch_hold_every_row_once(sizes, seed, epoch):
    rows, size = sizes
    order = Batches(rows, size, seed).epoch(epoch)
    assert order.shape == (-(-rows // size), size)
    assert sorted(order[order >= 0]) == list(range(rows))


@given(sizes=SIZES, seed=st.integers(0, 100))
def test_only_the_last_batch_is_short_and_its_gaps_come_last(sizes, seed):
    rows, size = sizes
    batches = Batches(rows, size, seed)
    there = batches.epoch(0) >= 0
    assert there[:-1].all()
    np.testing.assert_array_equal(there.sum(axis=1), batches.rows_in_steps)
    np.testing.assert_array_equal(there[-1], np.arange(size) < batches.rows_in_steps[-1])


@given(sizes=SIZES, seed=st.integers(0, 100), start=st.integers(0, 50), more=st.integers(1, 50))
def test_the_steps_from_anywhere_are_those_of_the_epochs_one_after_the_other(sizes, seed, start, more):
    batches = Batches(*sizes, seed)
    whole = np.concatenate([batches.epoch(epoch) for epoch in range((start + more) // batches.epoch_steps + 1)])
    np.testing.assert_array_equal(batches.steps(start, start + more), whole[start : start + more])


@given(sizes=SIZES, steps=st.integers(0, 200))
def test_the_rows_seen_count_the_short_batch_as_what_it_holds(sizes, steps):
    batches = Batches(*sizes, seed=0)
    each = np.tile(batches.rows_in_steps, steps // batches.epoch_steps + 1)[:steps]
    assert batches.rows_seen(np.array(steps)) == each.sum()


def test_epochs_differ_from_each_other_and_so_do_seeds():
    batches = Batches(100, 10, seed=1)
    assert not np.array_equal(batches.epoch(0), batches.epoch(1))
    assert not np.array_equal(batches.epoch(0), Batches(100, 10, seed=2).epoch(0))


def test_the_same_seed_gives_the_same_order_whatever_the_batch_size():
    assert np.array_equal(Batches(100, 10, 3).epoch(5), Batches(100, 10, 3).epoch(5))
    assert np.array_equal(Batches(100, 10, 3).epoch(5).ravel(), Batches(100, 50, 3).epoch(5).ravel())


def test_the_order_of_a_seed_is_the_same_on_every_machine():
    """Philox is defined bit by bit; NumPy keeps a generator's permutations for compatibility (NEP 19)."""
    assert shuffled(10, 0, 0).tolist() == [0, 7, 8, 6, 9, 5, 1, 3, 2, 4]


def test_a_shuffled_order_can_not_be_changed_by_who_gets_it():
    with pytest.raises(ValueError, match="read-only"):
        shuffled(10, 0, 0)[0] = 5


def test_a_batch_of_all_rows_is_full_and_an_epoch_then_one_step():
    assert Batches(10, 10, 0).full
    assert Batches(10, 10, 0).epoch_steps == 1
    assert not Batches(10, 9, 0).full
    assert Batches(10, 9, 0).rows_in_steps.tolist() == [9, 1]
