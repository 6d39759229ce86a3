"""Independent checks of whether a fault did come about: NumPy on what the run left, none of the diagnosis's code.

Each returns whether the label stands. A set-up whose fault did not come about loses the label (and says so).
"""

from __future__ import annotations

from typing import Any

import numpy as np


def stands(check: str, run: Any) -> bool:
    return CHECKS[check](run)


def _not_finite(run: Any) -> bool:
    loss = run.trace["loss"].to_numpy()
    return bool(not np.isfinite(loss[-1]) or loss[-1] > 1e5 * loss[0])


def _far(run: Any) -> bool:
    """A tenth and more of what the exact answer gains over the trivial one is still to be gained."""
    exact, trivial = run.exact["loss"], run.start["trivial_loss"]
    return run.metrics["train"]["loss"] - exact > 0.1 * (trivial - exact)


def _hovers(run: Any) -> bool:
    """The same training with a hundredth of the rate, from where it ended, takes a tenth off the training loss.

    Done by NumPy's or JAX's own gradient, full batch, until nothing falls any more.
    """
    import jax
    import jax.numpy as jnp

    training = run.training
    parts, whole = training.parts, training.ready.whole

    def loss(p: Any) -> Any:
        return parts.loss(parts.model.predict(p, whole.features), whole)

    @jax.jit
    def descend(p: Any, rate: float) -> Any:
        def one(p: Any, _: Any) -> tuple:
            g = jax.grad(loss)(p)
            return jax.tree.map(lambda w, d: w - rate * d, p, g), loss(p)

        return jax.lax.scan(one, p, None, 2000)[1]

    start = run.trace["loss"].to_numpy()[-max(1, len(run.trace) // 10) :].mean()
    best = min(float(jnp.nanmin(descend(training.kept, rate))) for rate in (0.001, 0.01, 0.1, 1.0))
    return bool(start - best > 0.1 * abs(best) and start - best > 0.01 * run.start["trivial_loss"])


def _slower(run: Any) -> bool:
    """Trained again with a hundredth or a thousandth of the rate, the training loss ends at less than 0.8 of this."""
    import tempfile

    import fallline as fl

    asked = dict(run.asked)
    ends = []
    for factor in (0.01, 0.001):
        settings = asked | {"rate": asked["rate"] * factor}
        with tempfile.TemporaryDirectory() as folder:
            other = fl.train(
                run.training.table.frame, run.data["target"]["name"], split="part", runs=folder, **settings
            )
            ends.append(other.metrics["train"]["loss"])
    loss = run.trace["loss"].to_numpy()
    return bool(min(ends) < 0.8 * loss[-max(1, len(loss) // 10) :].mean())


def _signals(run: Any) -> list[np.ndarray]:
    """What each hidden layer hands on, in NumPy."""
    training = run.training
    settings, weights = run.settings, run.weights()
    act = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}
    signal, found = np.asarray(training.ready.whole.features, float), []
    depth = len({name.partition("/")[0] for name in weights})
    for number in range(1, depth):
        score = signal @ weights[f"layer{number}/weights"] + weights[f"layer{number}/bias"]
        signal = act[settings["activation"]](score)
        found.append(signal)
    return found


def _dead(run: Any) -> bool:
    return any(np.mean((layer == 0).all(axis=0)) >= 0.5 for layer in _signals(run))


def _saturated(run: Any) -> bool:
    """Half of a layer beyond 0.98 of the activation's bounds."""
    middle, half = (0.0, 1.0) if run.settings["activation"] == "tanh" else (0.5, 0.5)
    return any(np.mean(np.abs(layer - middle) > 0.98 * half) >= 0.5 for layer in _signals(run))


def _turned(run: Any) -> bool:
    """Held-out loss at the end well above its lowest, training loss lower than it was then."""
    looks = run.evaluations
    losses, steps = looks["validation_loss"].to_numpy(), looks["step"].to_numpy()
    best = int(np.argmin(losses))
    loss = run.trace["loss"].to_numpy()
    last = max(1, len(loss) // 20)
    then = loss[max(0, steps[best] - last) : steps[best] + last].mean()
    return bool(losses[-max(1, len(losses) // 10) :].mean() > 1.15 * losses[best] and loss[-last:].mean() < 0.9 * then)


def _worse(run: Any) -> bool:
    return run.metrics["train"]["loss"] > 1.02 * run.start["trivial_loss"]


def _apart(run: Any) -> bool:
    """Held-out loss fell and the measure, an error, rose, from the lowest error to the end; by a twentieth each."""
    looks = run.evaluations
    loss, error = looks["validation_loss"].to_numpy(), looks["validation_metric"].to_numpy()
    best = int(np.argmin(error))
    return bool(loss[-3:].mean() < 0.95 * loss[best] and error[-3:].mean() > 1.05 * error[best])


CHECKS = {
    "not finite": _not_finite,
    "far from exact": _far,
    "hovers": _hovers,
    "slower is better": _slower,
    "dead": _dead,
    "saturated": _saturated,
    "turned": _turned,
    "worse": _worse,
    "apart": _apart,
}
