"""The lab's training is the engine's: the same bits as `fallline train`, forwards, backwards and along branches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.engine import precision
from fallline.lab.prepared import Prepared, prepare
from fallline.lab.record import Record, States
from fallline.lab.scene import Scene
from fallline.lab.source import arguments
from fallline.lab.walker import Walker

SCENES = {
    "one weight": (Scene(), 25),
    "a row a step, adam": (Scene(table="diabetes", settings={"batch": 1, "rate": 0.01, "rule": "adam"}), 400),
    "a network": (Scene(table="iris", settings={"model": "mlp:8,8", "rate": 0.1, "batch": 16}), 60),
    "a network in 64 bits": (
        Scene(table="breast_cancer", settings={"rate": 0.1, "batch": "full", "model": "mlp:4", "precision": 64}),
        45,
    ),
    "momentum, cosine, averaged": (
        Scene(
            table="diabetes",
            settings={"rate": 0.05, "batch": 32, "rule": "momentum:0.9", "schedule": "cosine", "average": "tail"},
        ),
        120,
    ),
    "rates that change": (Scene(table="iris", settings={"rate": 0.1, "rate_changes": "5:0.5,20:0.01"}), 40),
    "found by trials": (Scene(table="iris", settings={"batch": 10}), 30),
}


def walked(scene: Scene, folder, step: int) -> Walker:
    prepared = prepare(scene, folder, {})
    with precision(prepared.settings.precision):
        walker = Walker(prepared)
        walker.walk_to(step)
        walker.go(step - 1)
        walker.seen = step
    return walker


def same(frame: pl.DataFrame, other: pl.DataFrame) -> None:
    assert frame.height == other.height
    for name in other.columns:
        if name != "seconds":
            assert frame[name].equals(other[name]), name


def trained(prepared: Prepared, scene: Scene, folder, step: int) -> fl.Run:
    return fl.train(**(arguments(scene, prepared.source) | {"runs": folder, "until": step}))


@pytest.mark.parametrize("name", SCENES)
def test_a_walk_has_the_bits_of_a_training_at_the_command_line(tmp_path, name):
    scene, step = SCENES[name]
    walker = walked(scene, tmp_path, step)
    run = trained(walker.prepared, scene, tmp_path, step)
    with precision(walker.ready.settings.precision):
        same(walker.training.trace, run.trace)
        assert walker.evaluations.filter(pl.col("step") <= step).equals(run.evaluations)


@pytest.mark.parametrize("name", SCENES)
def test_step_by_step_gives_the_bits_of_one_long_walk(tmp_path, name):
    scene, step = SCENES[name]
    step = min(step, 30)
    walker, single = walked(scene, tmp_path, step), walked(scene, tmp_path, 1)
    with precision(walker.ready.settings.precision):
        for k in range(1, step):
            single.walk_to(k + 1)
            single.go(k)
        same(single.training.trace, walker.training.trace)
        assert single.evaluations.equals(walker.evaluations)


@pytest.mark.parametrize("name", ["a row a step, adam", "a network", "momentum, cosine, averaged"])
def test_the_state_of_any_step_is_the_one_that_was_walked_through(tmp_path, name):
    scene, step = SCENES[name]
    walker, single = walked(scene, tmp_path, step), walked(scene, tmp_path, 1)
    with precision(walker.ready.settings.precision):
        for k in (1, 2, 17, 29):
            single.walk_to(k)
            for a, b in zip(_leaves(walker.state(k)), _leaves(single.state(k)), strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", SCENES)
def test_a_close_up_has_the_steps_of_any_other_walk(tmp_path, monkeypatch, name):
    scene, step = SCENES[name]
    straight, walker = walked(scene, tmp_path, step), walked(scene, tmp_path, step - 12)
    with precision(walker.ready.settings.precision):
        walker.close_up()
        middle = walker.walked
        assert middle == step - 10
        kept = dict(walker._snapshots.at)
        walker.walk_to(step)
        walker.go(step - 1)
        walker.seen = step
        same(walker.training.trace, straight.training.trace)
        assert walker.evaluations.equals(straight.evaluations)
        assert not {middle - 1, middle} & set(kept)
        monkeypatch.setattr("fallline.lab.walker.replay", None)  # nothing is walked again
        for k in (middle - 2, middle - 1, middle):
            walker.state(k)


def _leaves(state):
    import jax

    return [np.asarray(leaf) for leaf in jax.tree.leaves(state)]


def test_back_shows_what_was_shown_before(tmp_path):
    walker = walked(Scene(table="iris", settings={"model": "mlp:8", "rate": 0.1, "rule": "adam"}), tmp_path, 12)
    with precision(32):
        walker.go(7)
        before, trace = walker.parameters(7).copy(), walker.training.trace
        walker.walk_to(40)
        walker.go(39)
        walker.go(7)
        np.testing.assert_array_equal(walker.parameters(7), before)
        same(walker.training.trace.head(12), trace)
        assert walker.training.kept_step == 7


@pytest.mark.parametrize("at", [0, 1, 9, 20])
def test_a_changed_rate_keeps_the_steps_before_it_and_is_a_training_of_its_own(tmp_path, at):
    scene = Scene(table="diabetes", settings={"rate": 0.05, "rule": "momentum:0.9", "batch": 50})
    walker = walked(scene, tmp_path, 21)
    with precision(32):
        old = walker.training.trace
        walker.go(at)
        walker.change_rate(0.004)
        walker.walk_to(40)
        walker.go(39)
        new = walker.training.trace
        same(new.head(at), old.head(at))
        assert set(new["rate"][at:]) == {float(np.float32(0.004))}
        run = trained(walker.prepared, walker.scene, tmp_path, 40)
        same(new, run.trace)
        assert walker.evaluations.filter(pl.col("step") <= 40).equals(run.evaluations)
        if at < 20:
            (branch,) = walker.branches
            assert branch.since == at
            assert branch.name == "rate 0.05"
            assert branch.trace["step"][0] == max(at, 1)
            same(branch.trace, old.filter(pl.col("step") >= max(at, 1)))
            assert branch.path is not None
            assert len(branch.path) == 22 - at  # the step that both have in common, and those after it
        else:
            assert walker.branches == ()  # nothing beyond it had been seen


def test_a_training_pauses_at_its_plateau_and_at_its_horizon_and_goes_on_when_asked(tmp_path):
    walker = walked(Scene(), tmp_path, 250)
    run = fl.train(**(arguments(Scene(), walker.prepared.source) | {"runs": tmp_path}))
    reasons = {pause.reason: pause.step for pause in walker.pauses}
    assert reasons == {"plateau": len(run.trace), "epochs": 200}
    with precision(32):
        assert walker.verdict(walker.pauses[0]) == run.verdict
        assert walker.walked == 250


def test_a_divergence_stops_at_the_last_good_step_for_the_run_s_own_reason(tmp_path):
    scene = Scene(settings={"rate": 2.5})
    walker = walked(scene, tmp_path, 100)
    run = fl.train(**(arguments(scene, walker.prepared.source) | {"runs": tmp_path}))
    with precision(32):
        same(walker.training.trace, run.trace)
        assert walker.broken is not None
        assert walker.step == walker.broken.keep == run.verdict.figures["kept"]
        assert walker.verdict(walker.broken).state == "diverged"
        assert walker.go(walker.walked) is True
        walker.change_rate(0.5)
        assert walker.broken is None
        walker.walk_to(40)
        assert np.isfinite(walker.training.trace["loss"].to_numpy()).all()


def test_a_run_is_replayed_from_its_record_and_goes_on_beyond_its_end(tmp_path):
    scene = Scene(table="iris", settings={"model": "mlp:8", "rate": 0.1, "rule": "adam", "stop": None, "epochs": 3})
    source = prepare(scene, tmp_path, {}).source
    run = fl.train(**(arguments(scene, source) | {"runs": tmp_path}))
    runs = {run.name: run.path}
    again = Scene(table=f"run:{run.name}").with_settings(run.asked)
    walker = Walker(prepare(again, tmp_path, runs, replay=True))
    longer = walked(scene, tmp_path, 30)
    assert walker.seen == len(run.trace)
    same(walker.training.trace, run.trace)
    np.testing.assert_array_equal(walker.parameters(2), longer.parameters(2))
    walker.walk_to(30)
    walker.go(29)
    same(walker.training.trace, longer.training.trace)


def test_only_what_was_seen_is_shown(tmp_path):
    walker = walked(Scene(), tmp_path, 20)
    walker.seen = 1
    walker.go(4)
    assert walker.training.trace.height == 5
    assert walker.walked == 20


def test_a_record_copies_a_row_a_few_times_at_most(tmp_path):
    walker = walked(Scene(), tmp_path, 1)
    with precision(32):
        for k in range(2, 130):
            walker.walk_to(k)
            walker._record.frame(k)  # as a page looks
    assert len(walker._record._frames) <= 9
    assert walker._record.frame(64).height == 64
    assert walker._record.frame(129)["step"].to_list() == list(range(1, 130))


def test_a_record_that_nobody_looks_at_does_not_hold_its_legs_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr("fallline.lab.record.WAITING", 8)
    walker = walked(Scene(), tmp_path, 1)
    with precision(32):
        for k in range(2, 60):  # as at a speed of some steps a second, on a tab in the background
            walker.walk_to(k)
            assert len(walker._record._legs) < 8
    assert walker._record.frame(59)["step"].to_list() == list(range(1, 60))


def test_states_are_thinned_where_they_take_too_much_room(monkeypatch):
    import jax.numpy as jnp

    from fallline.types import State

    def state(step):
        return State({"w": jnp.full(4, float(step))}, (), None)

    monkeypatch.setattr("fallline.lab.record.STATES", 0)
    states = States(state(0))
    for step in range(100, 10_001, 100):
        states.offer(step, state(step))
    kept = list(states)
    assert len(kept) <= 16
    assert max(b - a for a, b in pairwise(kept)) <= 1600
    assert states.nearest(9_999)[0] >= 9_900 - 1600
    states.forget(500)
    assert max(states) <= 500


def test_a_record_keeps_weights_as_long_as_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr("fallline.lab.record.IN_MEMORY", 40)
    walker = walked(Scene(), tmp_path, 1)
    with precision(32):
        for k in range(2, 21):
            walker.walk_to(k)
        walker.go(15)
        longer = walked(Scene(), tmp_path, 20)
        np.testing.assert_array_equal(walker.parameters(15), longer.parameters(15))
    assert walker._record.frame(20)["parameters"].null_count() > 0
    assert isinstance(walker._record, Record)
