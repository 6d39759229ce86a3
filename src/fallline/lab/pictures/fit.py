"""The fit over the data."""

from __future__ import annotations

import numpy as np
import polars as pl

from fallline.figures.live.fit import draw_fit
from fallline.lab.look import Drawn, Look
from fallline.lab.pictures.picture import Picture, ends, span
from fallline.numbers import count, number, share


def look_fit(look: Look) -> Drawn:
    """What the model answers at the cursor."""
    found = look.measure("predictions", step=look.step)
    f, frame = found.figures, found.frame
    few = "" if f["rows"] == f["rows_of"] else f", over {count(f['rows'])} of {count(f['rows_of'])} training rows"
    if f["recognised"] is not None:
        said = f"{share(f['recognised'])} of the rows are recognised{few}."
    else:
        said = (
            f"The predictions of {f['target']} are off by {number(f['rmse'], 4)} (root mean square{few}); "
            f"always saying the mean would be off by {number(f['spread'], 4)}."
        )
    if f["shape"] == "classes":
        rows = frame.select("class", "recognised", "rows")
        told = [f"{share(r['recognised'])} of {count(r['rows'])}" for r in rows.to_dicts()]
        return Drawn({"shape": "classes"}, {"rows": rows.with_columns(pl.Series("words", told))}, {}, said)
    options = {"shape": f["shape"], "x_name": f["x_name"], "y_name": f["y_name"]}
    rows = frame.filter(kind="row").drop("kind")
    # the axes follow the table, not the model: it is seen to come into the picture
    across = _across(rows["x"])
    of = {"rows": f["rows_of"]}
    if f["shape"] == "regions":
        said += " Each shade is what the model says there."
        cells = frame.filter(kind="cell").select("x", "y", "class")
        options |= {"classes": sorted(set(rows["class"]) | set(cells["class"]))}
        return Drawn(options, {"rows": rows, "cells": cells}, ends(across, _across(rows["y"])), said, of)
    if f["shape"] == "line":
        line = frame.filter(kind="line").select("x", "y")
        return Drawn(options, {"rows": rows, "line": line}, ends(across, _across(rows["y"])), said, of)
    line = pl.DataFrame({"x": list(across), "y": list(across)})  # where predicted is what was true
    return Drawn(options, {"rows": rows, "line": line}, ends(across, across), said, of)


def _across(values: pl.Series) -> tuple[float, float]:
    return span(values.cast(pl.Float64).fill_null(np.nan).to_list(), zero=False)


FIT = Picture("fit", "The fit over the data", look_fit, draw_fit, lambda look: look.training.table is not None)
