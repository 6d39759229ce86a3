"""Instruments on anything that was trained: a run, or a descent on a loss of one's own."""

from __future__ import annotations

from typing import Any

from fallline.descent import Descent
from fallline.instruments import measure as measure_training
from fallline.measurement import Measurement
from fallline.run import Run


def measure(trained: Run | Descent, instrument: str, **options: Any) -> Measurement:
    """What an instrument finds on a run or a descent.

    `fallline.catalogue.INSTRUMENTS` lists the instruments and their options.

    Raises: SettingsError for an unknown instrument or option, or one that makes no sense here; RunError when the
    table of a run is not at hand.

    >>> import jax.numpy as jnp, fallline as fl
    >>> done = fl.descend(lambda w: jnp.sum(jnp.array([1.0, 4.0]) * w**2) / 2, jnp.ones(2), rate=0.1, steps=9)
    >>> round(measure(done, "curvature").figures["lambda_max"], 6)
    4.0
    """
    if isinstance(trained, Run):
        return trained.measure(instrument, **options)
    return measure_training(trained.training, instrument, **options)
