"""Tables that come with Fallline, each with a note of its source."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def example(name: str = "california_housing") -> Path:
    """The path of a bundled table.

    >>> example().name
    'california_housing.csv.gz'
    """
    return Path(str(files("fallline.examples") / f"{name}.csv.gz"))
