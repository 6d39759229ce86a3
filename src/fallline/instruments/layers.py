"""What happens in each layer along the way: signals, gradients, weights, updates, units that are dead or saturated.

A unit is dead when it gives 0 on every row: nothing that comes after can move it, since its slope is 0 there. It is
saturated on a row when its activation's slope there has shrunk below a twentieth of its largest.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree

from fallline.measurement import Figures, Measurement
from fallline.models import Network
from fallline.models.activations import ACTIVATIONS
from fallline.record import groups
from fallline.step import objective
from fallline.training import Training
from fallline.types import Batch, Parameters, Parts

POINTS = 10  # of the path, the start and the end included
ROWS = 2_000
DEAD = 1e-6  # a signal no larger than this on any row: that of relu is 0
LEVEL = 0.05  # of the largest slope
SLOPES = {"tanh": lambda y: 1 - y**2, "sigmoid": lambda y: 4 * y * (1 - y)}  # of the output, the largest being 1


class Seen(NamedTuple):
    """What one set of weights does: a number for each layer. Signals, dead and saturated are those of hidden layers."""

    gradient: Any  # [layers] norm
    weight: Any  # [layers] norm
    alike: Any  # [layers]: the furthest that a unit's incoming weights are from those of the layer's first unit
    mean: Any  # [hidden] of the units' signals
    spread: Any  # [hidden] their root mean square
    dead: Any  # [hidden] share of the units
    saturated: Any  # [hidden] share of all signals


def signals(model: Network, parameters: Parameters, features: Any) -> list[jax.Array]:
    """What each hidden layer hands on: [rows, units]."""
    found, signal = [], features
    for number in range(1, len(model.hidden) + 1):
        layer = parameters[f"layer{number}"]
        score = signal @ layer["weights"]
        signal = ACTIVATIONS[model.activation](score + layer["bias"] if model.bias else score)
        found.append(signal)
    return found


@partial(jax.jit, static_argnames="parts")
def look_at_layers(parts: Parts, like: Parameters, flats: jax.Array, batch: Batch) -> Seen:
    """Every layer at each of the points: Seen with [points, layers], norms in the order of `groups`."""
    unravel = ravel_pytree(like)[1]

    def one(flat: jax.Array) -> Seen:
        parameters = unravel(flat)
        gradient = jax.grad(lambda p: objective(parts, p, batch))(parameters)
        model, hidden = parts.model, []
        if isinstance(model, Network):
            hidden = signals(model, parameters, batch.features)
        slope = SLOPES.get(model.activation) if hidden else None
        none = jnp.zeros(len(hidden))
        return Seen(
            _norms(gradient),
            _norms(parameters),
            _alike(model, parameters),
            _each(jnp.mean, hidden),
            _each(lambda y: jnp.sqrt(jnp.mean(y**2)), hidden),
            _each(lambda y: jnp.mean(jnp.max(jnp.abs(y), axis=0) <= DEAD), hidden) if slope is None else none,
            _each(lambda y: jnp.mean(slope(y) < LEVEL), hidden) if slope is not None else none,
        )

    return jax.lax.map(one, flats)


def _each(measure: Any, hidden: list[jax.Array]) -> jax.Array:
    return jnp.stack([measure(signal) for signal in hidden]) if hidden else jnp.zeros(0)


def _norms(tree: Parameters) -> jax.Array:
    """The norm of each parameter group, in the order of `groups`."""
    flat, sizes = ravel_pytree(tree)[0], [size for _, size in groups(tree)]
    ends = np.cumsum(sizes)
    return jnp.stack([jnp.linalg.norm(flat[end - size : end]) for size, end in zip(sizes, ends, strict=True)])


def _alike(model: Any, parameters: Parameters) -> jax.Array:
    if not isinstance(model, Network):
        return jnp.zeros(0)
    layers = [parameters[f"layer{number}"]["weights"] for number in range(1, len(model.hidden) + 1)]
    return jnp.stack([jnp.max(jnp.abs(weights - weights[:, :1])) for weights in layers])


def measure_layers(training: Training) -> Measurement:
    """Each layer at some points of the path.

    Returns: a frame of step, layer, hidden (whether activations follow it), gradient_norm (over the rows judged),
    weight_norm, update_norm and update_ratio (of the step's update to the weights after it; null at the start), and
    for hidden layers signal_mean, signal_rms, dead and saturated (shares). Figures sum up the start and the end; a
    model of one layer has its parameter groups (weights, bias) for layers, and no hidden ones.
    """
    steps, flats = _points(training)
    batch = training.judged(ROWS)
    seen = look(training, flats, batch)
    frame = _frame(training, steps, seen)
    return Measurement("layers", frame, layer_figures(training, seen) | _update_figures(frame) | _rows(training, batch))


def look(training: Training, flats: np.ndarray, batch: Batch) -> Seen:
    """The layers at some points, the first layer first."""
    seen = look_at_layers(training.parts, training.start, jnp.asarray(flats), batch)
    seen = Seen(*(np.asarray(part, np.float64) for part in seen))
    order = _order(training)
    return seen._replace(gradient=seen.gradient[:, order], weight=seen.weight[:, order])


def names_of(training: Training) -> list[str]:
    """The layers, first to last; the parameter groups of a model that has none."""
    names = [name for name, _ in groups(training.start)]
    return [names[place] for place in _order(training)]


def _order(training: Training) -> list[int]:
    """Places of the layers among the parameter groups, where layer10 comes before layer2."""
    names = [name for name, _ in groups(training.start)]
    numbered = isinstance(training.parts.model, Network)
    return sorted(range(len(names)), key=lambda place: int(names[place][5:]) if numbered else place)


def _points(training: Training) -> tuple[np.ndarray, np.ndarray]:
    """Some steps of the path, close together at first, and the end; the model kept counts as the end."""
    steps, flats = training.path()
    inside = np.flatnonzero(steps < training.kept_step)
    some = np.unique(np.geomspace(1, max(len(inside), 1), POINTS - 1).round().astype(int)) - 1
    chosen = inside[some] if len(inside) else np.zeros(0, int)
    end = training.flat(training.kept)
    return np.append(steps[chosen], training.kept_step), np.concatenate([flats[chosen], end[None].astype(flats.dtype)])


def _frame(training: Training, steps: np.ndarray, seen: Seen) -> pl.DataFrame:
    names = names_of(training)
    hidden = seen.mean.shape[1]
    trace = training.trace
    at = np.clip(steps - 1, 0, max(trace.height - 1, 0))
    rows = []
    for place, name in enumerate(names):
        inside = place < hidden
        column = f"update_norm/{name}"
        known = column in trace.columns and trace.height
        moved = trace[column].to_numpy()[at] if known else np.full(len(steps), np.nan)
        after = trace[f"weight_norm/{name}"].to_numpy()[at] if known else np.full(len(steps), np.nan)
        moved = np.where(steps > 0, moved, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = moved / after
        rows.append(
            pl.DataFrame(
                {
                    "step": steps,
                    "layer": [name] * len(steps),
                    "hidden": [inside] * len(steps),
                    "gradient_norm": seen.gradient[:, place],
                    "weight_norm": seen.weight[:, place],
                    "update_norm": pl.Series(moved).fill_nan(None),
                    "update_ratio": pl.Series(ratio).fill_nan(None),
                    "signal_mean": seen.mean[:, place] if inside else [None] * len(steps),
                    "signal_rms": seen.spread[:, place] if inside else [None] * len(steps),
                    "dead": seen.dead[:, place] if inside else [None] * len(steps),
                    "saturated": seen.saturated[:, place] if inside else [None] * len(steps),
                },
                schema_overrides=dict.fromkeys(("signal_mean", "signal_rms", "dead", "saturated"), pl.Float64),
            )
        )
    return pl.concat(rows).sort("step", maintain_order=True)


def layer_figures(training: Training, seen: Seen) -> Figures:
    """What the first point, the start, and the last, the model kept, come to. Shares are None without hidden layers."""
    model = training.parts.model
    names = names_of(training)
    figures: Figures = {"layers": names, "hidden": 0, "activation": None}
    if not isinstance(model, Network):
        return figures
    hidden = len(model.hidden)
    worst_dead, worst = int(np.argmax(seen.dead[-1])), int(np.argmax(seen.saturated[-1]))
    bends = model.activation in SLOPES
    features = np.sqrt(np.mean(np.square(np.asarray(training.judged(ROWS).features, np.float64))))
    alike = [n for n, apart, units in zip(names, seen.alike[0], model.hidden, strict=False) if units > 1 and apart == 0]
    return figures | {
        "hidden": hidden,
        "activation": model.activation,
        "units": list(model.hidden),
        "dead": None if bends else seen.dead[-1].tolist(),
        "dead_share": None if bends else float(seen.dead[-1][worst_dead]),
        "dead_at_start": None if bends else float(seen.dead[0].max()),
        "dead_layer": None if bends else names[worst_dead],
        "saturated": seen.saturated[-1].tolist() if bends else None,
        "saturated_share": float(seen.saturated[-1][worst]) if bends else None,
        "saturated_at_start": float(seen.saturated[0].max()) if bends else None,
        "saturated_layer": names[worst] if bends else None,
        "alike": alike,
        "start_gradients": seen.gradient[0].tolist(),
        "end_gradients": seen.gradient[-1].tolist(),
        "start_first_to_last": _ratio(seen.gradient[0]),
        "end_first_to_last": _ratio(seen.gradient[-1]),
        "signal_growth": float(seen.spread[0][-1] / features) if features > 0 else None,
    }


def _ratio(gradients: np.ndarray) -> float | None:
    """The first layer's gradient norm as a multiple of the last one's."""
    first, last = gradients[0], gradients[-1]
    return float(first / last) if last > 0 and np.isfinite(first) else None


def _update_figures(frame: pl.DataFrame) -> Figures:
    """The middle of all update-to-weight ratios, and the layers with the smallest and the largest."""
    known = frame.filter(pl.col("update_ratio").is_finite() & (pl.col("weight_norm") > 0))
    if known.is_empty():
        return {"update_ratio": None, "update_ratio_low": None, "update_ratio_high": None}
    middles = known.group_by("layer").agg(pl.col("update_ratio").median()).sort("update_ratio")
    return {
        "update_ratio": float(np.median(known["update_ratio"].to_numpy())),
        "update_ratio_low": float(middles["update_ratio"][0]),
        "update_ratio_low_layer": middles["layer"][0],
        "update_ratio_high": float(middles["update_ratio"][-1]),
        "update_ratio_high_layer": middles["layer"][-1],
        "points": int(frame["step"].n_unique()),
    }


def _rows(training: Training, batch: Batch) -> Figures:
    return {"rows": len(batch.share), "rows_of": len(training.ready.whole.share), "kept_step": training.kept_step}
