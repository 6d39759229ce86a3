"""What a large device is for: a wide network's step, many trainings at once, Hessian-vector products.

    python benchmarks/gpu.py [--device gpu] [--size full] [--json benchmarks/gpu.json]

Each stands beside PyTorch (compiled), in turns, and beside the floor: no program is quicker than the operations at the
speed of the device's best matrix product, nor than the bytes that have to move at the speed of its best copy, both
measured here. Full size is for a device such as an H100; the small one shows on any CPU that all of it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

from fallline.fit import SetUp, set_up
from fallline.instruments.spectrum import gradient_and_product
from fallline.many import trials
from fallline.parallel.device import on
from fallline.settings import check, parts_of
from fallline.survey import Rows, as_batch

ROUNDS = 7


@dataclass(frozen=True)
class Size:
    """How large all is."""

    widths: tuple[int, ...]  # of the network, input and classes included
    batch: int
    steps: int
    small: tuple[int, ...]  # the network that is trained many times
    rates: int
    small_batch: int
    vectors: int  # Hessian-vector products
    square: int  # of the matrix product that shows what the device can do
    copied: int  # numbers


SIZES = {
    "full": Size((784, 1024, 1024, 10), 4096, 20, (28, 32, 32, 2), 1024, 256, 8, 8192, 2**28),
    "small": Size((64, 96, 96, 10), 256, 4, (28, 8, 2), 16, 32, 2, 512, 2**20),
}


@dataclass(frozen=True)
class Work:
    """A piece of work that both sides do."""

    ours: Callable[[], Any]
    theirs: Callable[[], Callable[[], None]]  # made when PyTorch is there
    operations: float  # additions and multiplications, at least
    moved: float  # bytes, at least


def rows(widths: Sequence[int], count: int) -> Rows:
    """Normal features, and classes that say nothing, one-hot where there are more than two."""
    draw = np.random.default_rng(0)
    classes = draw.integers(0, widths[-1], count)
    target = classes.astype(np.float32) if widths[-1] == 2 else np.eye(widths[-1], dtype=np.float32)[classes]
    return Rows(draw.normal(size=(count, widths[0])).astype(np.float32), target, np.ones(count, np.float32))


def ready(widths: Sequence[int], batch: int, steps: int) -> SetUp:
    """The loop made ready for a network on rows for so many steps."""
    asked = check(model="mlp:" + ",".join(map(str, widths[1:-1])), batch=batch, rate=1e-3, stop=None, epochs=1)
    parts = parts_of(asked, features=widths[0], task="classes", classes=widths[-1])
    return set_up(parts, asked, rows(widths, batch * steps))


def numbers_of(widths: Sequence[int]) -> list[int]:
    """How many weights each layer has. Two classes need one output."""
    outputs = 1 if widths[-1] == 2 else widths[-1]
    return [a * b for a, b in pairwise((*widths[:-1], outputs))]


def operations_of_gradient(widths: Sequence[int], batch: int) -> int:
    """Of the matrix products of a gradient: each weight forward, by the weight, and by the rows but for the first."""
    each = numbers_of(widths)
    return 2 * batch * (3 * sum(each) - each[0])


def operations_of_product(widths: Sequence[int], batch: int) -> int:
    """Of those of a Hessian-vector product: both factors of each of the above in turn; rows have no direction."""
    each = numbers_of(widths)
    return 2 * batch * (6 * sum(each[1:]) + 2 * each[0])


# -- steps of one wide network


def steps_of_ours(size: Size) -> Callable[[], Any]:
    """Training steps as every training makes them, recorded, batches taken from the table."""
    made = ready(size.widths, size.batch, size.steps)
    order = jnp.asarray(made.walk.batches.steps(0, size.steps))
    rates, place = jnp.full(size.steps, 1e-3, jnp.float32), made.walk.place

    def steps() -> Any:
        batches = place.gather(made.table, order)
        return place.leg(made.parts, made.state, batches, rates, jnp.zeros_like(rates), size.steps, False)

    return steps


def network_of_torch(widths: Sequence[int], device: str) -> Any:
    import torch

    layers: list[Any] = []
    for a, b in pairwise(widths):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1]).to(device)


def steps_of_torch(size: Size, device: str) -> Callable[[], None]:
    import torch

    given = rows(size.widths, size.batch * size.steps)
    X, y = torch.tensor(given.features, device=device), torch.tensor(np.argmax(given.target, 1), device=device)
    model = network_of_torch(size.widths, device)
    rule = torch.optim.SGD(model.parameters(), lr=1e-3)

    @torch.compile
    def loss_of(x: Any, target: Any) -> Any:
        return torch.nn.functional.cross_entropy(model(x), target)

    def steps() -> None:
        order = torch.randperm(len(X), device=device)
        for i in range(size.steps):
            some = order[i * size.batch : (i + 1) * size.batch]
            rule.zero_grad(set_to_none=True)
            loss_of(X[some], y[some]).backward()
            rule.step()
        settle(device)

    return steps


# -- many trainings at once


def rates_of_ours(size: Size) -> Callable[[], Any]:
    """As many trainings as there are rates, in one compiled call."""
    made = ready(size.small, size.small_batch, 20)
    order = jnp.asarray(made.walk.batches.steps(0, 20))
    batches = made.walk.place.gather(made.table, order)
    ladder = jnp.asarray(np.geomspace(1e-4, 1, size.rates)[:, None] * np.ones(20), jnp.float32)
    return lambda: trials(made.parts, made.state, batches, ladder, made.whole, False)


def rates_of_torch(size: Size, device: str) -> Callable[[], None]:
    """The same by batched matrix products, all weights of a layer in one array."""
    import torch

    given = rows(size.small, size.small_batch * 20)
    X = torch.tensor(given.features, device=device).reshape(20, size.small_batch, -1)
    y = torch.tensor(given.target, device=device).reshape(20, size.small_batch)
    outputs = (*size.small[1:-1], 1)
    sizes = list(zip(size.small, outputs, strict=False))
    draw = partial(torch.randn, device=device)
    weights = [(draw(size.rates, a, b) / a**0.5).requires_grad_() for a, b in sizes]
    biases = [torch.zeros(size.rates, 1, b, device=device, requires_grad=True) for _, b in sizes]
    rates = torch.logspace(-4, 0, size.rates, device=device)[:, None, None]

    @torch.compile
    def loss_of(x: Any, target: Any) -> Any:
        h = x.expand(size.rates, -1, -1)
        for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
            h = torch.baddbmm(b, h, w)
            h = torch.relu(h) if i + 1 < len(weights) else h
        each = torch.nn.functional.binary_cross_entropy_with_logits(h[..., 0], target.expand(size.rates, -1))
        return each * size.rates  # each training has its own mean

    def train() -> None:
        for i in range(20):
            gradients = torch.autograd.grad(loss_of(X[i], y[i]), [*weights, *biases])
            with torch.no_grad():
                for weight, gradient in zip([*weights, *biases], gradients, strict=True):
                    weight -= rates * gradient
        settle(device)

    return train


# -- products of the Hessian with vectors


def products_of_ours(size: Size) -> Callable[[], Any]:
    made = ready(size.widths, size.batch, 1)
    batch = as_batch(made.rows)
    flat = ravel_pytree(made.state.parameters)[0]
    vectors = jax.random.normal(jax.random.key(0), (size.vectors, flat.size), jnp.float32)

    @jax.jit
    def products(parameters: Any, batch: Any, vectors: Any) -> Any:
        return lax.map(gradient_and_product(made.parts, parameters, batch)[1], vectors)

    return lambda: products(made.state.parameters, batch, vectors)


def products_of_torch(size: Size, device: str) -> Callable[[], None]:
    import torch

    given = rows(size.widths, size.batch)
    X, y = torch.tensor(given.features, device=device), torch.tensor(np.argmax(given.target, 1), device=device)
    model = network_of_torch(size.widths, device)
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    vectors = [{name: torch.randn_like(value) for name, value in parameters.items()} for _ in range(size.vectors)]

    def loss_of(parameters: Any) -> Any:
        return torch.nn.functional.cross_entropy(torch.func.functional_call(model, parameters, (X,)), y)

    @torch.compile
    def product(vector: Any) -> Any:
        return torch.func.jvp(torch.func.grad(loss_of), (parameters,), (vector,))[1]

    def products() -> None:
        for vector in vectors:
            product(vector)
        settle(device)

    return products


# -- all of it


def works(size: Size, device: str) -> dict[str, Work]:
    """By names that say what is done."""
    wide, small = sum(numbers_of(size.widths)), sum(numbers_of(size.small))
    gradient = operations_of_gradient(size.widths, size.batch)
    little = operations_of_gradient(size.small, size.small_batch)
    product = operations_of_product(size.widths, size.batch)
    name = "-".join(map(str, size.widths))
    row = 4 * size.batch * size.widths[0]
    return {
        f"{size.steps} steps of {name}, batch {size.batch:,}": Work(
            partial(_done, steps_of_ours(size)),
            partial(steps_of_torch, size, device),
            size.steps * gradient,
            size.steps * (8 * wide + row),
        ),
        f"20 steps of {size.rates:,} networks of {'-'.join(map(str, size.small))}": Work(
            partial(_done, rates_of_ours(size)),
            partial(rates_of_torch, size, device),
            20 * size.rates * little,
            20 * size.rates * 8 * small,
        ),
        f"{size.vectors} Hessian-vector products of {name}, {size.batch:,} rows": Work(
            partial(_done, products_of_ours(size)),
            partial(products_of_torch, size, device),
            size.vectors * product,
            size.vectors * (12 * wide + row),
        ),
    }


def _done(work: Callable[[], Any]) -> None:
    jax.block_until_ready(work())


def settle(device: str) -> None:
    """Wait for what was asked of a GPU."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def best(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Seconds of the quickest of some rounds, after one that does not count."""
    taken = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken[1:])


def limits(size: Size) -> tuple[float, float]:
    """Operations and bytes a second that this device reaches."""
    n = size.square
    a = jnp.ones((n, n), jnp.float32)
    multiply = jax.jit(lambda a: a @ a)
    long = jnp.ones(size.copied, jnp.float32)
    copy = jax.jit(lambda a: a + 1)
    return 2 * n**3 / best(partial(_done, lambda: multiply(a))), 8 * size.copied / best(
        partial(_done, lambda: copy(long))
    )


def main() -> None:
    """Run all, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu or gpu")
    parser.add_argument("--size", default=None, choices=SIZES, help="full on a GPU unless given, else small")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("gpu.json"))
    asked = parser.parse_args()
    import torch

    torch.set_float32_matmul_precision("high")  # as JAX does on its own: TF32 where the device has it
    with on(asked.device):
        device = jax.devices()[0] if asked.device == "auto" else jax.devices(asked.device)[0]
        gpu = device.platform != "cpu"
        name = asked.size or ("full" if gpu else "small")
        size = SIZES[name]
        operations, moved = limits(size)
        print(f"{device.device_kind}: {operations / 1e12:.2f} T operations/s, {moved / 1e9:.0f} GB/s")
        print(f"{'work':<58} {'ours':>10} {'PyTorch':>10} {'ratio':>6} {'floor':>10} {'of it':>6}")
        found = []
        for what, work in works(size, "cuda" if gpu else "cpu").items():
            theirs = work.theirs()
            best(work.ours, 1), best(theirs, 1)
            taken = [(best(work.ours, 1), best(theirs, 1)) for _ in range(ROUNDS)]
            mine, other = (statistics.median(side) for side in zip(*taken, strict=True))
            floor = max(work.operations / operations, work.moved / moved)
            print(
                f"{what:<58} {1e3 * mine:>7.2f} ms {1e3 * other:>7.2f} ms {mine / other:>6.2f} "
                f"{1e3 * floor:>7.2f} ms {mine / floor:>5.1f}x",
                flush=True,
            )
            found.append({"work": what, "ours_s": mine, "torch_s": other, "floor_s": floor, "rounds": taken})
    machine = {
        "device": device.device_kind,
        "size": name,
        "operations_s": operations,
        "bytes_s": moved,
        "cores": os.cpu_count(),
        "jax": jax.__version__,
        "torch": torch.__version__,
    }
    asked.json.write_text(json.dumps({"machine": machine, "works": found}, indent=1) + "\n")
    print(f"written to {asked.json}")


if __name__ == "__main__":
    main()
