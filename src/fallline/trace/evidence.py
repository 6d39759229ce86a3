"""Measurements kept in a run folder: `evidence/NAME.parquet` with the frame and `evidence/NAME.json` with the rest.

NAME is the instrument's name, and the options that were not left at their defaults: `curvature`, `slice-step-40`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl

from fallline.catalogue import asked
from fallline.measurement import Measurement
from fallline.trace.folder import damaged, finite, write_frame, write_json


def evidence_name(instrument: str, options: dict[str, Any]) -> str:
    """The name of a measurement in the evidence folder.

    >>> evidence_name("slice", {"step": 40, "weight": None})
    'slice-step-40'
    """
    told = "".join(f"-{name}-{value}" for name, value in sorted(asked(instrument, options).items()))
    return instrument + re.sub(r"[^A-Za-z0-9.]+", "-", told).rstrip("-")


def write_measurement(folder: Path, measurement: Measurement) -> None:
    """Keep a measurement with its run; the frame first, so that what is listed is whole. Raises StorageError."""
    path = folder / "evidence" / evidence_name(measurement.instrument, measurement.options)
    path.parent.mkdir(exist_ok=True)
    write_frame(path.with_name(f"{path.name}.parquet"), measurement.frame)
    write_json(path.with_name(f"{path.name}.json"), measurement.to_json())


def read_measurement(folder: Path, instrument: str, options: dict[str, Any]) -> Measurement | None:
    """A measurement kept with its run, or None when it was not made. Raises RunError when it is damaged."""
    path = folder / "evidence" / evidence_name(instrument, options)
    told, frame = (path.with_name(f"{path.name}.{ending}") for ending in ("json", "parquet"))
    if not told.exists():
        return None
    try:
        found = finite(json.loads(told.read_text("utf-8")))
        if asked(instrument, found["options"]) != asked(instrument, options):
            return None  # another measurement, whose options make the same name
        return Measurement(**(found | {"frame": pl.read_parquet(frame)}))
    except Exception as error:
        raise damaged(frame if told.exists() else told, error) from error
