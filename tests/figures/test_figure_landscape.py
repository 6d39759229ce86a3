"""The figures of slice, surface, step and gradients are valid charts of whatever was measured, and draw it."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import polars as pl
import pytest

from fallline.figures.measured import draw_measurement
from fallline.measurement import Measurement

INF, NAN = float("inf"), float("nan")


def valid(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The specification, checked against Vega-Lite's schema and as strict JSON."""
    spec = chart.to_dict()
    assert spec["title"]
    assert spec["description"]
    json.dumps(spec, allow_nan=False)
    return spec


def draw(measurement: Measurement) -> alt.LayerChart:
    """The main chart of a measurement."""
    return draw_measurement(measurement)[0]


def drawn(spec: dict[str, Any]) -> str:
    return json.dumps(spec, ensure_ascii=False)


def slice_of(next_at: float = 1.5, **changed: Any) -> Measurement:
    rows = [("curve", None, w / 4, (w / 4 - 2) ** 2) for w in range(17)]
    rows += [("path", 0, 4.0, 5.0), ("path", 9, 1.0, 1.0), ("point", 9, 1.0, 1.0), ("next", 10, next_at, 0.25)]
    rows += [("tangent", None, 0.5, 2.0), ("tangent", None, 1.5, 0.0)]
    frame = pl.DataFrame(rows, schema=["kind", "step", "weight", "loss"], orient="row")
    return Measurement("slice", frame, {"weight": "bias", "step": 9, "derivative": -2.0} | changed)


def test_a_slice_names_its_step_the_slope_and_the_next_point():
    spec = valid(draw(slice_of()))
    assert "step 9, and its slope" in drawn(spec)
    assert '"words": "next"' in drawn(spec)
    assert "the slope is −2" in spec["description"]


def test_a_next_point_that_lies_in_the_point_is_said_rather_than_drawn_over_it():
    near = slice_of()
    near = Measurement("slice", near.frame.with_columns(
        loss=pl.when(pl.col("kind") == "next").then(1.0).otherwise("loss"),
        weight=pl.when(pl.col("kind") == "next").then(1.001).otherwise("weight"),
    ), near.figures)  # fmt: skip
    assert "the next point lies in it" in drawn(valid(draw(near)))


@pytest.mark.parametrize("value", [INF, NAN])
def test_a_slice_whose_next_point_is_not_finite_is_still_drawn(value):
    spec = valid(draw(slice_of(next_at=value)))
    assert "step 9" in drawn(spec)
    assert '"words": "next"' not in drawn(spec)


def surface_of(points: int, loss: Any, path: int = 5, plane: Any = lambda x: x) -> Measurement:
    grid = [("grid", None, float(x), float(y), loss(x, y), None) for y in range(points) for x in range(points)]
    walked = [("path", step, step / 5, step / 5, 1.0 / (step + 1), plane(0.9 / (step + 1))) for step in range(path)]
    frame = pl.DataFrame(
        grid + walked,
        schema={"kind": pl.String, "step": pl.Int64} | dict.fromkeys(("x", "y", "loss", "plane_loss"), pl.Float64),
        orient="row",
    )
    figures = {"x_name": "bias", "y_name": "weights[x]", "share_captured": 0.9, "gap": 0.1, "path_points": path}
    return Measurement("surface", frame, figures)


def cells(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return max(spec["datasets"].values(), key=len)


def test_a_surface_has_levels_the_path_with_its_ends_and_the_error_of_the_plane_beneath():
    spec, error = (valid(chart) for chart in draw_measurement(surface_of(9, lambda x, y: 1.0 + x * x + y * y)))
    assert all(word in drawn(spec) for word in ("start", "end", "bias", "weights[x]"))
    assert all(word in drawn(error) for word in ("true loss, all weights", "loss on the plane"))
    assert "differ by 0.1 at most" in error["description"]
    assert "90% of the movement" in spec["description"]
    assert len({cell["level"] for cell in cells(spec)}) > 5


def test_each_cell_stands_in_the_level_that_names_its_loss():
    for loss in (lambda x, y: 1.0 + x * x + y * y, lambda x, y: 10.0 ** ((x - y) / 3), lambda x, y: 900 + 0.1 * x):
        for cell in cells(valid(draw(surface_of(9, loss)))):
            level = cell["level"].replace(",", "")
            if level.startswith("below"):
                assert cell["loss"] <= float(level.split()[1])
            elif level.endswith("or more"):
                assert cell["loss"] >= float(level.split()[0]) * 0.999
            else:
                low, high = map(float, level.split(" to "))
                assert low * 0.999 <= cell["loss"] <= high * 1.001


def test_levels_are_equal_ratios_only_where_the_loss_spans_decades():
    assert "equal ratios" in drawn(valid(draw(surface_of(9, lambda x, y: 10.0 ** (x - y)))))
    assert "twice as far" in drawn(valid(draw(surface_of(9, lambda x, y: 1.0 + x))))


SURFACES = {
    "flat": surface_of(4, lambda x, y: 1.0),
    "with holes": surface_of(4, lambda x, y: INF if x > 2 else 1.0 + y),
    "no path": surface_of(4, lambda x, y: 1.0 + y, path=0),
    "one point of the path": surface_of(4, lambda x, y: 1.0 + y, path=1),
    "never finite": surface_of(3, lambda x, y: NAN),
    "a path that is not": surface_of(3, lambda x, y: 1.0 + y, plane=lambda v: INF),
    "negative": surface_of(3, lambda x, y: y - 5.0),
    "no grid": surface_of(0, lambda x, y: 1.0),
}


@pytest.mark.parametrize("name", SURFACES)
def test_any_surface_is_a_valid_chart(name):
    for chart in draw_measurement(SURFACES[name]):
        valid(chart)


def test_a_fine_grid_is_drawn_with_fewer_cells():
    assert len(cells(valid(draw(surface_of(130, lambda x, y: 1.0 + x + y))))) <= 64**2


def step_of(rows: int, **changed: Any) -> Measurement:
    seen = [("row", n, n / 3, n / 3 + 0.5, n / 3 + 0.4, None, None, None, None) for n in range(rows)]
    moved = [("weight", None, None, None, None, f"weights[{n}]", 1.0, 1.0 - n, n * 10.0) for n in range(1, 4)]
    names = ("kind", "row", "target", "before", "after", "name", "old", "new", "gradient")
    frame = pl.DataFrame(seen + moved, schema=names, orient="row", infer_schema_length=None)
    figures = {"step": 3, "batch": rows, "loss": 0.125, "loss_after": 0.08, "parameters": 3, "rows": []}
    return Measurement("step", frame.with_columns(**changed), figures)


def test_a_step_shows_what_it_did_to_the_predictions_of_some_of_its_rows():
    spec = valid(draw(step_of(100)))
    assert "24 of its 100 rows" in spec["title"]
    assert "0.125 before and is 0.08 after" in spec["description"]
    assert "prediction before" in drawn(spec)


def test_a_step_without_rows_shows_how_the_weights_moved():
    spec = valid(draw(step_of(0)))
    assert "moved the parameters" in spec["title"]
    assert "weights[2]" in drawn(spec)


def test_a_step_that_broke_everything_is_still_a_chart():
    valid(draw(step_of(3, after=pl.lit(NAN), new=pl.lit(INF))))
    valid(draw(step_of(3, before=pl.lit(NAN), new=pl.lit(INF))))


def gradients_of(norms: list[float], full: bool = False) -> Measurement:
    each = [("batch", n + 1, norm, None, None) for n, norm in enumerate(norms)]
    whole = [("all rows", n, norm, norm / 3, norm / 2) for n, norm in enumerate(norms)]
    frame = pl.DataFrame(
        each + whole, schema=["kind", "step", "norm", "typical", "largest"], orient="row", strict=False
    )
    figures = {"full": full, "whole_first": 1.0, "whole_last": 0.1, "lowest": -1.0, "highest": 2.0, "floor": 0.5}
    return Measurement("gradients", frame, figures)


def test_the_gradients_norm_and_entries_are_lines_of_their_own():
    spec = valid(draw(gradients_of([3.0, 2.0, 1.0])))
    assert all(name in drawn(spec) for name in ("each step's batch", "over all rows", "largest entry", "typical entry"))
    assert "norm at each step" in drawn(valid(draw(gradients_of([3.0, 2.0], full=True))))


@pytest.mark.parametrize("norms", [[0.0, 0.0], [NAN, INF], [1.0], [1.0, 0.0, 1e-20], [1.0, INF]])
def test_any_gradients_are_a_valid_chart(norms):
    valid(draw(gradients_of(norms)))
