"""Every figure is a valid Vega-Lite chart, also of runs that are short, broken or strange."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import numpy as np
import polars as pl
import pytest

from fallline import figures
from fallline.figures.axes import range_of
from fallline.measurement import Measurement

INF, NAN = float("inf"), float("nan")


def trace(losses: Any, batch_share: float = 0.1) -> pl.DataFrame:
    losses = np.asarray(losses, float)
    steps = np.arange(1, len(losses) + 1)
    return pl.DataFrame(
        {
            "step": steps,
            "epoch": steps * batch_share,
            "loss": losses,
            "gradient_norm": losses,
            "gradient_norm/bias": losses / 2,
            "gradient_norm/weights": losses / 3,
            "rate": 0.1 / steps,
        }
    )


def valid(chart: alt.LayerChart) -> dict[str, Any]:
    """The specification, checked against Vega-Lite's schema and as strict JSON."""
    spec = chart.to_dict()
    assert spec["title"]
    assert spec["description"]
    json.dumps(spec, allow_nan=False)
    return spec


def drawn(spec: dict[str, Any]) -> str:
    return json.dumps(spec, ensure_ascii=False)


def y_scale(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["layer"][0]["encoding"]["y"]["scale"]


noise = np.random.default_rng(0).exponential(size=1000)
LOSSES = {
    "falling": 1 / np.arange(1, 500),
    "noisy": 0.2 + 0.1 * noise,
    "one step": [1.0],
    "exploding": [1.0, 10.0, 1e5, 1e30, INF, NAN],
    "never finite": [NAN, INF],
    "constant": [0.5] * 300,
    "zero": [0.0, 0.0],
    "negative": [1.0, -3.0, -200.0],
}


@pytest.mark.parametrize("losses", LOSSES.values(), ids=LOSSES)
def test_charts_over_steps_are_valid_whatever_the_loss_does(losses: Any) -> None:
    for share in (0.1, 1.0):
        steps = trace(losses, share)
        held = steps.select("step", "epoch", validation_loss="loss", validation_metric="loss")
        valid(figures.draw_loss(steps, held, exact=0.1, trivial=1.0))
        valid(figures.draw_gradient(steps))
        valid(figures.draw_rate(steps))
        valid(figures.draw_measure(held, "RMSE"))


def test_the_loss_chart_needs_neither_validation_nor_levels() -> None:
    steps = trace([3.0, 2.0])
    empty = steps.clear().select("step", "epoch", validation_loss="loss")
    assert "validation" not in drawn(valid(figures.draw_loss(steps)))
    assert "validation" not in drawn(valid(figures.draw_loss(steps, empty)))


def test_the_exact_and_the_trivial_loss_are_labelled_levels() -> None:
    spec = drawn(valid(figures.draw_loss(trace([3.0, 2.0, 1.0]), exact=0.75, trivial=2.5)))
    assert "exact answer: 0.75" in spec
    assert "always predicting the same: 2.5" in spec


def test_a_loss_that_is_not_finite_is_said_and_marked() -> None:
    spec = valid(figures.draw_loss(trace([1.0, 10.0, INF])))
    assert "not finite from step 3" in drawn(spec)
    assert "From step 3 on" in spec["description"]


def test_the_loss_axis_is_logarithmic_only_over_two_decades_of_positive_values() -> None:
    assert y_scale(valid(figures.draw_loss(trace([1000.0, 1.0])))).get("type") == "log"
    assert y_scale(valid(figures.draw_loss(trace([50.0, 1.0])))).get("type") is None
    assert y_scale(valid(figures.draw_loss(trace([1000.0, 0.0])))).get("type") is None


def test_a_linear_axis_starts_at_zero_or_says_that_it_does_not() -> None:
    wide = valid(figures.draw_loss(trace([2.0, 1.0])))["layer"][0]["encoding"]["y"]
    close = valid(figures.draw_loss(trace([2.0, 1.9])))["layer"][0]["encoding"]["y"]
    assert wide["scale"]["domain"][0] == 0
    assert close["scale"]["domain"][0] > 0
    assert "not from 0" in close["title"]


@pytest.mark.parametrize("values", [[1e-5, 1.0], [1.0, 1e250], [0.5, 80.0]])
def test_a_logarithmic_axis_has_a_few_numbers(values: list[float]) -> None:
    span = range_of(np.array(values))
    assert 2 <= len(span.ticks()) <= 10


def test_a_long_trace_makes_a_small_chart() -> None:
    losses = np.random.default_rng(0).exponential(size=200_000)
    assert len(drawn(valid(figures.draw_loss(trace(losses))))) < 200_000


def test_the_slice_shows_the_curve_and_the_path() -> None:
    path = pl.DataFrame({"kind": "path", "step": [0, 5, 9], "weight": [2.0, 1.0, 0.1], "loss": [5.0, NAN, 0.1]})
    curve = pl.DataFrame({"kind": "curve", "step": pl.Series([None] * 2, dtype=pl.Int64), "weight": [0.0, 2.0]})
    both = pl.concat([curve.with_columns(loss=pl.lit(0.1)), path])

    def draw(frame: pl.DataFrame) -> dict[str, Any]:
        return valid(figures.draw_slice(Measurement("slice", frame, {"weight": "bias"})))

    assert "to weight 0.1 with loss 0.1" in draw(both)["description"]
    draw(both.filter(pl.col("kind") == "curve"))
    draw(both.with_columns(loss=pl.lit(NAN)))


def test_rates_that_diverged_are_shown_beside_the_chosen_one() -> None:
    rates = pl.DataFrame({"rate": [0.01, 0.1, 1.0], "loss": [0.5, 0.2, INF], "chosen": [False, True, False]})
    spec = drawn(valid(figures.draw_rates(rates)))
    assert "chosen: 0.1" in spec
    assert "1 of them diverged" in spec
    valid(figures.draw_rates(rates.with_columns(loss=pl.lit(NAN))))
    valid(figures.draw_rates(rates.head(1)))
    valid(figures.draw_rates(rates.clear()))


@pytest.mark.parametrize("rows", [1, 1000, 100_000])
def test_predicted_against_actual_has_at_most_2000_marks(rows: int) -> None:
    values = np.random.default_rng(1).normal(size=(rows, 2))
    spec = valid(figures.draw_predicted(pl.DataFrame(values, schema=["actual", "predicted"]), "y"))
    assert max(len(data) for data in spec["datasets"].values()) <= 2000


def test_predictions_that_are_not_finite_are_counted_not_drawn() -> None:
    pairs = pl.DataFrame({"actual": [1.0, 2.0], "predicted": [1.0, INF]})
    assert "1 row has no finite prediction" in valid(figures.draw_predicted(pairs))["description"]
    valid(figures.draw_predicted(pairs.tail(1)))


def test_the_confusion_matrix_counts_each_cell() -> None:
    pairs = pl.DataFrame({"actual": ["a", "a", "b"], "predicted": ["a", "b", "b"]})
    spec = valid(figures.draw_confusion(pairs, ["a", "b", "never seen"]))
    (cells,) = spec["datasets"].values()
    assert {(c["actual"], c["predicted"]): c["rows"] for c in cells if c["rows"]} == {
        ("a", "a"): 1,
        ("a", "b"): 1,
        ("b", "b"): 1,
    }
    assert "2 (66.7%) were predicted right" in spec["description"]


def test_many_classes_are_drawn_as_the_most_common_and_the_others() -> None:
    names = [f"class {i % 50}" for i in range(500)]
    spec = valid(figures.draw_confusion(pl.DataFrame({"actual": names, "predicted": names})))
    (cells,) = spec["datasets"].values()
    assert len(cells) == 20**2
    assert sum(c["rows"] for c in cells) == 500
