"""A checkpoint is read as it was written, or not at all; it never stands before the trace that it relies on."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fallline.batches import Batches
from fallline.errors import RunError, StorageError
from fallline.halfway import Evaluation, Halfway, pack, unpack
from fallline.legs import Leg
from fallline.record import Recorded, Row
from fallline.rules import RULES, Rule, start
from fallline.trace import checkpoint, store
from fallline.trace.checkpoint import checkpoints, read_checkpoint, write_checkpoint
from fallline.trace.store import Store
from fallline.types import State

MOST = 10**6
ARRAYS = {"state/parameters/bias": np.float32([1.5]), "evaluations": np.arange(8.0).reshape(2, 4)}
WEIGHTS = {"bias": jnp.ones(1), "weights": jnp.arange(3.0)}


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("trace", "weights"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_the_newest_two_are_kept_and_read_as_they_were_written(folder):
    for step in (9, 90, 1_000_000_000):
        write_checkpoint(folder, step, ARRAYS | {"step": np.array([step])}, {"step": step, "more": [1.25]})
    assert [path.name for path in checkpoints(folder)] == ["1000000000.safetensors", "000000090.safetensors"]
    for path in checkpoints(folder):
        arrays, told = read_checkpoint(folder, path, MOST)
        assert told == {"step": int(path.stem), "more": [1.25]}
        assert arrays["step"] == [int(path.stem)]
        np.testing.assert_array_equal(arrays["evaluations"], ARRAYS["evaluations"])


def test_each_byte_of_a_checkpoint_is_guarded(folder):
    write_checkpoint(folder, 9, ARRAYS, {"step": 9})
    (path,) = checkpoints(folder)
    whole, passed = path.read_bytes(), []
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        with suppress(RunError):
            passed.append((at, *read_checkpoint(folder, path, MOST)))
    assert len(passed) < 0.1 * len(whole)
    for at, arrays, told in passed:
        assert whole[at : at + 1] == b" "  # that fills up the header
        assert told == {"step": 9}
        assert {name: array.tobytes() for name, array in arrays.items()} == {k: v.tobytes() for k, v in ARRAYS.items()}


def test_a_shorter_a_longer_a_renamed_an_unsealed_and_a_huge_checkpoint_are_refused(folder):
    write_checkpoint(folder, 9, ARRAYS, {"step": 9})
    (path,) = checkpoints(folder)
    whole = path.read_bytes()
    for data in (b"", whole[:7], whole[: len(whole) // 2], whole[:-1], whole + b"\0"):
        path.write_bytes(data)
        with pytest.raises(RunError, match="is damaged"):
            read_checkpoint(folder, path, MOST)
    path.write_bytes(whole)
    with pytest.raises(RunError, match="it holds"):
        read_checkpoint(folder, path, len(whole) - 1)
    with pytest.raises(RunError, match="it is of step 9"):
        read_checkpoint(folder, path.rename(path.with_name("000000010.safetensors")), MOST)
    save_file(load_file(checkpoints(folder)[0]), path)
    with pytest.raises(RunError, match="not what was written"):
        read_checkpoint(folder, path, MOST)


def test_what_is_no_checkpoint_is_passed_over_and_a_link_out_is_refused(folder, tmp_path_factory):
    (folder / "checkpoint").mkdir()
    for name in (".000000009.safetensors-x.tmp", "last.safetensors", "²³.safetensors", "9.txt"):
        (folder / "checkpoint" / name).write_bytes(b"")
    assert checkpoints(folder) == []
    outside = tmp_path_factory.mktemp("outside")
    (folder / "checkpoint" / "9.safetensors").symlink_to(outside / "9.safetensors")
    with pytest.raises(RunError, match="leads out"):
        read_checkpoint(folder, checkpoints(folder)[0], MOST)


def halfway(state: State, **changed: object) -> Halfway:
    looks = [Evaluation(3, 1.5, 0.25, float("nan")), Evaluation(6, 3.0, 0.125, 2.0)]
    return Halfway(7, state, (5, WEIGHTS), (6, WEIGHTS), looks, 1.25)._replace(**changed)


@pytest.mark.parametrize("name", RULES)
def test_what_every_rule_remembers_comes_back_bit_by_bit(name):
    like = start(Rule(name, clip=1.0), WEIGHTS, averaged=True)
    state = jax.tree.map(lambda leaf: (jnp.asarray(leaf) + 3).astype(jnp.asarray(leaf).dtype), like)
    arrays, told = pack(halfway(state))
    again = unpack(arrays, json.loads(json.dumps(told)), like)
    assert jax.tree.structure(again.state) == jax.tree.structure(state)
    assert all(map(np.array_equal, jax.tree.leaves(again.state), jax.tree.leaves(state)))
    assert [leaf.dtype for leaf in jax.tree.leaves(again.state)] == [leaf.dtype for leaf in jax.tree.leaves(state)]
    assert (again.step, again.good[0], again.best[0], again.seconds) == (7, 5, 6, 1.25)
    assert str(again.evaluations) == str(halfway(state).evaluations)  # in which a nan is not itself


def test_the_last_weights_are_not_kept_twice_and_no_best_ones_is_said():
    state = start(Rule(), WEIGHTS)
    arrays, told = pack(halfway(state, good=(7, WEIGHTS), best=None, evaluations=[]))
    assert sorted(arrays) == ["evaluations", "state/parameters/bias", "state/parameters/weights"]
    again = unpack(arrays, told, state)
    assert again.best is None
    assert again.good[0] == 7
    assert again.evaluations == []


SPOILED = {
    "an array less": lambda arrays, told: (arrays.pop("good/bias"), told),
    "a group more": lambda arrays, told: (arrays.update({"more/bias": np.ones(1)}), told),
    "another shape": lambda arrays, told: (arrays.update({"best/bias": np.ones(2, np.float32)}), told),
    "another kind": lambda arrays, told: (arrays.update({"state/parameters/bias": np.ones(1)}), told),
    "evaluations of another shape": lambda arrays, told: (arrays.update(evaluations=np.ones((2, 3))), told),
    "good weights from later": lambda arrays, told: (arrays, told.update(good=8)),
    "a time below 0": lambda arrays, told: (arrays, told.update(seconds=-1.0)),
    "no time": lambda arrays, told: (arrays, told.pop("seconds")),
    "a step that is no number": lambda arrays, told: (arrays, told.update(step="7")),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_checkpoint_of_another_training_is_refused(name):
    like = start(Rule("momentum"), WEIGHTS)
    arrays, told = pack(halfway(like))
    SPOILED[name](arrays, told)
    with pytest.raises((KeyError, TypeError, ValueError)):
        unpack(arrays, told, like)


def leg(begin: int, end: int) -> Leg:
    """A leg of a model with one weight."""
    count = end - begin
    one, none = np.ones((count, 1), np.float32), np.zeros((count, 0), np.float32)
    row = Row(np.ones((count, 2), np.float32), one, none, none, one)
    recorded = Recorded(row, (("weights", 1),), np.ones(count))
    return Leg(begin, end, recorded, np.linspace(0, 1, count), State({"weights": jnp.ones(1)}, (), None))


@pytest.fixture
def keeper(folder) -> Store:
    keeper = Store(folder, lambda parameters: {"weights": np.ones(1)}, every=0)
    keeper.batches = Batches(rows=10, size=2, seed=0)
    return keeper


def test_a_checkpoint_is_written_after_the_trace_up_to_its_step(folder, keeper, monkeypatch):
    there = []

    def see(run: Path, step: int, *rest: object) -> None:
        there.append((step, sorted(path.name for path in run.glob("trace/*.parquet"))))
        write_checkpoint(run, step, *rest)

    monkeypatch.setattr(store, "write_checkpoint", see)
    for begin in (0, 5):
        keeper.keep(leg(begin, begin + 5))
        keeper.checkpoint(begin + 5, ARRAYS, {"step": begin + 5})
    keeper.close()
    assert there == [(5, ["00000.parquet"]), (10, ["00000.parquet", "00001.parquet"])]
    assert [path.stem for path in checkpoints(folder)] == ["000000010", "000000005"]


def test_a_part_that_can_not_be_written_is_told_and_nothing_is_written_after_it(folder, keeper):
    (folder / "trace").rmdir()
    keeper.keep(leg(0, 5))
    keeper.checkpoint(5, ARRAYS, {"step": 5})
    keeper._checkpoint.result(timeout=60)
    (folder / "trace").mkdir()
    with pytest.raises(StorageError, match="can't be written"):
        keeper.close()
    assert list(folder.rglob("*.*")) == []


def test_a_checkpoint_that_can_not_be_written_is_told_by_the_next_leg(folder, keeper):
    (folder / "checkpoint").write_text("in its place")
    keeper.keep(leg(0, 5))
    keeper.checkpoint(5, ARRAYS, {"step": 5})
    keeper._checkpoint.exception(timeout=60)
    with pytest.raises(StorageError) as error:
        keeper.keep(leg(5, 10))
    assert len(str(error.value).splitlines()) == 2
    with pytest.raises(StorageError):
        keeper.close()
    assert [path.name for path in (folder / "trace").iterdir()] == ["00000.parquet"]


def test_a_checkpoint_is_due_after_its_seconds_and_never_while_one_is_being_written(folder, monkeypatch):
    free = threading.Event()
    monkeypatch.setattr(checkpoint, "write_weights", lambda *given, **asked: free.wait(60))
    patient = Store(folder, lambda parameters: {}, every=1e6)
    assert not patient.due
    patient.close()
    keeper = Store(folder, lambda parameters: {}, every=0)
    assert keeper.due
    keeper.checkpoint(5, ARRAYS, {"step": 5})
    assert not keeper.due
    free.set()
    keeper._checkpoint.result(timeout=60)
    assert keeper.due
    keeper.close()
