"""What the worker says, as JSON text: frames as columns, numbers that are not finite as null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl


def encode(message: Mapping[str, Any]) -> str:
    """The message as JSON.

    >>> encode({"say": "now", "at": float("nan"), "data": pl.DataFrame({"x": [1.0, float("inf")]})})
    '{"say":"now","at":null,"data":{"x":[1.0,null]}}'
    """
    return json.dumps(_plain(message), separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, pl.DataFrame):
        return {name: _column(value[name]) for name in value.columns}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in value.tolist()]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return str(value)


DIGITS = 7  # of a column's number: a picture shows fewer


def _column(values: pl.Series) -> list[Any]:
    if values.dtype.is_float():
        values = values.cast(pl.Float64).round_sig_figs(DIGITS)
        return values.to_list() if values.is_finite().all() and not values.null_count() else _plain(values.to_list())
    return values.to_list() if values.dtype.is_integer() or values.dtype == pl.String else _plain(values.to_list())
