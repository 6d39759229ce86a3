"""A figure whose rows have steps follows the scrubber: a rule where the step is an axis, a ring on each series."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import polars as pl
import pytest
from report.fabricated import charts, steps_frame

from fallline.report.at_step import mark_step

CHARTS = charts()


def marked(name: str) -> tuple[dict[str, Any], list[Any]]:
    spec, tracks = mark_step(CHARTS[name].to_dict())
    assert tracks is not None
    return spec, tracks


def rules(part: Any) -> int:
    """How many rules stand at the step, wherever in a chart."""
    if isinstance(part, list):
        return sum(map(rules, part))
    if not isinstance(part, dict):
        return 0
    own = part.get("transform", [{}])[0] == {"calculate": "at_step", "as": "step"}
    return own + sum(rules(value) for value in part.values())


@pytest.mark.parametrize("name", [name for name in CHARTS if name != "no step"])
def test_a_marked_chart_is_valid_and_has_the_parameter(name: str) -> None:
    spec, _ = marked(name)
    assert {"name": "at_step", "value": 0} in spec["params"]
    alt.Chart.from_dict(spec)  # checks it against the schema


def test_a_chart_without_steps_stays_as_it_is() -> None:
    spec = CHARTS["no step"].to_dict()
    assert mark_step(spec) == (spec, None)


def test_a_chart_is_not_changed_in_place() -> None:
    spec = CHARTS["side by side"].to_dict()
    before = json.dumps(spec)
    mark_step(spec)
    assert json.dumps(spec) == before


@pytest.mark.parametrize(
    ("name", "expected"), [("layers", 1), ("single", 1), ("heat", 1), ("path", 0), ("facets", 1), ("side by side", 1)]
)
def test_a_rule_stands_where_the_step_is_an_axis(name: str, expected: int) -> None:
    assert rules(marked(name)[0]) == expected


def test_marks_that_show_the_same_rows_get_one_ring() -> None:
    _, tracks = marked("layers")
    (track,) = tracks
    assert track.series == ["series"]


def test_a_few_rows_of_a_path_that_are_marked_once_more_get_no_ring_of_their_own() -> None:
    path = steps_frame().head(3)
    lines, ends = (alt.Chart(rows).mark_point().encode(x="rows:Q", y="value:Q") for rows in (path, path[[0, 2]]))
    _, tracks = mark_step(alt.layer(lines, ends).to_dict())
    assert tracks is not None
    assert len(tracks) == 1


def test_the_value_is_called_by_its_axis_without_what_is_said_of_the_axis() -> None:
    assert marked("single")[1][0].values == [("loss", "value")]


def test_a_heat_map_is_read_off_by_its_colour_for_each_row_and_not_covered() -> None:
    spec, (track,) = marked("heat")
    assert track.values == [("norm", "value")]
    assert track.series == ["series"]
    assert spec["layer"][-1]["encoding"]["opacity"]["condition"]["value"] == 0


def test_a_path_is_read_off_by_what_pointing_at_it_would_say() -> None:
    assert marked("path")[1][0].values == [("value", "value")]


def test_series_in_facets_are_told_apart() -> None:
    spec, (track,) = marked("facets")
    assert track.series == ["series"]
    ring = spec["spec"]["layer"][-1]
    assert "data" not in ring  # else each facet would show the rings of all


def test_a_layer_with_rows_and_transforms_of_its_own_gives_them_to_its_ring() -> None:
    base = alt.Chart(steps_frame()).mark_line().encode(x="step:Q", y="value:Q").transform_filter("datum.value > 1")
    level = alt.Chart(alt.InlineData(values=[{"level": 1}])).mark_rule().encode(y="level:Q")
    spec, tracks = mark_step(alt.layer(base, level).to_dict())
    ring = spec["layer"][-1]
    assert ring["transform"][0] == {"filter": "datum.value > 1"}
    assert ring["data"] == spec["layer"][0]["data"]
    assert tracks is not None
    assert tracks[0].series == []


@pytest.mark.parametrize("how", [{"aggregate": "mean"}, {"bin": True}])
def test_rows_that_are_summed_up_have_no_ring(how: dict[str, Any]) -> None:
    chart = alt.Chart(steps_frame()).mark_line().encode(x="step:Q", y=alt.Y("value:Q", **how))
    _, tracks = mark_step(chart.to_dict())
    assert tracks == []


@pytest.mark.parametrize(
    ("scale", "low"), [({}, 0), ({"type": "log"}, 5), ({"zero": False}, 5), ({"domain": [2, 90]}, 2)]
)
def test_the_rule_never_leaves_the_axis(scale: dict[str, Any], low: int) -> None:
    frame = pl.DataFrame({"step": [5, 90], "value": [1.0, 2.0]})
    chart = alt.Chart(frame).mark_line().encode(x=alt.X("step:Q", scale=alt.Scale(**scale)), y="value:Q")
    spec, _ = mark_step(chart.to_dict())
    assert spec["layer"][1]["transform"][1] == {"filter": f"{low} <= datum.step && datum.step <= 90"}
    assert spec["layer"][1]["encoding"]["x"] == spec["layer"][0]["encoding"]["x"]


def test_a_ring_beyond_the_ends_of_an_axis_is_not_seen() -> None:
    y = alt.Y("value:Q", scale=alt.Scale(domain=[2, 20]))
    spec, _ = mark_step(alt.Chart(steps_frame()).mark_line().encode(x="step:Q", y=y).to_dict())
    seen = spec["layer"][-1]["encoding"]["opacity"]["condition"]
    assert seen == {"test": 'true && 2 <= datum["value"] && datum["value"] <= 20', "value": 1}


def test_a_step_that_goes_up_the_side_is_marked_across() -> None:
    chart = alt.Chart(steps_frame()).mark_point().encode(x="value:Q", y="step:Q")
    spec, tracks = mark_step(chart.to_dict())
    assert list(spec["layer"][1]["encoding"]) == ["y"]
    assert tracks is not None
    assert tracks[0].values == [("value", "value")]


def test_rows_that_are_not_at_hand_are_left_alone() -> None:
    chart = alt.Chart("there.csv").mark_line().encode(x="step:Q", y="value:Q")
    assert mark_step(chart.to_dict())[1] is None
    own = alt.Chart(steps_frame()).mark_line().encode(x="step:Q", y="value:Q", column="series:N")
    assert mark_step(own.to_dict())[1] is None
