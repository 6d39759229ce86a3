"""The figures of layers and columns are valid whatever was measured."""

from __future__ import annotations

import json

import polars as pl
import pytest

from fallline.figures.checkup import draw_checkup
from fallline.figures.layers import ALSO, draw_layers
from fallline.measurement import Measurement

NONE, NAN = None, float("nan")
ROWS = {
    "step": [0, 0, 5, 5], "layer": ["layer1", "layer2"] * 2, "hidden": [True, False] * 2,
    "gradient_norm": [1.0, 2.0, 0.5, 3.0], "weight_norm": [1.0] * 4, "update_norm": [NONE, NONE, 0.1, 0.2],
    "update_ratio": [NONE, NONE, 0.1, 0.2], "signal_mean": [0.1, NONE, 0.2, NONE], "signal_rms": [0.1, NONE, 0.2, NONE],
    "dead": [0.0, NONE, 0.5, NONE], "saturated": [0.0, NONE, 0.0, NONE],
}  # fmt: skip


def valid(chart) -> str:
    spec = chart.to_dict()
    assert spec["title"]
    assert spec["description"]
    return json.dumps(spec, allow_nan=False)


@pytest.mark.parametrize("draw", [draw_layers, *ALSO])
@pytest.mark.parametrize("change", [{}, {"gradient_norm": [NAN] * 4, "update_ratio": [NAN] * 4, "dead": [NAN] * 4}])
@pytest.mark.parametrize("rows", [4, 2, 1, 0])
def test_any_frame_of_layers_can_be_drawn(draw, change, rows):
    frame = pl.DataFrame(ROWS | change, strict=False).head(rows)
    valid(draw(Measurement("layers", frame, {"saturated_share": None})))


def test_each_layer_has_its_line_and_the_bounds_are_drawn():
    frame = pl.DataFrame(ROWS, strict=False)
    measurement = Measurement("layers", frame, {"saturated_share": None})
    assert '["layer1", "layer2"]' in valid(draw_layers(measurement))
    assert "usual: below 0.1" in valid(ALSO[0](measurement))
    assert "Dead units" in valid(ALSO[1](measurement))
    assert "Saturated signals" in valid(ALSO[1](Measurement("layers", frame, {"saturated_share": 0.1})))


def test_columns_are_drawn_by_what_they_tell_and_the_rest_is_told():
    names = [f"x{n}" for n in range(25)]
    frame = pl.DataFrame(
        {"name": names, "alone": [n / 25 for n in range(24)] + [None], "mean": [0.0] * 25, "sd": [1.0] * 25}
    )
    drawn = valid(draw_checkup(Measurement("checkup", frame, {"telling": ["x23"]})))
    assert '"x23"' in drawn
    assert "5 columns that tell less" in drawn
    assert "too few rows" in valid(draw_checkup(Measurement("checkup", pl.DataFrame({"name": []}), {})))
