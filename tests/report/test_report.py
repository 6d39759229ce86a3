"""The report is one page that opens offline, says what happened, and survives what is missing."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from report.fabricated import INF, NAN, diagnosis, explanations, fabricated, measured_slice, story

from fallline.claim import Sentence
from fallline.diagnosis.diagnosis import Diagnosis, Symptom, Tried
from fallline.errors import StorageError
from fallline.explain.explanation import Chapter, Explanation
from fallline.measurement import Measurement
from fallline.report import bundle, report_page, write_report
from fallline.report.tree import OTHERWISE

NASTY = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def small_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real bundle takes a second; what is around it is tested here."""
    monkeypatch.setattr("fallline.report.write.charts_bundle", lambda: "/* bundle */")


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
        if tag not in ("meta", "link", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.said.append(data)


def words(page: str) -> str:
    return " ".join(" ".join(Elements(page).said).split())


def specs(page: str) -> list[dict[str, Any]]:
    return [json.loads(s)["spec"] for s in re.findall(r'<script type="application/json">(.*?)</script>', page)]


def whole(*evidence: Measurement) -> str:
    """A page with every part."""
    return report_page(fabricated(), explanations=explanations(*evidence), story=story(), diagnosis=diagnosis())


def test_the_page_says_the_verdict_first_and_then_the_four_steps_in_order() -> None:
    said = words(report_page(fabricated()))
    order = ["Training converged", "1 Problem", "2 Data", "3 Model", "4 Deployment"]
    assert sorted(order, key=said.rindex) == order


def test_every_element_is_closed_and_every_section_has_a_heading() -> None:
    elements = Elements(whole())
    assert elements.open == []
    headings = [tag for tag, _ in elements.found if re.fullmatch(r"h\d", tag)]
    assert headings.count("h1") == 1
    assert headings[0] == "h1"


def test_the_page_loads_nothing_from_anywhere() -> None:
    page = whole()
    for _, attributes in Elements(page).found:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"https?://|@import|url\(", page)
    assert "default-src 'none'" in page


def test_every_chart_has_a_description_its_numbers_and_a_table() -> None:
    page = whole()
    drawings = [a for _, a in Elements(page).found if a.get("class") == "drawing"]
    assert len(drawings) == len(specs(page)) == page.count("<summary>As a table</summary>") == 7
    assert all(a["aria-label"] and a["role"] == "img" for a in drawings)


def test_headings_go_down_one_level_at_a_time() -> None:
    levels = [int(tag[1]) for tag, _ in Elements(whole()).found if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_what_is_not_given_is_left_out_of_the_page_and_of_its_contents() -> None:
    assert not {"#story", "#diagnosis"} & {a.get("href") for _, a in Elements(report_page(fabricated())).found}
    assert {"#story", "#diagnosis"} <= {a.get("href") for _, a in Elements(whole()).found}


def test_explanations_hang_on_their_step_under_their_branch_and_keep_their_order() -> None:
    said = words(whole())
    order = ["1 Problem", "What is asked", "What of target?", "2 Data", "What of table?", "3 Model", "The gradient"]
    order += ["What of slope?", "What of minimum?", "The learning rate", "What of rates?", "4 Deployment"]
    order += ["What of trust?", "Story The loss", "Diagnosis Of 2 things"]
    said = re.sub(r"steps [\d,]+ to [\d,]+ ", "", said)
    said = re.sub(r"(The (gradient|learning rate)) (holds|scales|was)", "", said)  # said of the record
    assert sorted(order, key=said.index) == order


def test_a_sentence_whose_claim_did_not_hold_says_so_in_words() -> None:
    said = words(whole())
    assert f"{OTHERWISE} The angle is 71 degrees." in said
    assert said.count(OTHERWISE) == 1


def test_a_measurement_is_drawn_once_and_linked_to_afterwards() -> None:
    page = whole()
    assert (
        sum("Loss against one weight" in spec["description"] or "rooms" in spec["description"] for spec in specs(page))
        == 1
    )
    assert [a["href"] for tag, a in Elements(page).found if tag == "a" and "evidence" in str(a["href"])] == [
        "#evidence-slice"
    ]
    assert [a["id"] for _, a in Elements(page).found if str(a.get("id")).startswith("evidence")] == ["evidence-slice"]
    assert "Measured as above: What of slope?" in words(page)


def test_measurements_with_other_options_are_drawn_apart() -> None:
    page = whole(measured_slice(step=40))
    ids = [a["id"] for _, a in Elements(page).found if str(a.get("id")).startswith("evidence")]
    assert ids == ["evidence-slice", "evidence-slice-step-40"]
    assert "Measured by the instrument slice (step 40), in 0.5 seconds." in words(page)


def test_an_instrument_without_a_figure_shows_its_numbers() -> None:
    page = whole(Measurement("checkup", pl.DataFrame({"a": [1]}), {"largest_scale": 12.5}))
    assert "largest scale 12.5 Measured by the instrument checkup." in words(page)


def test_a_long_list_of_numbers_is_cut_and_counted() -> None:
    assert "… (30 in all)" in words(whole())


def test_commands_that_measure_again_and_what_is_missing_are_shown() -> None:
    said = words(whole())
    assert "fallline slice last" in said
    assert "Not measured: rate-range: the table is not at hand." in said


def test_chapters_and_symptoms_take_the_page_to_their_steps() -> None:
    buttons = [a["data-step"] for tag, a in Elements(whole()).found if tag == "button" and "data-step" in a]
    assert buttons == ["1", "41", "41"]
    assert "steps 41 to 400 A plateau." in words(whole())


def test_the_diagnosis_shows_evidence_rule_source_and_what_was_tried() -> None:
    said = words(whole())
    assert "Of 2 things that were looked at, 1 is wrong. Noise floor The loss hovers." in said
    assert "floor 0.2 rule mean > 1.05 * exact source Robbins 1951" in said
    assert "batch=256 0.21 0.31 2 It helped: lower by 0.1" in said
    assert "It did not help: no difference" in said
    assert "Saturated a linear model has nothing to" in said


def test_a_healthy_run_is_said_to_be() -> None:
    page = report_page(fabricated(), diagnosis=Diagnosis([], ["diverged"], {}))
    assert "1 thing was looked at, and nothing is wrong." in words(page)


def test_a_run_without_steps_has_no_scrubber() -> None:
    assert 'id="at-step"' in report_page(fabricated())
    assert 'id="at-step"' not in report_page(fabricated(trace=fabricated().trace.clear()))


def test_a_long_run_says_what_the_page_left_out_and_a_short_one_does_not() -> None:
    assert "100,000 steps, more than a picture has room for" in words(report_page(fabricated(100_000)))
    assert "min-max downsampling" not in words(report_page(fabricated()))


def test_the_values_at_a_step_keep_the_spike_of_a_long_run() -> None:
    page = report_page(fabricated(100_000))
    found = re.search(r'id="recorded">(.*?)</script>', page)
    assert found
    recorded = json.loads(found[1])
    assert max(recorded["values"]["loss"]) == 9.0
    assert len(recorded["step"]) <= 1003
    assert recorded["step"][-1] == recorded["last"] == 100_000


def test_a_value_that_is_not_finite_is_none_in_the_page() -> None:
    page = report_page(fabricated(trace=fabricated().trace.with_columns(loss=pl.lit(INF))))
    assert '"loss":[null,null' in page


def test_the_final_measure_stands_beside_the_loss_under_a_name_of_its_own() -> None:
    said = words(report_page(fabricated()))
    assert "Minimised Final measures rows how many loss RMSE R²" in said
    assert "On the test rows the final measure, RMSE, is 71,131." in said


def test_the_exact_answer_is_a_level_of_the_loss_chart() -> None:
    assert "exact answer: 0.19" in report_page(fabricated())
    assert "exact answer" not in report_page(fabricated(exact=None)).split("<main")[1]


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
    sentences = (Sentence(NASTY, NASTY, True), Sentence(NASTY, NASTY, False))
    measured = Measurement("slice", run.slice, {"weight": NASTY, NASTY: NASTY}, {"weight": NASTY})
    told = Explanation(NASTY, "model", NASTY, NASTY, sentences, (measured, measured), (NASTY,), NASTY)
    symptom = Symptom(NASTY, NASTY, {NASTY: NASTY}, NASTY, NASTY)
    found = Diagnosis([symptom], [NASTY], {NASTY: NASTY}, [Tried(NASTY, [1.0], [1.0], [0], True, NASTY)])
    chapters = [Chapter(NASTY, 1, 2, NASTY, {NASTY: NASTY})]
    page = report_page(run, explanations=[told], story=chapters, diagnosis=found)
    assert Elements(page).open == []
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
