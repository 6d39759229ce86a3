"""The figure of a measurement, by the name of its instrument."""

from __future__ import annotations

from importlib import import_module

import altair as alt

from fallline.catalogue import instrument
from fallline.measurement import Measurement


def draw_measurement(measurement: Measurement) -> alt.LayerChart:
    """The chart of what an instrument found: `draw_NAME(measurement)` of `figures/NAME.py`."""
    name = instrument(measurement.instrument).module
    return getattr(import_module(f"fallline.figures.{name}"), f"draw_{name}")(measurement)
