"""What the instruments found, in plain words: one file an instrument, each with its CLAIMS. They need no JAX."""

from __future__ import annotations

from importlib import import_module

from fallline.catalogue import instrument
from fallline.claim import Claim, Sentence, tell
from fallline.measurement import Measurement


def claims_of(name: str) -> tuple[Claim, ...]:
    """All claims that the figures of an instrument can decide. Raises SettingsError for an unknown instrument."""
    return import_module(f"fallline.told.{instrument(name).module}").CLAIMS


def told(measurement: Measurement, *names: str) -> list[Sentence]:
    """The sentences on a measurement: those of the named claims in that order, or of all."""
    claims = {claim.name: claim for claim in claims_of(measurement.instrument)}
    return tell([claims[name] for name in names] or claims.values(), measurement.figures)
