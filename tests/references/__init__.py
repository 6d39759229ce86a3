"""Published answers, and the tables that they were computed from. Each folder's SOURCE.txt says where they are from."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

HERE = Path(__file__).parent


def published(name: str) -> Any:
    """The figures in a JSON file, such as "islr/expected.json"."""
    return json.loads((HERE / name).read_text())


def table(name: str) -> pl.DataFrame:
    """A CSV file, compressed or not."""
    path = HERE / name
    text = path.read_bytes()
    return pl.read_csv(gzip.decompress(text) if path.suffix == ".gz" else text, infer_schema_length=None)


def digits(found: Any, certified: Any) -> float:
    """How many significant digits of the worst number agree (NIST's log relative error, at most 16)."""
    found, certified = np.asarray(found, np.float64), np.asarray(certified, np.float64)
    assert found.shape == certified.shape
    error = np.abs(found - certified) / np.abs(certified)
    return float(-np.log10(np.maximum(error, 1e-16)).min())
