"""Tables that are in memory already: data frames of any kind, dictionaries, arrays, pairs (X, y)."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from fallline.data.header import check_unique
from fallline.errors import DataError

TARGET = "target"


def frame_of(source: Any) -> pl.DataFrame:
    """The Polars frame of a table in memory.

    Raises: DataError for what is no table.
    """
    if isinstance(source, pl.LazyFrame):
        return source.collect()
    if isinstance(source, pl.DataFrame):
        return source
    if isinstance(source, tuple):
        return _pair(source)
    if isinstance(source, np.ndarray):
        return _array(source)
    if isinstance(source, dict):
        return _columns({str(name): values for name, values in source.items()})
    return _any_frame(source)


def _columns(columns: dict[str, Any]) -> pl.DataFrame:
    lengths = {name: len(values) for name, values in columns.items() if hasattr(values, "__len__")}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"'{name}' {length}" for name, length in list(lengths.items())[:5])
        raise DataError(f"The columns differ in length: {told}.\nGive each column one value a row.")
    try:
        return pl.DataFrame(columns, strict=False)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"The columns make no table: {reason}.\nGive a list of values for each name.") from None


def _array(array: np.ndarray) -> pl.DataFrame:
    if array.ndim != 2:
        raise DataError(f"The array has {array.ndim} dimensions; a table has 2: rows and columns.\nReshape it.")
    columns = [column.tolist() if array.dtype == object else np.ascontiguousarray(column) for column in array.T]
    return _columns({f"x{i + 1}": column for i, column in enumerate(columns)})


def _pair(pair: tuple) -> pl.DataFrame:
    if len(pair) != 2:
        raise DataError(f"The tuple has {len(pair)} parts; a pair (X, y) is meant.\nGive the features and the target.")
    features, target = frame_of(pair[0]), np.asarray(pair[1])
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.ndim != 1:
        raise DataError(f"y has {target.ndim} dimensions; the target has 1.\nGive one value a row.")
    if len(target) != len(features):
        raise DataError(f"X has {len(features)} rows, but y has {len(target)}.\nGive one target a row.")
    if TARGET in features.columns:
        raise DataError(f"X has a column '{TARGET}', the name that y gets.\nRename it.")
    column = _columns({TARGET: target.tolist() if target.dtype == object else target})
    return features.hstack(column)


def _any_frame(source: Any) -> pl.DataFrame:
    import narwhals as nw  # here, because it costs time that a file does not need

    source = nw.to_native(source, pass_through=True)
    if isinstance(source, pl.DataFrame | pl.LazyFrame):
        return frame_of(source)
    if nw.dependencies.is_pandas_dataframe(source):
        names = [str(name) for name in source.columns]
        check_unique(names, "The data frame")
        source = source.set_axis(names, axis=1)
    try:
        frame = nw.from_native(source)
    except TypeError:
        raise DataError(
            f"A {type(source).__name__} is no table.\n"
            "Give a path, a data frame, {name: values}, an array [rows, columns], or a pair (X, y)."
        ) from None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    try:
        return frame.to_polars()
    except (TypeError, ValueError, pl.exceptions.PolarsError):  # a column of mixed values becomes text
        return _columns({name: frame[name].to_list() for name in frame.columns})
