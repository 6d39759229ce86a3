"""Measurements kept in a run folder: `evidence/NAME.parquet` with the frame and `evidence/NAME.json` with the rest.

NAME is the instrument's name, and the options that were not left at their defaults: `curvature`, `slice-step-40`.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from fallline.catalogue import asked
from fallline.errors import RunError
from fallline.measurement import Measurement
from fallline.trace.contents import check_seal, damaged, own, read_frame, read_json
from fallline.trace.folder import finite, write_frame, write_json

LONGEST = 160  # characters of a measurement's name


def evidence_name(instrument: str, options: dict[str, Any]) -> str:
    """The name of a measurement in the evidence folder.

    >>> evidence_name("slice", {"step": 40, "weight": None})
    'slice-step-40'
    """
    told = "".join(f"-{name}-{value}" for name, value in sorted(asked(instrument, options).items()))
    name = instrument + re.sub(r"[^A-Za-z0-9.]+", "-", told).rstrip("-")
    if len(name) > LONGEST:  # of a parameter with a long name; file systems take 255 bytes
        name = f"{name[: LONGEST - 17]}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    return name


def write_measurement(folder: Path, measurement: Measurement) -> None:
    """Keep a measurement with its run; the frame first, so that what is listed is whole. Raises StorageError."""
    own(folder, "evidence").mkdir(exist_ok=True)
    path = folder / "evidence" / evidence_name(measurement.instrument, measurement.options)
    write_frame(path.with_name(f"{path.name}.parquet"), measurement.frame)
    write_json(path.with_name(f"{path.name}.json"), measurement.to_json(), sealed=True)


def read_measurement(folder: Path, instrument: str, options: dict[str, Any]) -> Measurement | None:
    """A measurement kept with its run, or None when it was not made. Raises RunError when it is damaged."""
    name = evidence_name(instrument, options)
    told, frame = (own(folder, "evidence", f"{name}.{ending}") for ending in ("json", "parquet"))
    if not told.exists():
        return None
    found = finite(check_seal(told, read_json(told)))
    try:
        if asked(instrument, found["options"]) != asked(instrument, options):
            return None  # another measurement, whose options make the same name
        made = Measurement(**(found | {"frame": read_frame(frame)}))
        if made.instrument != instrument or not isinstance(made.figures, dict):
            raise ValueError(f"it is no measurement of {instrument}")
    except RunError:
        raise
    except Exception as error:
        raise damaged(told, error) from error
    return made
