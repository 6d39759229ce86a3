"""Fallline against its peers: every pair alternates within one run, and what is printed is the median ratio.

    python benchmarks/pairs.py [--rounds 7] [--json benchmarks/results.json] [--only TEXT]

Synthetic data, float32, recording on unless said. What each side does:

- An epoch of ours is `legs.train` on a table that is set up: shuffling, gathering, every step with its record, and
  the record handed to the host. Set-up and compilation (once, kept on disk) are not in it.
- An epoch of scikit-learn is `partial_fit` on the whole table, which shuffles it and runs one epoch.
- An epoch of PyTorch is eager: a permutation, a slice a step, forward, backward, and the SGD step.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import curvature
import jax
import jax.numpy as jnp
import numpy as np
import surface
import torch
from pair import FEATURES, Pair, table
from sklearn.linear_model import LinearRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier

from fallline.batches import Batches
from fallline.engine import on_device
from fallline.fit import fit, set_up
from fallline.legs import Leg, gather, train
from fallline.many import trials
from fallline.settings import check, parts_of
from fallline.step import step
from fallline.survey import Rows
from fallline.trace.trace import Trace


def epoch_of_ours(rows: int, model: str = "logistic", **settings) -> Callable[[], object]:
    """One epoch on a table that is set up, recorded in memory."""
    X, y = table(rows)
    asked = check(model=model, rate=0.01, stop=None, **({"epochs": 1} | settings))
    ready = set_up(
        parts_of(asked, features=FEATURES, task="classes", classes=2), asked, Rows(X, y, np.ones(rows, np.float32))
    )

    def epoch() -> object:
        trace = Trace(ready.walk.batches)

        def keep(done: Leg) -> None:
            trace.keep(done)

        state, _ = train(ready.parts, ready.state, ready.table, ready.walk, keep, stop=ready.horizon)
        return jax.block_until_ready(state.parameters)

    return epoch


def epoch_of_sgd(rows: int) -> Callable[[], object]:
    X, y = table(rows)
    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.01, alpha=0.0)
    model.partial_fit(X[:64], y[:64], classes=[0, 1])
    return lambda: model.partial_fit(X, y)


def epoch_of_sklearn_mlp(rows: int, batch: int) -> Callable[[], object]:
    X, y = table(rows)
    model = MLPClassifier((64, 64), solver="sgd", batch_size=batch, learning_rate_init=0.01, momentum=0.0, alpha=0.0)
    model.partial_fit(X[:64], y[:64], classes=[0, 1])
    return lambda: model.partial_fit(X, y)


def epoch_of_torch(rows: int, batch: int, hidden: tuple[int, ...] = ()) -> Callable[[], object]:
    X, y = (torch.from_numpy(a) for a in table(rows))
    sizes = (FEATURES, *hidden, 1)
    layers: list[torch.nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    rule = torch.optim.SGD(model.parameters(), lr=0.01)
    loss_of = torch.nn.BCEWithLogitsLoss()

    def epoch() -> object:
        order = torch.randperm(rows)
        for first in range(0, rows, batch):
            some = order[first : first + batch]
            rule.zero_grad()
            loss_of(model(X[some])[:, 0], y[some]).backward()
            rule.step()
        return model

    return epoch


def gradient_of_ours(rows: int) -> Callable[[], object]:
    X, y = table(rows)
    asked = check(model="logistic", batch="full", rate=0.01, stop=None, steps=10)
    ready = set_up(parts_of(asked, features=FEATURES, task="classes", classes=2), asked, Rows(X, y, np.ones(rows)))
    return lambda: train(ready.parts, ready.state, ready.table, ready.walk, lambda _: None, stop=10)


def gradient_of_torch(rows: int) -> Callable[[], object]:
    X, y = (torch.from_numpy(a) for a in table(rows))
    weights, bias = torch.zeros(FEATURES, requires_grad=True), torch.zeros(1, requires_grad=True)
    rule = torch.optim.SGD([weights, bias], lr=0.01)

    def ten() -> object:
        for _ in range(10):
            rule.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(X @ weights + bias, y).backward()
            rule.step()
        return weights

    return ten


def squared_of_ours(rows: int) -> Callable[[], object]:
    X, y = table(rows)
    weight = np.ones(rows, np.float32)

    def steps() -> object:
        asked = check(model="linear", batch="full", rate=0.1, stop=None, steps=1000)
        done = fit(parts_of(asked, features=FEATURES, task="regression"), asked, Rows(X, y, weight))
        assert done.ready.condensed
        return done

    return steps


def rates_of_ours(rows: int, count: int) -> Callable[[], object]:
    X, y = table(rows)
    asked = check(model="logistic", batch=128, rate=0.01, stop=None, epochs=1)
    ready = set_up(parts_of(asked, features=FEATURES, task="classes", classes=2), asked, Rows(X, y, np.ones(rows)))
    rates = np.geomspace(1e-4, 1, count)[:, None]

    def all_at_once() -> object:
        order = jnp.asarray(Batches(rows, 128, 0).epoch(0))
        ladder = jnp.asarray(np.repeat(rates, len(order), axis=1), jnp.float32)
        seen = gather(ready.table, order)
        return jax.block_until_ready(trials(ready.parts, ready.state, seen, ladder, ready.whole, False))

    return all_at_once


def rates_of_sgd(rows: int, count: int) -> Callable[[], object]:
    X, y = table(rows)

    def one_by_one() -> object:
        for rate in np.geomspace(1e-4, 1, count):
            SGDClassifier(loss="log_loss", learning_rate="constant", eta0=rate, alpha=0.0, max_iter=1, tol=None).fit(
                X, y
            )

    return one_by_one


def unrecorded(rows: int, batch: int, model: str, epochs: int) -> Callable[[], object]:
    """The same loop with nothing recorded."""
    X, y = table(rows)
    asked = check(model=model, rate=0.01, stop=None, epochs=epochs, batch=batch)
    ready = set_up(parts_of(asked, features=FEATURES, task="classes", classes=2), asked, Rows(X, y, np.ones(rows)))

    @partial(jax.jit, static_argnames="parts")
    def silent(parts, state, batches, rates, blends, count):
        def one(i, state):
            return step(parts, state, jax.tree.map(lambda a: a[i], batches), rates[i], blends[i])[0]

        return jax.lax.fori_loop(0, count, one, state)

    def epoch() -> object:
        state = ready.state
        for first, end in ready.walk.legs(0, ready.horizon):
            steps = np.arange(first, end)
            batches = gather(ready.table, on_device(ready.walk.batches.steps(first, end)))
            rates, blends = (on_device(f(steps), np.float32) for f in (ready.walk.rates, ready.walk.blends))
            state = silent(ready.parts, state, batches, rates, blends, end - first)
        return jax.block_until_ready(state.parameters)

    return epoch


from fallline.examples import example  # noqa: E402

HOUSING = example()
BARE = """
import jax, jax.numpy as jnp, polars as pl
from sklearn.linear_model import LinearRegression
t = pl.read_csv({path!r}).drop_nulls()
X, y = t.drop("median_house_value", "ocean_proximity").to_numpy(), t["median_house_value"].to_numpy()
jnp.zeros(3).block_until_ready()
print(LinearRegression().fit(X, y).score(X, y))
"""


def command_of_ours() -> None:
    """`fallline train`, from process start until the summary is printed."""
    with tempfile.TemporaryDirectory() as runs:
        command = [sys.executable, "-m", "fallline", "train", str(HOUSING), "--target", "median_house_value"]
        done = subprocess.Popen(
            [*command, "--runs", runs], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert done.stdout is not None
        for line in done.stdout:
            if line.startswith("Verdict"):
                command_of_ours.summary = time.perf_counter()
        assert done.wait() == 0


def bare_script() -> None:
    """A script that imports JAX and scikit-learn and fits once."""
    subprocess.run([sys.executable, "-c", BARE.format(path=str(HOUSING))], check=True, stdout=subprocess.DEVNULL)


def pairs() -> dict[str, Callable[[], Pair]]:
    """Each made when its turn comes, so that tables of 2M rows are not all held at once."""
    n, many = 100_000, 2_000_000
    mlp = "mlp:64,64"
    gigabytes = many * FEATURES * 4 / 1e9

    def bandwidth(ours: float, theirs: float) -> str:
        X = table(many)[0]
        began = time.perf_counter()
        X.max()
        read = gigabytes / (time.perf_counter() - began)
        return f"{10 * gigabytes / ours:.1f} GB/s of features against {read:.1f} GB/s that one core reads"

    def recording(model: str, batch: int, epochs: int) -> Pair:
        ours, theirs = epoch_of_ours(n, model, batch=batch, epochs=epochs), unrecorded(n, batch, model, epochs)
        steps = epochs * -(-n // batch)
        return Pair("", ours, theirs, "recording nothing", 1.1, lambda a, b: f"{1e6 * (a - b) / steps:+.2f} us a step")

    return {
        "logistic, 100k x 28, batch 1, one epoch": lambda: Pair(
            "", epoch_of_ours(n, batch=1), epoch_of_sgd(n), "scikit-learn SGDClassifier", 0.8
        ),
        "logistic, 100k x 28, batch 32, one epoch": lambda: Pair(
            "", epoch_of_ours(n, batch=32), epoch_of_torch(n, 32), "PyTorch", 1 / 20
        ),
        "network 28-64-64-1, 100k rows, batch 32": lambda: Pair(
            "", epoch_of_ours(n, mlp, batch=32), epoch_of_sklearn_mlp(n, 32), "scikit-learn MLPClassifier", 0.25
        ),
        "network 28-64-64-1, 100k rows, batch 32 ": lambda: Pair(
            "", epoch_of_ours(n, mlp, batch=32), epoch_of_torch(n, 32, (64, 64)), "PyTorch", 0.25
        ),
        "network 28-64-64-1, 100k rows, batch 1024": lambda: Pair(
            "", epoch_of_ours(n, mlp, batch=1024), epoch_of_torch(n, 1024, (64, 64)), "PyTorch", 1.0
        ),
        "logistic, 2M x 28, 10 full-batch steps": lambda: Pair(
            "", gradient_of_ours(many), gradient_of_torch(many), "PyTorch", 0.5, bandwidth
        ),
        "squared loss, 2M x 28, 1,000 full-batch steps": lambda: Pair(
            "", squared_of_ours(many), partial(LinearRegression().fit, *table(many)), "LinearRegression.fit", 0.5
        ),
        "64 rates at once (logistic, batch 128, one epoch)": lambda: Pair(
            "", rates_of_ours(n, 64), rates_of_sgd(n, 64), "64 x SGDClassifier.fit, one epoch", 0.1
        ),
        "recording, logistic, batch 32, 10 epochs": lambda: recording("logistic", 32, 10),
        "recording, network, batch 32": lambda: recording(mlp, 32, 1),
        "recording, network, batch 128": lambda: recording(mlp, 128, 2),
        "recording, network, batch 1024": lambda: recording(mlp, 1024, 4),
        "fallline train on California housing, to the summary": lambda: Pair(
            "", command_of_ours, bare_script, "a bare script", 2.5
        ),
    }


def seconds(work: Callable[[], object]) -> float:
    """How long it takes; to the summary for the command, which goes on to write its report."""
    began = time.perf_counter()
    work()
    ended = time.perf_counter()
    return getattr(work, "summary", ended) - began


def main() -> None:
    """Run all pairs, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results.json")
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    results = []
    print(f"{'work':<52} {'ours':>10} {'theirs':>10} {'ratio':>7} {'reach':>6}  against")
    for name, make in (pairs() | curvature.pairs() | surface.pairs()).items():
        if asked.only not in name:
            continue
        pair = make()
        seconds(pair.ours), seconds(pair.theirs)  # compiled, and warm
        taken = [(seconds(pair.ours), seconds(pair.theirs)) for _ in range(asked.rounds)]
        ours, theirs = (statistics.median(side) for side in zip(*taken, strict=True))
        ratio = statistics.median(a / b for a, b in taken)
        note = pair.note(ours, theirs)
        mark = " " if ratio <= pair.reach else "*"
        print(
            f"{name:<52} {1e3 * ours:>7.1f} ms {1e3 * theirs:>7.1f} ms {ratio:>7.3f} {pair.reach:>5.2f}{mark} "
            f"{pair.peer}{'; ' + note if note else ''}",
            flush=True,
        )
        results.append(
            {
                "work": name.strip(),
                "against": pair.peer,
                "ours_s": ours,
                "theirs_s": theirs,
                "ratio": ratio,
                "reach": pair.reach,
                "reached": ratio <= pair.reach,
                "rounds": taken,
                "note": note,
            }
        )
    print("* not reached")
    machine = {"system": platform.platform(), "cores": os.cpu_count(), "torch_threads": torch.get_num_threads()}
    versions = {"python": platform.python_version(), "jax": jax.__version__, "torch": torch.__version__}
    if not asked.only:
        asked.json.write_text(json.dumps({"machine": machine | versions, "pairs": results}, indent=1) + "\n")
        print(f"written to {asked.json}")


if __name__ == "__main__":
    main()
