"""What all tests share: JAX set up as the package does it, float64 where a test asks for it, and Hypothesis's seeds."""

from __future__ import annotations

import os
from pathlib import Path

import jax
import pytest
from hypothesis import settings

from fallline.engine import precision

settings.register_profile("ci", deadline=None, derandomize=True, max_examples=25, database=None)
settings.register_profile("wide", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


LONG = ("test_survival.py", "browser")  # files that take minutes are begun first, so that none is left alone at the end


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not set(LONG) & set(item.path.parts))


@pytest.fixture(scope="module")
def float64():
    """Every array that a module's tests make has 64 bits."""
    with precision(64):
        yield


MAPS = Path("/proc/self/maps")
MANY = 20_000  # of the 65,530 pieces of memory that Linux lets a process map; each compiled program takes a few


@pytest.fixture(autouse=True, scope="module")
def _room_for_programs():
    """A process that runs many modules lets go of what it compiled before there is no room for more."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MANY:
        jax.clear_caches()
