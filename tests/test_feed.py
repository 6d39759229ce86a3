from dataclasses import replace

import jax
import numpy as np
import pytest

from fallline.batches import Batches, shuffled
from fallline.data.stream.spool import Spool
from fallline.feed import Feed, Order, order_of
from fallline.legs import HERE


def spool(tmp_path, rows, features=3):
    """Row number i has features i, i, ... and target i."""
    table = np.repeat(np.arange(rows, dtype=np.float32)[:, None], features + 2, axis=1)
    table[:, -1] = 1
    table.tofile(tmp_path / "train")
    return Spool(tmp_path, (rows, 0, 0), features, np.dtype(np.float32), (float(rows), 0.0, 0.0))


@pytest.mark.parametrize(
    "order", [Order(997, 10, 4, 0), Order(1_000, 10, 7, 5), Order(53, 53, 1, 0), Order(40, 8, 2, 1)]
)
@pytest.mark.parametrize("size", [1, 7, 32])
def test_every_row_comes_exactly_once_an_epoch_and_only_its_last_batch_is_short(tmp_path, order, size):
    batches = Batches(order.rows, size, order.seed)
    feed = Feed(spool(tmp_path, order.rows), batches, order, 1, room=5)
    for epoch in range(2):
        seen = []
        first, last = epoch * batches.epoch_steps, (epoch + 1) * batches.epoch_steps
        for step in range(first, last):
            batch = feed(step, step + 1)
            count = batches.rows_in_steps[step - first]
            share = np.asarray(batch.share[0])
            assert (share[:count] > 0).all()
            assert not share[count:].any()
            seen.append(np.asarray(batch.target[0][:count]).copy())
        assert np.array_equal(np.sort(np.concatenate(seen)), np.arange(order.rows))


def test_a_step_has_the_same_rows_whatever_was_asked_for_before(tmp_path):
    rows, batches, order = spool(tmp_path, 500), Batches(500, 16, 2), Order(500, 9, 5, 2)
    feed = Feed(rows, batches, order, 1, room=6)
    walked = np.concatenate([np.asarray(feed(at, at + 6).target).copy() for at in range(0, 96, 6)])
    for step in (70, 3, 95, 4, 5, 40, 39):
        alone = np.asarray(Feed(rows, batches, order, 1, room=1)(step, step + 1).target[0])
        again = np.asarray(feed(step, step + 1).target[0])
        assert np.array_equal(alone, walked[step])
        assert np.array_equal(again, walked[step])


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize("order", [Order(997, 10, 4, 0), Order(53, 53, 1, 0), Order(96, 8, 2, 1)])
@pytest.mark.parametrize("size", [5, 16])
def test_of_many_workers_each_lays_out_its_own_rows_of_the_same_batches(tmp_path, order, size, workers):
    rows, batches, room = spool(tmp_path, order.rows), Batches(order.rows, size, order.seed), 4
    rows = replace(rows, weight=(2.0 * order.rows, 0.0, 0.0))
    one = Feed(rows, batches, order, 3, room)
    each = [Feed(rows, batches, order, 3, room, HERE._replace(own=(rank, workers))) for rank in range(workers)]
    table = np.arange(3 * order.rows) % 3  # classes, so that targets have an axis more
    with (tmp_path / "train").open("r+b") as file:
        whole = np.fromfile(file, np.float32).reshape(order.rows, -1)
        whole[:, -2] = table[: order.rows]
        file.seek(0)
        whole.tofile(file)
    for first in [*range(0, 2 * batches.epoch_steps, room), 3, 1]:
        together = jax.tree.map(np.asarray, one(first, first + room))
        parts = [jax.tree.map(np.asarray, feed(first, first + room)) for feed in each]
        dealt = jax.tree.map(lambda *own: np.stack(own, 2).reshape(room, -1, *own[0].shape[2:])[:, :size], *parts)
        jax.tree.map(np.testing.assert_array_equal, dealt, together)
        assert np.isfinite(np.concatenate([part.features.ravel() for part in parts])).all()


def test_a_table_of_one_buffer_is_shuffled_as_it_is_in_memory(tmp_path):
    rows = spool(tmp_path, 100)
    order = order_of(rows, 7, room=10**6)
    feed = Feed(rows, Batches(100, 10, 7), order, 1, room=10)
    assert np.array_equal(np.asarray(feed(10, 20).target).ravel(), shuffled(100, 7, 1))


def test_epochs_differ_and_seeds_do():
    order = Order(1_000, 10, 5, 0)
    assert not np.array_equal(order.order(0), order.order(1))
    assert not np.array_equal(order.order(0), Order(1_000, 10, 5, 1).order(0))


def test_the_quality_of_the_shuffle_is_that_of_all_rows_when_one_buffer_holds_them_and_worse_else():
    best, small = Order(10_000, 10_000, 1, 0).quality(64), Order(10_000, 10, 20, 0).quality(64)
    assert best["together"] == best["together_at_best"] == small["together_at_best"] == 63 / 9_999
    assert small["together"] == 63 / 199
    assert abs(small["moved"] - 1 / 3) < 0.05


def test_several_outputs_get_a_target_for_each(tmp_path):
    table = np.array([[0.5, k, 1] for k in (2, 0, 1)], np.float32)
    table.tofile(tmp_path / "train")
    rows = Spool(tmp_path, (3, 0, 0), 1, np.dtype(np.float32), (3.0, 0.0, 0.0))
    batch = Feed(rows, Batches(3, 2, 0), Order(3, 3, 1, 0), 3, room=2)(0, 2)
    there = np.asarray(batch.share) > 0
    assert np.array_equal(np.asarray(batch.target)[there].argmax(axis=1), np.array([2, 0, 1])[shuffled(3, 0, 0)])
    assert np.allclose(np.asarray(batch.share).sum(axis=1), 1)
