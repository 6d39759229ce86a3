"""The figures of a measurement, by the name of its instrument."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import altair as alt

from fallline.catalogue import instrument
from fallline.measurement import Measurement


def draw_measurement(measurement: Measurement) -> list[alt.LayerChart]:
    """The charts of what an instrument found, the main one first; none for an instrument that has no figure.

    `figures/NAME.py` has `draw_NAME(measurement)`, and lists in ALSO the functions that draw the others; they return
    None where that was not measured.
    """
    name = instrument(measurement.instrument).module
    if find_spec(f"fallline.figures.{name}") is None:
        return []
    module = import_module(f"fallline.figures.{name}")
    drawn = [draw(measurement) for draw in (getattr(module, f"draw_{name}"), *getattr(module, "ALSO", ()))]
    return [chart for chart in drawn if chart is not None]
