"""A figure on the page: its rows as short JSON, and as a table that keeps the peaks."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import altair as alt
import numpy as np
import polars as pl
import pytest
from report.fabricated import charts, fabricated_trace, steps_frame

from fallline.figures import draw_loss
from fallline.figures.theme import finish
from fallline.report.figure import figure
from fallline.report.tables import MOST, tables_of


def tables(page: str) -> list[list[list[str]]]:
    """The cells of every table on a page."""
    found = re.findall(r"<table>(.*?)</table>", page, re.DOTALL)
    rows = [[re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:]] for table in found]
    return [[[unescape(cell) for cell in row] for row in table] for table in rows]


def told(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json">(.*?)</script>', page)
    assert found
    return json.loads(found[1])


def drawn(frame: pl.DataFrame, **encoding: Any) -> alt.LayerChart:
    return finish([alt.Chart(frame).mark_line().encode(**encoding)], "A title", "In words.")


@pytest.mark.parametrize("name", charts())
def test_every_kind_of_chart_becomes_a_figure_with_title_words_and_table(name: str) -> None:
    page = figure(charts()[name])
    assert "<h3>A title</h3><p>What there is to see.</p>" in page
    for table in tables(page):
        assert len(table) == 7
        assert table[1][0] == "first"
    assert len(tables(page)) == (2 if name == "side by side" else 1)


def test_columns_are_called_as_the_axes_call_them() -> None:
    (table,) = tables(figure(charts()["single"]))
    assert table[0] == ["series", "step", "loss", "rows"]


def test_a_long_table_keeps_the_peak_of_each_series_and_says_what_it_left_out() -> None:
    page = figure(draw_loss(fabricated_trace(100_000)))
    (table,) = tables(page)
    assert 30 < len(table) <= MOST + 1
    assert {row[0] for row in table[1:]} == {"each step's batch", "mean of 1,000 steps"}
    assert any(row[-1] == "9" for row in table[1:])
    assert re.search(r"\d+ of \d+ rows: the lowest and highest of equal stretches", page)


@pytest.mark.parametrize("series", [1, 5, 40, 500])
def test_no_table_is_longer_than_said(series: int) -> None:
    frame = pl.DataFrame(
        {
            "step": np.arange(1000),
            "value": np.random.default_rng(0).normal(size=1000),
            "series": [f"{i % series}" for i in range(1000)],
        }
    )
    (table,) = tables(figure(drawn(frame, x="step:Q", y="value:Q", color="series:N")))
    assert len(table) <= MOST + 1


def test_a_few_rows_are_all_in_the_table() -> None:
    (table,) = tables(figure(drawn(steps_frame().head(2), x="step:Q", y="value:Q")))
    assert [row[1] for row in table[1:]] == ["1", "10"]


def test_labels_beside_many_rows_have_no_table_of_their_own() -> None:
    label = alt.Chart(pl.DataFrame({"words": ["here"], "step": [1]})).mark_text().encode(x="step:Q", text="words:N")
    lines = alt.Chart(steps_frame()).mark_line().encode(x="step:Q", y="value:Q")
    assert len(tables(figure(finish([lines, label], "A title", "In words.")))) == 1


def test_a_chart_of_rows_from_elsewhere_has_no_table() -> None:
    assert tables_of({"data": {"url": "there.csv"}, "mark": "line", "encoding": {}}, "A title") == ""


def test_rows_are_written_as_columns_and_one_value_once() -> None:
    frame = pl.DataFrame({"step": [1, 2], "value": [1.5, float("nan")], "kind": ["path", "path"]})
    (data,) = told(figure(drawn(frame, x="step:Q", y="value:Q")))["spec"]["datasets"].values()
    assert data == {"rows": 2, "columns": {"step": [1, 2], "value": [1.5, None], "kind": {"all": "path"}}}


def test_rows_of_differing_fields_are_left_as_they_are() -> None:
    chart = alt.Chart(alt.InlineData(values=[])).mark_point().encode()
    spec = finish([chart], "A title", "In words.")
    spec.datasets = {"odd": [{"a": 1}, {"b": 2}], "none": []}
    assert told(figure(spec))["spec"]["datasets"].items() >= {"odd": [{"a": 1}, {"b": 2}], "none": []}.items()


def test_a_title_of_several_lines_is_one_heading() -> None:
    chart = charts()["single"].properties(title=alt.TitleParams(text=["One,", "two"]))
    assert "<h5>One, two</h5>" in figure(chart, level=5)
