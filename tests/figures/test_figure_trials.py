"""The figures of compare and rate-range are drawn whatever their frames hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.figures.compare import draw_compare
from fallline.figures.rate_range import draw_rate_range
from fallline.instruments import measure
from fallline.measurement import Measurement

ASKED = {
    "batches": ("compare", {"vary": "batch=full,16,1"}, draw_compare),
    "diverged": ("compare", {"vary": "rate=0.1,1000", "steps": 40}, draw_compare),
    "a grid": ("compare", {"vary": "rate=0.01,0.1,100 x rule=plain;momentum:0.9", "steps": 30}, draw_compare),
    "rates": ("rate-range", {"steps": 30, "seeds": 2}, draw_rate_range),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, Measurement]:
    """What was measured on a linear run, by the name it is asked by."""
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=150), draw.normal(size=150)
    frame = pl.DataFrame({"x": x, "z": z, "y": 2 * x - z + draw.normal(0, 0.3, 150)})
    done = fl.train(frame, "y", runs=tmp_path_factory.mktemp("runs"), batch=16, rate=0.05, steps=60, stop=None)
    training = fl.open_run(done.path, frame).training
    return {name: measure(training, instrument, **options) for name, (instrument, options, _) in ASKED.items()}


@pytest.mark.parametrize("name", ASKED)
def test_a_figure_is_valid_with_a_title_and_words_for_a_screen_reader(found, name):
    spec = ASKED[name][2](found[name]).to_dict()
    assert spec["title"]
    assert len(spec["description"]) > 20


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("rows", ["none", "one", "no number", "infinite"])
def test_a_figure_is_drawn_whatever_the_frame_holds(found, name, rows):
    frame = found[name].frame
    numbers = [c for c, kind in frame.schema.items() if kind.is_float()]
    changed = {
        "none": frame.head(0),
        "one": frame.head(1),
        "no number": frame.with_columns(pl.lit(float("nan")).alias(c) for c in numbers),
        "infinite": frame.with_columns(pl.lit(float("inf")).alias(c) for c in numbers),
    }[rows]
    assert ASKED[name][2](replace(found[name], frame=changed)).to_dict()["title"]


def test_a_comparison_has_a_panel_for_each_count_and_marks_what_diverged(found):
    spec = draw_compare(found["batches"]).to_dict()
    titles = [panel["layer"][0]["encoding"]["x"]["title"].partition(",")[0] for panel in spec["hconcat"]]
    assert titles[:2] == ["updates", "rows seen"]
    assert titles[2].endswith("seconds")
    assert "'1000'" in str(draw_compare(found["diverged"]).to_dict()).replace('"', "'")


def test_a_grid_whose_trials_all_diverged_says_so(found):
    figures = found["a grid"].figures
    broken = replace(found["a grid"], figures=figures | {"late": [None] * len(figures["late"])})
    assert "diverged" in draw_compare(broken).to_dict()["description"]
