"""The figures of curvature, directions, gradient-check and noise are drawn whatever their frames hold."""

from __future__ import annotations

from dataclasses import replace

import altair as alt
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.figures.curvature import draw_alpha, draw_curvature
from fallline.figures.directions import draw_angle, draw_directions
from fallline.figures.gradient_check import draw_gradient_check
from fallline.figures.noise import draw_noise
from fallline.instruments import measure
from fallline.measurement import Measurement

DRAWN = {
    "curvature": (draw_curvature, draw_alpha),
    "directions": (draw_directions, draw_angle),
    "gradient-check": (draw_gradient_check,),
    "noise": (draw_noise,),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, Measurement]:
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=150), draw.normal(size=150)
    frame = pl.DataFrame({"x": x, "z": z, "y": 2 * x - z + draw.normal(0, 0.3, 150)})
    run = fl.train(frame, "y", runs=tmp_path_factory.mktemp("runs"), batch=16, rate=0.05, steps=60, stop=None)
    training = fl.open_run(run.path, frame).training
    return {name: measure(training, name) for name in DRAWN}


CHARTS = [(name, draw) for name, each in DRAWN.items() for draw in each]


@pytest.mark.parametrize(("name", "draw"), CHARTS)
def test_a_figure_is_valid_with_a_title_and_words_for_a_screen_reader(found, name, draw):
    chart = draw(found[name])
    spec = chart.to_dict()
    assert isinstance(chart, alt.LayerChart)
    assert spec["title"]
    assert len(spec["description"]) > 20


@pytest.mark.parametrize(("name", "draw"), CHARTS)
@pytest.mark.parametrize("rows", ["none", "one", "no number", "infinite", "some broken"])
def test_a_figure_is_drawn_whatever_the_frame_holds(found, name, draw, rows):
    frame = found[name].frame
    numbers = [c for c, kind in frame.schema.items() if kind.is_float()]
    changed = {
        "none": frame.head(0),
        "one": frame.head(1),
        "no number": frame.with_columns(pl.lit(float("nan")).alias(c) for c in numbers),
        "infinite": frame.with_columns(pl.lit(float("inf")).alias(c) for c in numbers),
        "some broken": frame.with_columns(
            pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit(float("inf"))).otherwise(pl.col(c)).alias(c)
            for c in numbers
        ),
    }[rows]
    assert draw(replace(found[name], frame=changed)).to_dict()["title"]


def test_the_curvature_that_the_rate_bears_is_two_over_the_rate_for_the_plain_rule(found):
    f = found["curvature"].figures
    assert f"curvature of {2 / f['rate']:.4g}." in draw_curvature(found["curvature"]).to_dict()["description"]


def test_without_a_known_limit_none_is_drawn(found):
    without = replace(found["curvature"], figures=found["curvature"].figures | {"stable_rate": None})
    layers = len(draw_curvature(without).to_dict()["layer"])
    assert layers == 1 < len(draw_curvature(found["curvature"]).to_dict()["layer"])


def test_one_series_of_alpha_is_drawn_where_each_step_saw_all_rows():
    done = fl.descend(lambda w: jnp.sum(w**2), jnp.ones(2), rate=0.1, steps=5, stop=None)
    words = draw_alpha(measure(done.training, "curvature")).to_dict()["description"]
    assert "−0.8" in words
    assert "over all rows" not in words
