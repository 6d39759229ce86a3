"""The report is one page that opens offline, says what happened, and survives what is missing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from fallline.errors import StorageError
from fallline.measurement import Measurement
from fallline.report import bundle, report_page, write_report

NASTY = "<script>alert(1)</script>"
INF, NAN = float("inf"), float("nan")


@pytest.fixture(autouse=True)
def small_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real bundle takes a second; what is around it is tested here."""
    monkeypatch.setattr("fallline.report.write.charts_bundle", lambda: "/* bundle */")


def fabricated(**changes: Any) -> Any:
    """A finished regression with every part."""
    steps = np.arange(1, 401)
    losses = 0.2 + 1 / steps
    trace = pl.DataFrame(
        {"step": steps, "epoch": steps / 40, "loss": losses, "gradient_norm": losses, "rate": np.full(400, 0.05)}
    )
    path = pl.DataFrame({"kind": "path", "step": [0, 400], "weight": [2.0, 0.1], "loss": [5.0, 0.2]})
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
        "evaluations": trace.select("step", "epoch", validation_loss="loss", validation_metric="loss")[::40],
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


class Elements(HTMLParser):
    """Every element of a page, every text outside of scripts, and whether all were closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.said.append(data)


def words(page: str) -> str:
    return " ".join(" ".join(Elements(page).said).split())


def specs(page: str) -> list[dict[str, Any]]:
    return [json.loads(s) for s in re.findall(r'<script type="application/json">(.*?)</script>', page)]


def test_the_page_says_the_verdict_first_and_then_the_four_steps_in_order() -> None:
    said = words(report_page(fabricated()))
    order = ["Training converged", "1 Problem", "2 Data", "3 Model", "4 Deployment"]
    assert sorted(order, key=said.rindex) == order


def test_every_element_is_closed_and_every_section_has_a_heading() -> None:
    elements = Elements(report_page(fabricated()))
    assert elements.open == []
    headings = [tag for tag, _ in elements.found if re.fullmatch(r"h\d", tag)]
    assert headings.count("h1") == 1
    assert headings[0] == "h1"


def test_the_page_loads_nothing_from_anywhere() -> None:
    page = report_page(fabricated())
    for _, attributes in Elements(page).found:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"https?://|@import|url\(", page)
    assert "default-src 'none'" in page


def test_every_chart_has_a_description_and_its_numbers() -> None:
    page = report_page(fabricated())
    drawings = [a for _, a in Elements(page).found if a.get("class") == "drawing"]
    assert len(drawings) == len(specs(page)) == 7
    assert all(a["aria-label"] and a["role"] == "img" for a in drawings)


def test_the_final_measure_stands_beside_the_loss_under_a_name_of_its_own() -> None:
    said = words(report_page(fabricated()))
    assert "Minimised Final measures rows how many loss RMSE R²" in said
    assert "On the test rows the final measure, RMSE, is 71,131." in said


def test_the_exact_answer_is_a_level_of_the_loss_chart() -> None:
    assert "exact answer: 0.19" in report_page(fabricated())
    assert "exact answer" not in report_page(fabricated(exact=None)).split("<main>")[1]


def test_what_comes_from_the_data_is_escaped_everywhere() -> None:
    run = fabricated(name=NASTY, slice_name=NASTY, summary=[NASTY], metric=NASTY)
    run.data["target"]["name"] = run.data["source"]["name"] = run.data["split"] = NASTY
    run.data["columns"] = [{"name": NASTY, "kind": NASTY, "why": NASTY, "distinct": 1, "missing": 0}]
    run.data["steps"] = run.data["features"] = [NASTY]
    run.settings = dict.fromkeys(("model", "loss", "batch", "rate", "rule", "schedule", NASTY), NASTY)
    run.start["trivial"] = run.exact["method"] = NASTY
    run.metrics = {"test": {"loss": 1.0, NASTY: 1.0}}
    run.verdict = SimpleNamespace(state=NASTY, why=NASTY, next=NASTY, figures={NASTY: NASTY})
    run.predictions = run.predictions.with_columns(part=pl.lit(NASTY))
    page = report_page(run)
    assert NASTY.lower() not in page.lower()
    assert "alert(1)" in words(page)
    labels = pl.DataFrame({"actual": [NASTY, "</script>"], "predicted": [NASTY, "<!--"], "part": ["test", "test"]})
    run.data["target"] |= {"task": "classes", "classes": [NASTY, "</script>"]}
    run.predictions = labels
    assert Elements(report_page(run)).open == []
    assert NASTY not in report_page(run)


def test_a_dollar_sign_in_the_data_is_no_placeholder() -> None:
    run = fabricated(name="$bundle ${run}")
    assert "$bundle ${run}" in words(report_page(run))


MISSING: dict[str, dict[str, Any]] = {
    "no parts": {"exact": None, "rates": None, "predictions": None, "slice": None, "slice_name": None, "summary": []},
    "no evaluations": {"evaluations": pl.DataFrame(schema={"step": pl.Int64, "epoch": pl.Float64})},
    "no metrics": {"metrics": {}, "start": {}},
    "little data": {"data": {"target": {"name": "y", "task": "regression"}}},
    "no step": {"trace": fabricated().trace.clear()},
    "one step": {"trace": fabricated().trace.head(1)},
    "broken": {
        "trace": fabricated().trace.with_columns(loss=pl.lit(INF), gradient_norm=pl.lit(NAN)),
        "metrics": {"test": {"loss": INF, "rmse": NAN}},
        "slice": fabricated().slice.with_columns(loss=pl.lit(NAN)),
    },
}


@pytest.mark.parametrize("changes", MISSING.values(), ids=MISSING)
def test_a_report_is_written_whatever_is_missing(changes: dict[str, Any]) -> None:
    page = report_page(fabricated(**changes))
    assert Elements(page).open == []
    assert "Training converged" in words(page)
    assert " None" not in words(page)


@pytest.mark.parametrize(
    "state", ["converged", "improving", "stalled", "diverged", "worse than trivial", "interrupted"]
)
def test_every_verdict_has_a_headline_its_reason_and_a_next_step(state: str) -> None:
    verdict = SimpleNamespace(state=state, why="because of this", next="do that", figures={})
    said = words(report_page(fabricated(verdict=verdict)))
    assert "Because of this. Next: Do that." in said


def test_classes_get_a_confusion_matrix_in_place_of_the_scatter() -> None:
    run = fabricated(metric="accuracy", metrics={"test": {"loss": 0.1, "accuracy": 0.9667}})
    run.data["target"] = {"name": "species", "task": "classes", "classes": ["a", "b"]}
    run.predictions = pl.DataFrame({"actual": ["a", "b"], "predicted": ["a", "a"], "part": ["test", "test"]})
    said = words(report_page(run))
    assert "Confusion matrix" in said
    assert "accuracy, is 96.7%" in said


def test_the_file_replaces_an_older_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    place.write_text("old")
    assert write_report(fabricated(), place) == place
    assert place.read_text("utf-8").startswith("<!doctype html>")
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_place_that_can_not_be_written_is_an_error_of_two_lines(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"can't be written.*\n.*another path"):
        write_report(fabricated(), tmp_path / "absent" / "report.html")


def test_the_report_reads_a_run_without_jax() -> None:
    code = "import sys, fallline.report; assert 'jax' not in sys.modules; assert 'vl_convert' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_bundle_is_made_once_and_kept_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "cache_folder", lambda: tmp_path / "cache")
    made: list[int] = []
    monkeypatch.setattr(bundle, "make_bundle", lambda: made.append(1) or f"drawing{bundle.MARK}")
    assert bundle.charts_bundle() == bundle.charts_bundle() == f"drawing{bundle.MARK}"
    assert len(made) == 1


def test_a_bundle_that_was_cut_short_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(bundle, "make_bundle", lambda: f"drawing{bundle.MARK}")
    bundle.charts_bundle()
    (kept,) = tmp_path.iterdir()
    kept.write_text("draw")
    assert bundle.charts_bundle() == f"drawing{bundle.MARK}"


def test_a_cache_that_can_not_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(bundle, "cache_folder", lambda: tmp_path / "file" / "cache")
    monkeypatch.setattr(bundle, "make_bundle", lambda: "drawing")
    assert bundle.charts_bundle() == "drawing"


def test_the_real_bundle_offers_to_draw_and_can_stand_inside_a_script() -> None:
    made = bundle.make_bundle()
    assert bundle.END.split(" =")[0] in made
    assert "</script" not in made.lower()
    assert made.endswith(bundle.MARK)
