"""The largest eigenvalue of the Hessian, against PyHessian, at equal tolerance.

A network 28-64-64-1, with random weights and after one epoch, log loss over 10k rows, float32. Both find
the one eigenvalue, to a relative 1e-3 each by its own measure: PyHessian's power iteration stops when two rounds in a
row differ by less than that, ours when the bound of its error is below it. Compilation (once, kept on disk) is not in
it. PyHessian is not among Fallline's own requirements: `pip install pyhessian==0.1`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise

import jax
import numpy as np
import torch
from pair import FEATURES, Pair, table

from fallline.fit import fit
from fallline.instruments.spectrum import ends
from fallline.settings import check, parts_of
from fallline.survey import Rows, as_batch

ROWS = 10_000
HIDDEN = (64, 64)
TOLERANCE = 1e-3


@cache
def network(epochs: int) -> tuple:
    """Parts, the parameters after so many epochs of batch 32, and all rows as a batch."""
    X, y = table(ROWS)
    rows = Rows(X, y, np.ones(ROWS, np.float32))
    asked = check(model="mlp:" + ",".join(map(str, HIDDEN)), rate=0.05, batch=32, epochs=max(epochs, 1), stop=None)
    parts = parts_of(asked, features=FEATURES, task="classes", classes=2)
    parameters = fit(parts, asked, rows).parameters if epochs else parts.model.init(jax.random.key(0))
    return parts, parameters, as_batch(rows)


def ours(epochs: int) -> Callable[[], float]:
    parts, parameters, batch = network(epochs)

    def largest() -> float:
        found = ends(parts, parameters, batch, TOLERANCE, most=32, both=False)
        assert found.error <= TOLERANCE * found.largest
        return float(found.largest)

    return largest


def theirs(epochs: int) -> Callable[[], float]:
    """PyHessian on the same weights and rows, in PyTorch."""
    from pyhessian import hessian

    X, y = (torch.from_numpy(a) for a in table(ROWS))
    sizes = (FEATURES, *HIDDEN, 1)
    layers: list[torch.nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    parameters = network(epochs)[1]
    with torch.no_grad():
        for number, layer in enumerate(model[::2], 1):
            own = parameters[f"layer{number}"]
            layer.weight.copy_(torch.tensor(np.asarray(own["weights"]).T))
            layer.bias.copy_(torch.tensor(np.asarray(own["bias"])))
    loss_of = torch.nn.BCEWithLogitsLoss()

    def largest() -> float:
        torch.manual_seed(0)
        model.zero_grad()
        found = hessian(model, lambda p, t: loss_of(p[:, 0], t), data=(X, y), cuda=False)
        return found.eigenvalues(maxIter=1000, tol=TOLERANCE, top_n=1)[0][0]

    return largest


def pair(epochs: int) -> Pair:
    """Both sides, after a look at whether they agree."""
    mine, other = ours(epochs), theirs(epochs)
    a, b = mine(), other()
    if not abs(a - b) <= 5 * TOLERANCE * abs(a):  # two rounds in a row can be closer than either is to the eigenvalue
        raise AssertionError(f"The largest eigenvalue is {a:.6g} here and {b:.6g} by PyHessian.")
    return Pair("", mine, other, "PyHessian", 1 / 3, lambda ours, theirs: f"{a:.5g} against {b:.5g}")


def pairs() -> dict[str, Callable[[], Pair]]:
    """As `benchmarks/pairs.py` wants them."""
    return {
        "largest Hessian eigenvalue, random 28-64-64-1": partial(pair, 0),
        "largest Hessian eigenvalue, after one epoch": partial(pair, 1),
    }
