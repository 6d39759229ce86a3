"""Runs, explanations, a story and a diagnosis made up for the tests of the report, and charts of every kind."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from fallline.claim import Sentence
from fallline.diagnosis.diagnosis import Diagnosis, Symptom, Tried
from fallline.explain.explanation import Chapter, Explanation
from fallline.figures.theme import finish
from fallline.measurement import Measurement

INF, NAN = float("inf"), float("nan")


def fabricated_trace(steps: int) -> pl.DataFrame:
    """Losses that fall with noise, and one spike at a third of the way."""
    at = np.arange(1, steps + 1)
    losses = 0.2 + 1 / at + 0.05 * np.random.default_rng(0).exponential(size=steps)
    losses[steps // 3] = 9.0
    norms = {f"gradient_norm{group}": losses * share for group, share in (("", 1), ("/bias", 0.3), ("/weights", 0.9))}
    return pl.DataFrame({"step": at, "epoch": at / 40, "loss": losses, **norms, "rate": np.full(steps, 0.05)})


def fabricated(steps: int = 400, **changes: Any) -> Any:
    """A finished regression with every part."""
    trace = fabricated_trace(steps)
    path = pl.DataFrame({"kind": "path", "step": [0, 40, steps], "weight": [2.0, 1.0, 0.1], "loss": [5.0, 1.0, 0.2]})
    curve = pl.DataFrame({"kind": ["curve"], "step": pl.Series([None], dtype=pl.Int64), "weight": [0.0], "loss": [0.3]})
    part = {"loss": 0.2, "rmse": 71131.02, "r2": 0.61}
    whole = {
        "path": Path("runs/one"),
        "name": "2026-11-23-141502-houses-linear",
        "settings": {"model": "linear", "loss": "squared", "batch": 32, "rate": 0.05, "rate_asked": "auto", "l2": 0.1},
        "data": {
            "source": {"name": "houses.csv", "path": "houses.csv", "size": 1423529, "sha256": "ab" * 32},
            "rows": {"read": 20640, "dropped": 7, "train": 14448, "validation": 3096, "test": 3096},
            "target": {"name": "price", "task": "regression", "mean": 206855.8, "scale": 115395.6},
            "columns": [{"name": "rooms", "kind": "number", "why": "decimals", "distinct": 44, "missing": 0}],
            "steps": ["rooms was brought to mean 0 and standard deviation 1"],
            "features": ["rooms"],
            "split": "Rows were shuffled with seed 0.",
        },
        "trace": trace,
        "evaluations": trace.select("step", "epoch", validation_loss="loss", validation_metric="loss")[
            :: max(steps // 10, 1)
        ],
        "metrics": {"train": part, "validation": part, "test": part},
        "metric": "rmse",
        "start": {"loss": 1.2, "trivial_loss": 0.5, "trivial": "always predicting the mean (206,856)"},
        "exact": {"loss": 0.19, "objective": 0.19, "loss_distance": 0.01, "weights_distance": 0.2, "method": "QR"},
        "verdict": SimpleNamespace(
            state="converged", why="the loss no longer falls", next="nothing", figures={"steps": 400, "worst": NAN}
        ),
        "summary": ["400 steps were made."],
        "rates": pl.DataFrame({"rate": [0.05, 5.0], "loss": [0.2, INF], "chosen": [True, False]}),
        "predictions": pl.DataFrame({"actual": [1.0, 2.0], "predicted": [1.5, 1.8], "part": ["test", "test"]}),
        "slice": pl.concat([curve, path]),
        "slice_name": "rooms",
    }
    run = SimpleNamespace(**(whole | changes))
    run.measured = lambda name, **_: (
        None if run.slice is None else Measurement(name, run.slice, {"weight": run.slice_name})
    )
    return run


def measured_slice(**options: Any) -> Measurement:
    """What the slice instrument finds."""
    return Measurement("slice", fabricated().slice, {"weight": "rooms", "list": list(range(30))}, options, 0.5)


def explanations(*evidence: Measurement) -> list[Explanation]:
    """Some of every step; two quote the same measurement, one has a claim that did not hold, one lacks its measure."""

    def told(name: str, step: str, branch: str, *sentences: Sentence, **more: Any) -> Explanation:
        return Explanation(name, step, branch, f"What of {name}?", sentences, **more)

    both = (measured_slice(), *evidence)
    word = Sentence("word:loss", "The loss is what training makes small.", True)
    up = Sentence("points-to-minimum", "The angle is 71 degrees.", False)
    slope = Sentence("slope", "The slope is -3.", True)
    command = ("fallline slice last",)
    return [
        told("target", "problem", "what is asked", word),
        told("table", "data", "the table", Sentence("gaps", "No value is missing.", True)),
        told("slope", "model", "the gradient", word, slope, evidence=both, commands=command),
        told("rates", "model", "the learning rate", missing="rate-range: the table is not at hand."),
        told("minimum", "model", "the gradient", up, evidence=(measured_slice(),), commands=command),
        told("trust", "deployment", "using it", Sentence("range", "Not outside of the range.", True)),
    ]


def story(steps: int = 400) -> list[Chapter]:
    """Two chapters that cover all steps."""
    return [
        Chapter("descent", 1, 40, "the loss fell", {"from": 1.2, "to": 0.2}),
        Chapter("plateau", 41, steps, f"Steps 41 to {steps:,}: a plateau", {"norm": [0.2, 0.21]}),
    ]


def diagnosis() -> Diagnosis:
    """One symptom, a remedy that helped and one that did not, and one thing that was not checked."""
    floor = Symptom("noise-floor", "the loss hovers", {"floor": 0.2}, "mean > 1.05 * exact", "Robbins 1951", (41, 400))
    tried = [
        Tried("batch=256", [0.2, 0.22], [0.3, 0.32], [0, 1], True, "lower by 0.1"),
        Tried("schedule=cosine", [0.3], [0.3], [0], False, "no difference"),
    ]
    return Diagnosis([floor], ["diverged", "noise-floor"], {"saturated": "a linear model has nothing to"}, tried)


def steps_frame() -> pl.DataFrame:
    """Two series of three steps, and the value of another column for each."""
    return pl.DataFrame(
        {
            "step": [1, 10, 100] * 2,
            "series": ["first"] * 3 + ["second"] * 3,
            "value": [3.0, 2.0, 1.0, 30.0, 20.0, 10.0],
            "rows": [32, 320, 3200] * 2,
        }
    )


def charts() -> dict[str, Any]:
    """Charts of the kinds that instruments may draw."""
    base = alt.Chart(steps_frame()).encode(color="series:N")
    named = {"title": "A title", "description": "What there is to see."}
    lines = base.mark_line().encode(x=alt.X("step:Q", title="step"), y=alt.Y("value:Q", title="loss, logarithmic"))
    heat = (
        alt.Chart(steps_frame()).mark_rect().encode(x="step:Q", y="series:N", color=alt.Color("value:Q", title="norm"))
    )
    path = base.mark_point().encode(x="rows:Q", y="value:Q", tooltip=["step:Q", "value:Q"])
    other = alt.Chart(steps_frame().drop("step")).mark_bar().encode(x="series:N", y="value:Q")
    return {
        "layers": finish([lines, base.mark_point().encode(x="step:Q", y="value:Q")], "A title", named["description"]),
        "single": lines.properties(**named),
        "heat": heat.properties(**named),
        "path": path.properties(**named),
        "facets": alt.layer(lines).facet("series:N").properties(**named),
        "side by side": alt.hconcat(lines, other).properties(**named),
        "no step": other.properties(**named),
    }
