"""Each layer of a network at the step: activations, gradient, update against weight, units that are dead or flat."""

from __future__ import annotations

import numpy as np
import polars as pl

from fallline.figures.live.layers import SHOWN, draw_layers
from fallline.instruments.layers import SLOPES
from fallline.instruments.layers import look as look_at
from fallline.lab.look import Drawn, Look
from fallline.lab.pictures.picture import Picture
from fallline.models import Network
from fallline.numbers import count, number, share

ROWS = 500  # training rows that are looked at, at most


def look_layers(look: Look) -> Drawn:
    """Every layer at the cursor; each kind of bar relative to the longest of its kind."""
    training = look.training
    names = [f"layer{n}" for n in range(1, len(training.start) + 1)]
    judged = training.judged(ROWS)
    seen = look_at(training, training.flat(training.at(look.step))[None], judged)
    row = training.trace.row(look.step, named=True)
    updates = np.array([row[f"update_norm/{name}"] for name in names], float)
    weights = np.maximum(seen.weight[0], 1e-300)
    hidden = len(seen.dead[0])
    bent = training.parts.model.activation in SLOPES
    asleep = seen.saturated[0] if bent else seen.dead[0]
    columns = dict(zip(SHOWN, (seen.spread[0], seen.gradient[0], updates / weights, asleep), strict=True))
    bars = []
    for of, values in columns.items():
        longest = 1.0 if of == SHOWN[-1] else float(np.max(values)) or 1.0
        for name, value in zip(names, values, strict=False):
            told = share(value) if of == SHOWN[-1] else number(value, 3)
            bars.append(
                {
                    "layer": name,
                    "of": of,
                    "value": float(value),
                    "part": float(value) / longest,
                    "words": f"{of} {told}",
                }
            )
    worst = int(np.argmax(asleep)) if hidden else 0
    said = (
        f"The gradient's length is {number(seen.gradient[0][0], 3)} in the first layer and "
        f"{number(seen.gradient[0][-1], 3)} in the last"
    )
    if hidden:
        said += (
            f". The activations are {number(seen.spread[0][0], 3)} (root mean square over {count(len(judged.share))} "
            f"rows) in the first layer and {number(seen.spread[0][-1], 3)} in the last hidden one"
        )
        state = "are flat" if bent else "give nothing on any row"
        units = count(training.parts.model.hidden[worst])
        said += f"; in layer{worst + 1} {share(float(asleep[worst]))} of the {units} units {state}"
    return Drawn({"layers": tuple(names)}, {"bars": pl.DataFrame(bars)}, {}, said + ".")


def _is_network(look: Look) -> bool:
    return isinstance(look.training.parts.model, Network)


LAYERS = Picture("layers", "Layers", look_layers, draw_layers, _is_network)
