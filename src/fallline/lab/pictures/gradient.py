"""How long the gradient is at each step, and how far each update goes."""

from __future__ import annotations

import polars as pl

from fallline.figures.axes import DECADES
from fallline.figures.live.gradient import SIGNS, draw_gradient
from fallline.lab.look import Drawn, Look
from fallline.lab.pictures.picture import Picture, ends, last_step, recorded, span, until, veil
from fallline.numbers import count, number


def look_gradient(look: Look) -> Drawn:
    """Both lengths, of all that was walked; on a logarithmic axis once they span decades."""
    series = dict(zip(SIGNS, ("gradient_norm", "update_norm"), strict=True))
    rows = [recorded(look, column, "length").with_columns(pl.lit(of).alias("of")) for of, column in series.items()]
    drawn = pl.concat(rows)
    whole = look.training.trace
    every = [v for column in series.values() for v in (whole[column].max(), whole[column].min())]
    there = [float(v) for v in every if isinstance(v, int | float) and v > 0]
    log = bool(there) and max(there) > min(there) * 10**DECADES and min(drawn["length"].drop_nulls(), default=0) > 0
    row = whole.row(look.step, named=True)
    here = pl.DataFrame({"step": [look.step], "length": [float(row["gradient_norm"])]})
    values = [*drawn["length"], *([] if log else [float(whole["gradient_norm"][0])])]
    said = (
        f"At step {count(look.step)} the gradient's length is {number(row['gradient_norm'], 4)}, and the next update "
        f"goes {number(row['update_norm'], 4)} far."
    )
    if look.step:
        said += f" The first gradient was {number(whole['gradient_norm'][0], 4)} long."
    data = {"steps": drawn, "veil": veil(look), "here": here}
    axes = ends((0.0, last_step(look)), span(values, log=log))
    return Drawn({"log": log}, data, axes, said, {"steps": len(SIGNS) * until(look)})


GRADIENT = Picture("gradient", "Gradient and update", look_gradient, draw_gradient, lambda look: True)
