"""Trainings that are really killed, in processes of their own; `make survive` does the same many times more."""

from __future__ import annotations

from survival import survive


def test_trainings_killed_at_random_moments_go_on_to_the_same_bits(tmp_path):
    seen = survive(tmp_path, kills=50)
    assert seen.total() >= 50
    assert seen["while a checkpoint was written"]
    assert seen["by the loss of a worker"]
