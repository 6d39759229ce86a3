"""What all tests share: JAX set up as the package does it, float64 where a test asks for it, and Hypothesis's seeds."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from fallline.engine import precision

settings.register_profile("ci", deadline=None, derandomize=True, max_examples=25, database=None)
settings.register_profile("wide", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="module")
def float64():
    """Every array that a module's tests make has 64 bits."""
    with precision(64):
        yield
