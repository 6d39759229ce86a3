"""Channels that share a field share its legend: else Vega warns, in the console of whoever looks at the figure."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import fallline as fl
from fallline.examples import example
from fallline.figures.capacity import draw_range
from fallline.figures.measured import draw_measurement
from fallline.measurement import Measurement


def encodings(spec: Any):
    """Every encoding of a specification."""
    for each in spec.values() if isinstance(spec, dict) else spec if isinstance(spec, list) else ():
        yield from encodings(each)
    if isinstance(spec, dict) and isinstance(spec.get("encoding"), dict):
        yield spec["encoding"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return fl.train(example("diabetes"), "progression", runs=tmp_path_factory.mktemp("runs"), rate=0.05, until=20)


@pytest.mark.parametrize("name", ["gradient-check", "surface", "slice", "curvature", "directions", "gradients", "step"])
def test_no_channel_hides_a_legend_that_another_of_the_same_field_shows(run, name):
    specifications = [chart.to_dict() for chart in draw_measurement(run.measure(name))]
    assert specifications
    for encoding in encodings(specifications):
        hidden = {c["field"] for c in encoding.values() if isinstance(c, dict) and c.get("legend", 0) is None}
        shown = {c["field"] for c in encoding.values() if isinstance(c, dict) and isinstance(c.get("legend"), dict)}
        assert not hidden & shown


def test_a_range_that_was_not_measured_has_no_figure():
    frame = pl.DataFrame(schema={"kind": pl.String, "x": pl.Float64, "error": pl.Float64, "whole_error": pl.Float64})
    assert draw_range(Measurement("capacity", frame, {})) is None
