"""Joining a crew, and what is said when not all come; JAX's part is made up here, and real in the other tests."""

from __future__ import annotations

import signal

import jax
import pytest

from fallline.errors import SettingsError
from fallline.parallel import mesh


@pytest.fixture
def told(monkeypatch):
    """What JAX was asked to join, without joining."""
    asked = {}

    def initialize(*given, **named):
        asked.update(zip(("address", "workers", "rank"), given, strict=True), **named)

    monkeypatch.setenv("JAX_CPU_COLLECTIVES_IMPLEMENTATION", "none")
    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    monkeypatch.setattr(jax.distributed, "shutdown", lambda: asked.update(left=True))
    before, how = signal.getsignal(signal.SIGINT), jax.config.values["jax_cpu_collectives_implementation"]
    yield asked
    mesh._joined = None
    signal.signal(signal.SIGINT, before)
    jax.config.update("jax_cpu_collectives_implementation", how)


def test_a_cluster_is_asked_who_is_there_and_left_in_the_end(told):
    assert mesh.to_launch("auto") is False
    crew = mesh.joined()
    assert crew is not None
    assert (crew.rank, crew.workers, crew.first, told["workers"]) == (0, 1, True, None)
    assert mesh.to_launch("auto") is False
    assert mesh.to_launch(3) is False
    signal.raise_signal(signal.SIGINT)
    assert crew.asked_to_stop
    crew.wait()
    mesh.leave()
    assert told["left"]
    assert mesh.joined() is None
    assert mesh.to_launch(3) is True


def test_fewer_workers_than_were_asked_for_are_refused(told):
    with pytest.raises(SettingsError, match=r"^3 workers were asked for, but 1 came\.\nStart as many"):
        mesh.join(3, 0, "127.0.0.1:1")
    assert told["heartbeat_timeout_seconds"] > 60  # who started them finds a lost one first


def test_workers_that_do_not_find_each_other_are_told_in_two_lines(told, monkeypatch):
    def lonely(*_, **__):
        raise ValueError("coordinator_address should be defined.\nMore of it.")

    monkeypatch.setattr(jax.distributed, "initialize", lonely)
    with pytest.raises(SettingsError, match=r"^The workers did not .*: coordinator_address should be defined\..*\n.+$"):
        mesh.join()
