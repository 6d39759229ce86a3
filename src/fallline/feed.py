"""Batches from the disk: blocks in a seeded order, several of them shuffled together, each row once an epoch.

The blocks of an epoch are put in a random order, then taken a buffer at a time; the rows of a buffer are shuffled.
Batches go on across buffers, so that only an epoch's last one is short. Seed, epoch and buffer alone say where a row
comes, so that a training can be taken up anywhere. A table that is one buffer is shuffled as it is in memory.

Of many workers each keeps and lays out its own rows of every batch alone, in the order in which one would.

A thread of its own reads the next buffer, and another lays out the next leg, while the loop computes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import jax
import numpy as np
from jaxtyping import Int

from fallline.batches import Batches, shuffled
from fallline.data.stream.spool import BLOCK, Spool
from fallline.engine import aligned
from fallline.legs import HERE, Place
from fallline.types import Batch


@dataclass(frozen=True)
class Order:
    """Where the rows of an epoch come from."""

    rows: int
    block: int  # rows
    blocks: int  # of a buffer
    seed: int

    @property
    def all_blocks(self) -> int:
        return -(-self.rows // self.block)

    @property
    def buffers(self) -> int:
        return -(-self.all_blocks // self.blocks)

    def bounds(self, epoch: int) -> Int[np.ndarray, "buffers+1"]:
        """Where in the epoch each buffer begins, and the last one ends."""
        sizes = np.full(self.all_blocks, self.block)
        sizes[-1] = self.rows - (self.all_blocks - 1) * self.block
        ends = np.cumsum(sizes[self.order(epoch)])
        return np.concatenate([[0], ends[self.blocks - 1 :: self.blocks][: self.buffers - 1], [self.rows]])

    def order(self, epoch: int) -> Int[np.ndarray, "blocks"]:
        """The blocks of an epoch, in the order in which they are read."""
        if self.buffers == 1:
            return np.arange(self.all_blocks)
        return _stream(self.seed, epoch, 0).permutation(self.all_blocks)

    def buffer(self, epoch: int, number: int) -> tuple[Int[np.ndarray, "blocks"], Int[np.ndarray, "rows"]]:
        """The blocks of one buffer, and the order in which their rows are taken."""
        if self.buffers == 1:
            return np.arange(self.all_blocks), shuffled(self.rows, self.seed, epoch)
        blocks = self.order(epoch)[number * self.blocks : (number + 1) * self.blocks]
        rows = int(np.diff(self.bounds(epoch))[number])
        return blocks, _stream(self.seed, epoch, number + 1).permutation(rows)

    def quality(self, size: int) -> dict[str, float]:
        """How good the shuffle is, beside one of all rows at once.

        Returns: "blocks" and "blocks_in_buffer"; "together", the chance that two rows that are neighbours in the
            table come into the same batch, and "together_at_best"; "moved", how far a row is moved in the first
            epoch, as a part of all rows (by blocks, measured; 1/3 is expected of a shuffle of all rows).
        """
        largest = min(self.blocks * self.block, self.rows)
        places = np.argsort(self.order(0)) if self.buffers > 1 else np.arange(self.all_blocks)
        within = np.random.default_rng(0).random(self.all_blocks) * self.blocks
        there = places // self.blocks * self.blocks + within
        return {
            "blocks": self.all_blocks,
            "blocks_in_buffer": min(self.blocks, self.all_blocks),
            "together": (size - 1) / max(largest - 1, 1),
            "together_at_best": (size - 1) / max(self.rows - 1, 1),
            "moved": 1 / 3 if self.buffers == 1 else float(np.abs(there - np.arange(len(there))).mean() / len(there)),
        }


def order_of(spool: Spool, seed: int, room: int) -> Order:
    """The order for a buffer of so many bytes; blocks are smaller where a buffer would hold but a few."""
    rows = spool.counts[0]
    fitting = max(1, room // spool.row_bytes)
    if fitting >= rows:
        return Order(rows, rows, 1, seed)
    block = max(1, min(BLOCK // spool.row_bytes, fitting // 32))
    return Order(rows, block, max(1, fitting // block), seed)


@dataclass(frozen=True)
class Own:
    """Which rows of each batch a worker has: every so many-th. Numbers count them from the start of an epoch."""

    size: int  # of a batch
    rank: int
    workers: int

    @property
    def all(self) -> bool:
        return self.workers == 1

    @property
    def rows(self) -> int:
        """Of a batch that is not short."""
        return -(-(self.size - self.rank) // self.workers)

    @property
    def width(self) -> int:
        """What each worker's part of a batch has room for."""
        return -(-self.size // self.workers)

    def of(self, start: int, count: int) -> slice | Int[np.ndarray, "own"]:
        """Which of the rows at places `start` and after it, in the order of an epoch."""
        if self.all:
            return slice(None)
        return np.flatnonzero((start + np.arange(count)) % self.size % self.workers == self.rank)

    def before(self, place: int) -> int:
        """How many of the rows before a place in an epoch."""
        batch, rest = divmod(place, self.size)
        return batch * self.rows + max(0, -(-(rest - self.rank) // self.workers))

    def slots(self, number: int, count: int, skipped: int) -> slice | Int[np.ndarray, "own"]:
        """Where so many rows from a number on come in a leg that begins so many steps before the epoch."""
        if self.rows == self.width:
            return slice(number + skipped * self.width, number + skipped * self.width + count)
        step, slot = np.divmod(number + np.arange(count), self.rows)
        return (step + skipped) * self.width + slot


class Feed:
    """The batch of each step, one after the other: call it with the first step and the last + 1.

    What it gave is overwritten after its next call: memory that is new each time costs more than all of the rest.
    `waited` is how many seconds the loop has waited for rows.
    """

    def __init__(
        self, spool: Spool, batches: Batches, order: Order, outputs: int, room: int, place: Place = HERE
    ) -> None:
        self.spool, self.batches, self.order = spool, batches, order
        self.outputs = outputs
        self.room = room  # steps that a leg has room for
        self.own = Own(batches.size, *place.own)
        self._spread = place.spread
        self.waited = 0.0
        self._reader = ThreadPoolExecutor(1, "rows")
        self._layer = ThreadPoolExecutor(1, "legs")
        self._read: dict[tuple[int, int], Future[np.ndarray]] = {}
        self._room: list[np.ndarray] = []  # as read, and two that are shuffled
        self._legs: list[Batch] = []
        self._ahead: tuple[int, Future[Batch]] | None = None

    def __call__(self, first: int, end: int) -> Batch:
        """The batches of these steps, and of those after them up to what a leg has room for, where they are walked."""
        return self._spread(self.laid_out(first, end))

    def laid_out(self, first: int, end: int) -> Batch:
        """The worker's own rows of them, [steps, own rows, ...]."""
        entered = time.perf_counter()
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] != first:
            ahead[1].exception()  # let it end: the next one is laid out elsewhere
            ahead = None
        batch = (ahead[1] if ahead else self._layer.submit(self.steps, first, first + self.room)).result()
        self.waited += time.perf_counter() - entered
        if end - first == self.room:
            self._ahead = (end, self._layer.submit(self.steps, end, end + self.room))
        return Batch(*map(jax.device_put, batch))

    def rest(self) -> None:
        """Let go of the memory that batches are laid out in, until the next call."""
        if self._ahead is not None:
            self._ahead[1].exception()
        for read in self._read.values():
            if not read.cancel():
                read.exception()
        self._ahead, self._read, self._room, self._legs = None, {}, [], []

    def steps(self, first: int, end: int) -> Batch:
        """The same in NumPy."""
        if len(self._legs) < 2:
            self._legs.append(self._new_leg())
        else:
            self._legs.reverse()
        rows, target, share = self._legs[-1]
        share[...] = 0
        per, at = self.batches.epoch_steps, first
        while at < end:
            epoch, step = divmod(at, per)
            until = min(end, (epoch + 1) * per)
            stop = min((step + until - at) * self.batches.size, self.batches.rows)
            for begin, piece in self._rows(epoch, step * self.batches.size, stop):
                self._fill(self.own.slots(begin, len(piece), at - step - first), piece)
            if until == (epoch + 1) * per:  # the last batch of an epoch may be short
                left = self.own.before(stop) - (per - 1) * self.own.rows
                rows[until - 1 - first, left:] = 0
                target[until - 1 - first, left:] = 0
            at = until
        counts = self.batches.rows_in_steps[np.arange(first, end) % per]
        share /= counts[:, None].astype(share.dtype)
        return Batch(rows, target, share)

    def _new_leg(self) -> Batch:
        shape, dtype = (self.room, self.own.width), self.spool.dtype
        several = (self.outputs,) if self.outputs > 1 else ()
        sizes = (*shape, self.spool.features), (*shape, *several), shape
        leg = Batch(*(aligned(each, dtype) for each in sizes))
        if self.own.rows < self.own.width:  # what is never filled
            for array in leg:
                array[...] = 0
        return leg

    def _fill(self, slots: slice | Int[np.ndarray, "rows"], rows: np.ndarray) -> None:
        features, target, share = (a.reshape(-1, *a.shape[2:]) for a in self._legs[-1])
        features[slots] = rows[:, :-2]
        target[slots] = rows[:, -2] if self.outputs == 1 else np.eye(self.outputs)[rows[:, -2].astype(int)]
        weight = rows[:, -1].astype(np.float64) if self.spool.weighted else 1.0
        share[slots] = share.dtype.type(self.batches.rows) * np.asarray(weight / self.spool.weight[0], share.dtype)

    def _rows(self, epoch: int, start: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
        """The worker's rows between two places of an epoch, a piece of a buffer at a time, each with its number."""
        bounds = _bounds(self.order, epoch)
        number = int(np.searchsorted(bounds, start, side="right")) - 1
        while start < stop:
            rows = self._buffer(epoch, number)
            until = min(stop, int(bounds[number + 1]))
            skipped, first, end = (self.own.before(place) for place in (int(bounds[number]), start, until))
            yield first, rows[first - skipped : end - skipped]
            start, number = until, number + 1

    def _buffer(self, epoch: int, number: int) -> np.ndarray:
        """The shuffled rows of a buffer; the one after it is read meanwhile."""
        here = (epoch, number)
        after = (epoch, number + 1) if number + 1 < self.order.buffers else (epoch + 1, 0)
        for key in [key for key in self._read if here not in self._read or key not in (here, after)]:
            self._read.pop(key).cancel()  # its room is the next one's
        for key in (here, after):
            if key not in self._read:
                self._read[key] = self._reader.submit(self._shuffled, *key)
        return self._read[here].result()

    def _shuffled(self, epoch: int, number: int) -> np.ndarray:
        blocks, places = self.order.buffer(epoch, number)
        if not self._room:
            most = min(self.order.blocks * self.order.block, self.order.rows)
            most = min(most, (most // self.batches.size + 2) * self.own.width)
            self._room = [np.empty((most, self.spool.width), self.spool.dtype) for _ in range(3)]
        places = places[self.own.of(int(_bounds(self.order, epoch)[number]), len(places))]
        if self.own.all:
            rows, at = self._room[0], 0
            for first, end in self._ends(blocks):
                self.spool.read("train", first, end, rows[at : at + end - first])
                at += end - first
        else:
            rows, places = self._read_own(blocks, places)
        self._room[1:] = self._room[:0:-1]  # the one that was filled last is still being read from
        return np.take(rows, places, axis=0, out=self._room[1][: len(places)], mode="clip")

    def _read_own(self, blocks: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of all rows of a buffer those at some places, in the order of the blocks; and where each of them is there."""
        chosen, rows = np.sort(places), self._room[0]
        at = done = 0
        for first, end in self._ends(blocks):
            until = int(np.searchsorted(chosen, at + end - first))
            np.take(self.spool.read("train", first, end), chosen[done:until] - at, axis=0, out=rows[done:until])
            at, done = at + end - first, until
        return rows, np.searchsorted(chosen, places)

    def _ends(self, blocks: np.ndarray) -> Iterator[tuple[int, int]]:
        for block in blocks.tolist():
            yield block * self.order.block, min((block + 1) * self.order.block, self.order.rows)


@lru_cache(maxsize=4)
def _bounds(order: Order, epoch: int) -> np.ndarray:
    return order.bounds(epoch)


def _stream(seed: int, epoch: int, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch, number])))
