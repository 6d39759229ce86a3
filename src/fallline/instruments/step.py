"""One update in full, from the user's own rows: w_new = w_old - rate * direction, in numbers."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import polars as pl
from jax.flatten_util import ravel_pytree

from fallline.data import decode
from fallline.errors import RunError
from fallline.losses import Squared
from fallline.measurement import Measurement
from fallline.step import step as take
from fallline.training import Training

ROWS = 8  # of the batch that are spelled out
WEIGHTS = 12  # parameters that are spelled out: those that the update changed most


def measure_step(training: Training, *, step: int, weight: str | None) -> Measurement:
    """Walk to the step before this one again, then take the step and look at it.

    Returns: figures of step, epoch, rate, rule, batch (how many rows), loss, objective; rows: number in the table,
    prediction and target as the loop sees them, target in its own units; weights: name, old, gradient, update, new.

    Raises: RunError when the training has no such step.
    """
    if not 1 <= step <= training.steps:
        raise RunError(f"{training.name} has no step {step:,}.\nIt has steps 1 to {training.steps:,}.")
    ready, table, number = training.ready, training.table, step
    assert table is not None
    before = training.state(number - 1)
    rows = table.split.train[training.rows_of(number)]
    batch = training.batch_of(number)
    rate = training.rate_of(number)
    after, seen = take(training.parts, before, batch, jnp.asarray(rate, batch.share.dtype), jnp.zeros(()))
    old, gradient, update, new = (
        np.asarray(ravel_pytree(t)[0], np.float64)
        for t in (before.parameters, seen.gradient, seen.update, after.parameters)
    )
    most = np.argsort(-np.abs(update), kind="stable")[:WEIGHTS]
    prediction = np.asarray(training.parts.loss.response(seen.prediction), np.float64)
    shown = range(min(ROWS, len(rows)))
    own = decode(table.target, table.codes[rows[: len(shown)]])
    record = training.trace.row(number - 1, named=True)
    figures = {
        "run": training.name,
        "step": number,
        "epoch": record["epoch"],
        "rule": ready.settings.rule,
        "rate": rate,
        "batch": len(rows),
        "condensed": ready.condensed,
        "squared": isinstance(training.parts.loss, Squared),
        "loss": float(seen.loss),
        "objective": float(seen.objective),
        "recorded_loss": record["loss"],
        "gradient_norm": float(np.linalg.norm(gradient)),
        "rows": [
            {
                "row": int(table.numbers[rows[i]] + 1),
                "prediction": prediction[i].tolist(),
                "target": np.asarray(batch.target[i], np.float64).tolist(),
                "own": own[i].item() if isinstance(own[i], np.generic) else own[i],
            }
            for i in shown
        ],
        "weights": [
            {
                "name": training.names[k],
                "old": old[k],
                "gradient": gradient[k],
                "update": update[k],
                "new": new[k],
            }
            for k in most
        ],
        "parameters": len(old),
    }
    return Measurement("step", pl.DataFrame(figures["weights"]), figures)


def tell_step(m: dict[str, Any]) -> list[str]:
    """The update as lines of text: predict, loss, gradient, update."""
    lines = [
        f"Step {m['step']:,} of {m['run']} (epoch {m['epoch']:.3g}, {m['batch']:,} rows, rule {m['rule']})",
        "",
    ]
    lines.append("1 predict   what the model says of the rows, with the weights as they are")
    for row in m["rows"]:
        said, wanted = (_numbers(row[k]) for k in ("prediction", "target"))
        own = f"{row['own']:,.10g}" if isinstance(row["own"], float) else row["own"]
        lines.append(f"    row {row['row']:>7,}   prediction {said:>12}   target {wanted:>12}   (in the table: {own})")
    if m["batch"] > len(m["rows"]):
        lines.append(f"    and {m['batch'] - len(m['rows']):,} rows more")
    half = " (half the mean squared error)" if m["squared"] else ""
    lines += ["", f"2 loss      {m['loss']:.6g}{half}"]
    if m["objective"] != m["loss"]:
        lines.append(f"            + penalty {m['objective'] - m['loss']:.6g} = objective {m['objective']:.6g}")
    lines += [
        "",
        f"3 gradient  norm {m['gradient_norm']:.6g}; each is the slope of the objective along one weight",
    ]
    lines += ["", f"4 update    w_new = w_old - rate * {_direction(m)}, rate {m['rate']:.6g}"]
    width = max(len(w["name"]) for w in m["weights"])
    for w in m["weights"]:
        lines.append(
            f"    {w['name']:<{width}}  {w['new']:>12.6g} = {w['old']:>12.6g} - {w['update']:>12.6g}"
            f"   (gradient {w['gradient']:.6g})"
        )
    if m["parameters"] > len(m["weights"]):
        lines.append(f"    and {m['parameters'] - len(m['weights']):,} parameters more, which moved less")
    return lines


def _direction(m: dict[str, Any]) -> str:
    return "gradient" if m["rule"] == "plain" else f"the direction that {m['rule'].partition(':')[0]} makes of it"


def _numbers(value: Any) -> str:
    if isinstance(value, list):
        return "[" + " ".join(f"{v:.3g}" for v in value) + "]"
    return f"{value:.5g}"
