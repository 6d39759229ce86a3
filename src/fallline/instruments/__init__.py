"""Measurements on a training: one file an instrument, each with a pure function that returns a Measurement.

    def measure_slice(training: Training, *, weight=None, step=None) -> Measurement

Which there are, and their options, stands in `catalogue.py`. An instrument leaves the training as it was.
"""

from __future__ import annotations

import time
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fallline.catalogue import asked, instrument
from fallline.measurement import Measurement

if TYPE_CHECKING:
    from fallline.training import Training


def measure(training: Training, name: str, **options: Any) -> Measurement:
    """What the instrument of that name finds on a training.

    Raises: SettingsError for an unknown instrument or option; what the instrument raises.
    """
    from fallline.engine import precision

    given = asked(name, options)
    found = instrument(name)
    function = getattr(import_module(f"fallline.instruments.{found.module}"), f"measure_{found.module}")
    began = time.perf_counter()
    with precision(training.ready.settings.precision):
        measurement = function(training, **{option.name: option.default for option in found.options} | given)
    return replace(measurement, options=given, seconds=time.perf_counter() - began)
