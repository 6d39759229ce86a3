"""The learning rate over the steps."""

from __future__ import annotations

import polars as pl

from fallline.figures.live.rate import draw_rate
from fallline.lab.look import Drawn, Look
from fallline.lab.pictures.picture import Picture, ends, last_step, recorded, span, until, veil
from fallline.numbers import count, number

NEAR = 10.0  # times the rates: a limit farther away is told, not drawn


def look_rate(look: Look) -> Drawn:
    """The rate of each update that was made, and of the next one."""
    drawn = recorded(look, "rate", "rate")
    here = float(look.training.trace["rate"][look.step])
    low, high = span([*drawn["rate"], 0.0])
    near = look.stable is not None and look.stable <= NEAR * high
    limit = [{"rate": look.stable, "words": f"largest stable rate {number(look.stable, 3)}"}] if near else []
    if near:
        low, high = span([high, look.stable, 0.0])
    data = {
        "steps": drawn,
        "veil": veil(look),
        "limit": pl.DataFrame(limit, schema={"rate": pl.Float64, "words": pl.String}),
        "here": pl.DataFrame({"step": [look.step], "rate": [here]}),
    }
    said = f"The rate of update {count(look.step + 1)} is {number(here, 4)}"
    first = float(look.training.trace["rate"][0])
    said += "." if here == first else f"; the first was {number(first, 4)}."
    if look.stable is not None:
        said += f" The largest stable one here is about {number(look.stable, 3)}."
    return Drawn({}, data, ends((0.0, last_step(look)), (low, high)), said, {"steps": until(look)})


RATE = Picture("rate", "Rate", look_rate, draw_rate, lambda look: True)
