"""The works of `make bench-gpu` run on a CPU too, and their floors are no higher than what the compiler counts."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import jax
import numpy as np

from fallline.step import objective

HERE = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
SPEC = importlib.util.spec_from_file_location("gpu", HERE)
assert SPEC is not None
assert SPEC.loader is not None
gpu = importlib.util.module_from_spec(SPEC)
sys.modules["gpu"] = gpu
SPEC.loader.exec_module(gpu)

# one of each, since a loop's body is counted once
SIZE = gpu.Size((16, 24, 24, 10), 32, 1, (5, 8, 2), 4, 16, 1, 64, 1000)


def counted(work) -> float:
    """Operations, as the compiler counts them before it folds what it can."""
    return jax.jit(work).lower().cost_analysis()["flops"]


def test_a_gradient_needs_the_operations_that_its_floor_says():
    made = gpu.ready(SIZE.widths, SIZE.batch, 1)
    batch = gpu.as_batch(made.rows)

    def gradient():
        return jax.grad(lambda p: objective(made.parts, p, batch))(made.state.parameters)

    floor = gpu.operations_of_gradient(SIZE.widths, SIZE.batch)
    assert floor <= counted(gradient) <= 1.3 * floor


def test_a_product_with_the_hessian_needs_the_operations_that_its_floor_says():
    floor = gpu.operations_of_product(SIZE.widths, SIZE.batch)
    both = floor + gpu.operations_of_gradient(SIZE.widths, SIZE.batch)  # what does not depend on the vector
    assert floor <= counted(gpu.products_of_ours(SIZE)) <= 1.3 * both


def test_all_works_are_done_and_make_sense():
    after, recorded = gpu.steps_of_ours(SIZE)()
    assert np.isfinite(recorded.losses).all()
    assert np.isfinite(after.parameters["layer1"]["weights"]).all()
    losses = np.asarray(gpu.rates_of_ours(SIZE)())
    assert losses.shape == (SIZE.rates,)
    assert len(set(losses.tolist())) == SIZE.rates
    products = np.asarray(gpu.products_of_ours(SIZE)())
    assert products.shape == (1, sum(gpu.numbers_of(SIZE.widths)) + sum(SIZE.widths[1:]))
    assert np.abs(products).max() > 0
