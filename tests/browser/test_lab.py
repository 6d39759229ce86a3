"""The lab, as a person uses it: what is done on the page happens in a real training, whose numbers stand there."""

from __future__ import annotations

import os
import re
import shutil
import signal
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.lab_page import (
    address_of,
    colour_at,
    data_of,
    eventually,
    fact,
    line,
    number_of,
    place_in,
    serve,
    step_of,
    until,
    visit,
    walk,
)
from playwright.sync_api import Page

import fallline as fl
from fallline.examples import example
from fallline.lab.scene import Scene
from fallline.numbers import number

BALL = "#b84a00"
ONE = {"target": "progression_above_mean", **Scene().asked(), "stop": None}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The record of the first sight's training, made by the command's own function."""
    run = fl.train(example("one_weight"), runs=tmp_path_factory.mktemp("runs"), **ONE, steps=60)
    return run.trace


def bottom(page: Page, selector: str) -> float:
    box = page.locator(selector).last.bounding_box()
    assert box
    return box["y"] + box["height"]


# -- first sight


def test_the_first_sight_is_alive_and_whole_above_the_fold(page):
    assert step_of(page) == 0
    assert page.locator("form input:visible").count() > 0
    for stage in ("predict", "loss", "gradient", "update"):
        assert "=" in line(page, stage)
    assert page.locator(".picture canvas").count() == 4
    assert max(bottom(page, s) for s in ("#loop", ".picture canvas", "#step", "#told")) <= 800
    assert page.locator("[role=tab][aria-selected=true]").inner_text().startswith("3")


def test_nothing_jumps_when_numbers_change(page):
    def places():
        wanted = "#step, #loop, .stage, .picture, .chip, #facts, [data-fact=rate], [data-fact=trivial], .below"
        return page.locator(wanted).evaluate_all("""all => all.map((each) => {
            const { x, y, height } = each.getBoundingClientRect();
            return [x, y, height];
        })""")

    walk(page, 1)
    before = places()
    for step in range(2, 41):
        walk(page, 1)
        assert places() == before, step


def test_a_sum_that_gets_shorter_moves_nothing_below_it(page):
    tops = "all => all.map((each) => each.getBoundingClientRect().top)"
    visit(page, "#table=iris&model=mlp:8&batch=1&rate=0.05")
    before, addends = page.locator(".stage").evaluate_all(tops), set()
    for _ in range(40):
        walk(page, 1)
        addends.add(line(page, "predict").count("+"))
        now = page.locator(".stage").evaluate_all(tops)
        assert all(later >= earlier for earlier, later in zip(before, now, strict=True))
        before = now
    assert len(addends) > 2
    visit(page, "#table=one_weight")
    assert page.locator(".stage").last.evaluate("(stage) => stage.getBoundingClientRect().top") < before[-1]


# -- the loop


def test_the_update_on_the_page_re_adds(page):
    walk(page, 2)
    found = re.fullmatch(r"(.+) = (.+) − (.+) × (.+)", line(page, "update"))
    assert found
    new, old, rate, slope = (Decimal(part.strip().strip("()").replace("−", "-")) for part in found.groups())
    last_digit = Decimal(1).scaleb(new.as_tuple().exponent)
    assert abs(old - rate * slope - new) <= last_digit / 2


def test_the_numbers_on_the_page_are_those_of_the_command_line(page, trained):
    walk(page, 4)
    row = trained.row(4, named=True)
    assert number(row["loss"], 5) in fact(page, "loss")
    assert number(row["gradient_norm"]) in fact(page, "gradient_norm")
    slope = number_of(line(page, "gradient").split("=")[0])
    assert abs(slope) == pytest.approx(row["gradient_norm"], rel=1e-3)


def test_stage_by_stage_reveals_one_stage_after_the_other(page):
    page.check("#sub")
    shown = lambda: page.locator(".stage:not(.later)").count()  # noqa: E731
    assert shown() == 1
    for wanted in (2, 3, 4):
        page.click("#step")
        assert shown() == wanted
        assert step_of(page) == 0
    page.click("#step")
    until(page, 1)
    assert shown() == 1
    page.uncheck("#sub")
    assert shown() == 4


def test_a_weight_is_asked_where_its_number_comes_from(page):
    visit(page, "#table=iris&rate=0.5&model=softmax")
    page.locator('[data-stage="update"] summary').first.click()
    weight = page.locator('[data-stage="update"] .rows button').nth(3)
    name = weight.inner_text()
    weight.click()
    page.locator('[data-stage="update"] .formula', has_text=name).first.wait_for()
    assert name in page.locator('[data-stage="gradient"] .said').inner_text()


def test_a_row_is_followed_from_its_prediction_to_what_it_adds_to_the_gradient(page):
    visit(page, "#table=one_weight&batch=8&rate=0.1")
    page.locator('[data-stage="predict"] > .lines .numbers').click()  # the number opens what it is made of
    row = page.locator('[data-stage="predict"] .rows tbody button').first
    number_of_row = row.inner_text()
    row.click()
    for stage in ("predict", "loss", "gradient"):
        marked = page.locator(f'[data-stage="{stage}"] tr.followed')
        assert marked.is_visible()
        assert marked.locator("td").first.inner_text() == number_of_row
    shown = page.locator('[data-stage="gradient"] tr.followed td').all_inner_texts()[1:]
    error, by_weight, product = (number_of(text) for text in shown)
    assert error * by_weight == pytest.approx(product, rel=1e-3)
    row.click()
    assert page.locator("tr.followed").count() == 0


# -- transport


def test_back_is_exact_and_forward_again_gives_the_same(page):
    seen = [line(page, "update")]
    for _ in range(3):
        walk(page, 1)
        seen.append(line(page, "update"))
    for step in (2, 1, 0):
        page.click("#back")
        until(page, step)
        assert line(page, "update") == seen[step]
    walk(page, 2)
    assert line(page, "update") == seen[2]


def test_many_updates_an_epoch_and_any_step_of_a_long_run(page):
    visit(page, "#table=diabetes&rate=0.05&batch=32&stop=none")
    page.click('[data-forward="25"]')
    until(page, 25)
    page.click("#epoch")
    until(page, 30)  # 310 rows in tens of 32
    page.click('[data-forward="100"]')
    until(page, 130)
    page.locator("#at").fill("77")
    until(page, 77)
    assert page.locator("#where").inner_text().strip() == "of 130"
    assert page.locator("#to").input_value() == "77"


def test_run_goes_on_until_it_is_paused(page):
    visit(page, "#table=diabetes&rate=0.001&batch=1&stop=none")
    page.select_option("#speed", "50")
    page.click("#run")
    page.wait_for_timeout(1200)
    assert page.locator("#run").inner_text() == "Pause"
    page.click("#run")
    page.locator("#run", has_text="Run").wait_for()
    paused = step_of(page)
    assert paused > 3
    page.wait_for_timeout(400)
    assert step_of(page) == paused
    assert eventually(lambda: f"Paused at step {paused}" in page.locator("#polite").inner_text())


NUMBER = """() => {
  const [ball] = document.querySelector("#picture-slice .canvas").view.data("ball");
  return ball[Object.getOwnPropertySymbols(ball)[0]];
}"""


def test_a_picture_that_streams_changes_its_rows_in_place(page):
    visit(page, "#table=one_weight&rate=0.0005&stop=none&epochs=100000")
    page.click("#run")
    assert eventually(lambda: step_of(page) > 20)
    before, step = page.evaluate(NUMBER), step_of(page)
    assert eventually(lambda: step_of(page) > step + 20)
    assert page.evaluate(NUMBER) == before  # Vega keeps something of each row that it was ever given anew


def test_changing_the_rate_in_mid_run_branches_and_keeps_both_paths(page):
    walk(page, 5)
    page.locator("#at").fill("2")
    until(page, 2)
    page.locator(".typed").fill("1.5")
    page.locator(".typed").press("Enter")
    page.wait_for_selector("text=dashed")
    assert step_of(page) == 2
    walk(page, 3)
    left = data_of(page, "loss", "branches")
    assert left[0]["step"] == 2
    assert {row["branch"] for row in left} == {"rate 0.3"}
    assert "1.5" in line(page, "update")
    assert eventually(lambda: "rate_changes=2:1.5" in address_of(page))


# -- controls


def test_another_model_starts_anew_and_says_so(page):
    walk(page, 2)
    page.focus('select[aria-label="Model"]')
    page.select_option('select[aria-label="Model"]', "mlp yes")
    page.locator("#note", has_text="starts anew").wait_for()
    until(page, 0)
    assert page.locator("#spine-model").inner_text() != "1 weight"
    assert page.locator('[aria-label="Units of each layer"]').input_value() == "16"
    assert page.locator('select[aria-label="Model"]').evaluate("e => e === document.activeElement")


@pytest.mark.parametrize(
    ("label", "value", "key"),
    [
        ("Batch", "1", "batch=1"),
        ("Schedule", "cosine", "schedule=cosine"),
        ("Rule", "adam", "rule=adam"),
        ("Loss", "huber", "loss=huber"),
    ],
)
def test_a_choice_is_carried_out_without_a_button(page, label, value, key):
    page.select_option(f'select[aria-label="{label}"]', value)
    page.locator("#note", has_text="starts anew").wait_for()
    assert eventually(lambda: key in address_of(page))
    walk(page, 1)


def test_the_rate_slider_and_the_typed_rate_show_the_same(page):
    page.locator('[aria-label="Learning rate, logarithmic"]').fill("-1")
    assert eventually(lambda: fact(page, "rate") == "rate 0.1")
    assert float(page.locator(".typed").input_value()) == pytest.approx(0.1)


# -- pictures


def test_the_ball_is_drawn_where_the_weight_and_the_loss_are(page, trained):
    walk(page, 3)
    weight = trained["parameters"][2][0]
    loss = trained["loss"][3]
    assert colour_at(page, "slice", weight, loss) == BALL
    assert colour_at(page, "loss", 3, loss) == BALL
    assert data_of(page, "slice", "ball")[0]["weight"] == pytest.approx(weight, rel=1e-5)


def test_a_click_on_the_curve_puts_the_ball_there_and_dragging_moves_it(page):
    x, y = place_in(page, "slice", 0.9, 0.5)
    page.mouse.click(x, y)
    page.locator("#note", has_text="where you put it").wait_for()
    assert eventually(lambda: ball_near(page, 0.9))
    here = data_of(page, "slice", "ball")[0]
    start = place_in(page, "slice", here["weight"], here["loss"])
    aim = place_in(page, "slice", -0.4, 0.5)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*aim, steps=4)
    assert page.locator(".ring:visible").count() == 1
    page.mouse.up()
    assert eventually(lambda: ball_near(page, -0.4))


def ball_near(page: Page, weight: float) -> bool:
    return [abs(ball["weight"] - weight) < 0.02 for ball in data_of(page, "slice", "ball")] == [True]


def test_a_click_on_the_loss_goes_to_that_step(page):
    walk(page, 6)
    page.mouse.click(*place_in(page, "loss", 2, 0.8))
    until(page, 2)


def test_every_picture_says_what_it_shows_now_and_has_its_numbers_as_a_table(page):
    for name in page.locator(".chip").all_inner_texts():
        chip = page.locator(".chip", has_text=name)
        if chip.get_attribute("aria-pressed") == "false":
            chip.click()
    page.locator("#picture-metric canvas").wait_for()
    walk(page, 1)
    for figure in page.locator(".picture").all():
        said = figure.locator(".summary").inner_text()
        assert re.search(r"\d", said) or "not been looked at" in said
        assert figure.locator(".canvas").get_attribute("aria-label") == said
        figure.locator(".numbers > summary").click()
        figure.locator(".numbers td").first.wait_for()
    assert eventually(lambda: "pictures=" in address_of(page))


def test_a_surface_tells_the_true_loss_beside_its_own_and_takes_the_ball(page):
    visit(page, "#table=one_weight&bias=true&rate=0.3&pictures=slice,surface")
    page.locator("#picture-surface canvas").wait_for()
    walk(page, 2)
    assert "The true loss at the ball is" in page.locator("#picture-surface .summary").inner_text()
    ball = data_of(page, "surface", "ball")[0]
    page.mouse.click(*place_in(page, "surface", ball["x"] + 0.1, ball["y"]))
    page.locator("#note", has_text="where you put it").wait_for()


def test_pointing_at_a_picture_reads_its_value(page, trained):
    walk(page, 3)
    page.mouse.move(*place_in(page, "loss", 3, trained["loss"][3]))
    page.locator("#vg-tooltip-element.visible", has_text="step").wait_for()
    assert "3" in page.locator("#vg-tooltip-element").inner_text()
    page.mouse.move(5, 5)


def test_the_loss_is_seen_on_a_logarithmic_scale_when_asked(page):
    walk(page, 2)
    page.locator("#picture-loss").get_by_label("log").check()
    page.locator("#picture-loss .canvas", has=page.locator("canvas")).wait_for()
    assert eventually(lambda: scale_of(page) == "log")
    assert eventually(lambda: "log=1" in address_of(page))
    page.locator("#picture-loss").get_by_label("log").uncheck()
    assert eventually(lambda: scale_of(page) == "linear")


def scale_of(page: Page) -> str:
    return page.evaluate("document.querySelector('#picture-loss .canvas').view?.scale('y').type")


def test_a_network_shows_its_layers(page):
    visit(page, "#table=iris&model=mlp:8,8&rate=0.3&pictures=layers,fit")
    assert {row["layer"] for row in data_of(page, "layers", "bars")} == {"layer1", "layer2", "layer3"}


# -- when it breaks


def test_divergence_stops_at_the_last_good_step_and_offers_what_worked(page):
    visit(page, "#table=one_weight&rate=2.4")
    page.click('[data-forward="100"]')
    page.locator("#broke:visible").wait_for()
    said = page.locator("#broke").inner_text()
    assert "2 / lambda_max" in said
    button = page.locator("#broke button")
    button.wait_for(timeout=60_000)
    assert step_of(page) < 10
    button.click()
    page.locator("#broke").wait_for(state="hidden")
    page.click('[data-forward="25"]')
    page.locator("#told", has_text="minimum is reached").wait_for()


# -- compare, explain, diagnose, quiz


def test_runs_are_compared_side_by_side(page):
    page.select_option("#vary-what", "batch")
    page.locator("#vary-values").fill("full,32,1")
    page.locator("#vary-steps").fill("30")
    page.click("#compare button[type=submit]")
    page.locator("#compared canvas").wait_for(timeout=60_000)
    rows = page.locator("#compared tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows] == ["full", "32", "1"]


def test_an_explanation_opens_with_its_evidence_on_this_run(page):
    walk(page, 3)
    fold = page.locator("#explain-w-new")
    fold.locator("summary").first.click()
    fold.locator("code").first.wait_for(timeout=60_000)
    assert fold.locator(".answer p").count() > 1
    assert fold.locator("code").first.inner_text().startswith("fallline")


def test_the_diagnosis_says_what_was_looked_for(page):
    page.click('[data-forward="25"]')
    until(page, 25)
    page.click("#diagnose")
    page.locator("#diagnosed b").wait_for(timeout=60_000)
    assert "symptoms were looked for" in page.locator("#diagnosed b").inner_text()


def test_a_guess_comes_before_the_step_and_is_graded(page, trained):
    page.check("#quiz")
    page.locator('[data-stage="update"] .said', has_text="Guess first").wait_for()
    page.wait_for_timeout(300)
    assert data_of(page, "slice", "ghost") == []
    page.click("#step")
    page.wait_for_timeout(300)
    assert step_of(page) == 0
    truth = trained["parameters"][0][0]
    page.locator("#guess-value").fill(f"{truth:.4f}")
    page.click("#guess button")
    page.locator(".guess .score", has_text="1 of 1").wait_for()
    assert page.locator(".guess .answer").inner_text().startswith("Right")
    walk(page, 1)
    page.locator("#guess-value").fill("99")
    page.click("#guess button")
    page.locator(".guess .score", has_text="1 of 2").wait_for()


# -- own data


def test_a_dropped_table_is_trained_on_and_its_columns_can_be_changed(page, tmp_path):
    draw = np.random.default_rng(0)
    frame = pl.DataFrame({"size": draw.normal(size=80), "kind": ["a", "b"] * 40}).with_columns(
        price=3 * pl.col("size") + pl.Series(draw.normal(0, 0.1, 80))
    )
    frame.write_csv(tmp_path / "houses.csv")
    page.click("#tab-data")
    page.set_input_files("#file", tmp_path / "houses.csv")
    page.locator("#title", has_text="houses").wait_for(timeout=60_000)
    assert page.locator("#target").input_value() == "price"
    page.select_option('[aria-label="Kind of kind"]', "ignore")
    page.locator("#spine-problem", has_text="price from size").wait_for()
    page.click("#tab-model")
    walk(page, 1)


def test_what_is_no_table_is_refused_in_words(page, tmp_path):
    (tmp_path / "song.mp3").write_bytes(b"ID3")
    page.click("#tab-data")
    page.set_input_files("#file", tmp_path / "song.mp3")
    page.locator("#notice", has_text="no table").wait_for()
    page.locator("#notice .plain").click()
    (tmp_path / "broken.csv").write_text("a,b\n1,2\n3")
    page.set_input_files("#file", tmp_path / "broken.csv")
    page.locator("#notice p", has_text="broken.csv").wait_for(timeout=60_000)
    page.locator("#notice .plain").click()


def test_a_click_adds_a_point_and_dragging_moves_one(page):
    before = len(data_of(page, "fit", "rows"))
    page.mouse.click(*place_in(page, "fit", 12, -80))
    page.locator("#note", has_text="The table has changed").wait_for()
    assert eventually(lambda: "point=" in address_of(page))
    assert eventually(lambda: len(data_of(page, "fit", "rows")) == before + 1)
    rows = data_of(page, "fit", "rows")
    row = max(rows, key=lambda r: r["x"])
    start = place_in(page, "fit", row["x"], row["y"])
    aim = place_in(page, "fit", row["x"] - 3, row["y"] - 20)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*aim, steps=4)
    page.mouse.up()

    def moved_to() -> float:
        return {each["row"]: each["x"] for each in data_of(page, "fit", "rows")}.get(row["row"], np.nan)

    assert eventually(lambda: abs(moved_to() - (row["x"] - 3)) < 0.3)


# -- deployment


def test_a_typed_row_is_predicted_as_the_run_predicts_it(page, tmp_path):
    page.click('[data-forward="25"]')
    until(page, 25)
    run = fl.train(example("one_weight"), runs=tmp_path, **ONE, until=25)
    told = run.predict(pl.DataFrame({"bmi_above_mean": [4.0]}))["prediction"][0]
    page.click("#tab-deployment")
    page.locator("#predict input").first.fill("4")
    page.locator("#predicted .result", has_text=number(told, 5)).wait_for()
    assert page.locator("#predicted .line").count() >= 2


def test_a_kept_run_can_be_taken_along(page, tmp_path):
    page.click('[data-forward="25"]')
    until(page, 25)
    page.click("#tab-deployment")
    page.click("#keep")
    page.locator("#kept a").first.wait_for(timeout=120_000)
    kinds = {}
    for link in page.locator("#kept a").all():
        with page.expect_download() as coming:
            link.click()
        kept = tmp_path / coming.value.suggested_filename
        coming.value.save_as(kept)
        kinds[kept.suffix] = kept
    assert set(kinds) == {".safetensors", ".zip", ".html"}
    shutil.unpack_archive(kinds[".zip"], tmp_path / "run")
    (folder,) = [path.parent for path in (tmp_path / "run").rglob("run.json")]
    assert len(fl.open_run(folder).trace) == 25
    assert kinds[".html"].read_text().startswith("<!doctype html>")


# -- share


def test_a_link_shows_another_person_the_same_numbers(page, browser, address):
    visit(page, "#table=diabetes&rate=0.05&batch=32&seed=3")
    page.click('[data-forward="25"]')
    until(page, 25)
    page.wait_for_timeout(600)
    page.click("#share-open")
    link = page.locator("#share .link").first.input_value()
    page.keyboard.press("Escape")
    assert "token" not in link
    context = browser.new_context()
    other = context.new_page()
    other.goto(address + "#" + link.split("#")[1] + "&hide=rate,batch&present=1")
    until(other, 25)
    assert [line(other, s) for s in ("loss", "gradient", "update")] == [
        line(page, s) for s in ("loss", "gradient", "update")
    ]
    assert not other.locator('[data-hide="rate"]').first.is_visible()
    assert other.locator('[data-hide="seed"]').first.is_visible()
    assert "present" in (other.locator("html").get_attribute("class") or "")
    context.close()


@pytest.mark.parametrize("broken", ["table=nosuch", "point=a,b", "rate=no"])
def test_a_broken_link_is_told_and_one_starts_without_it(browser, address, broken):
    context = browser.new_context()
    other = context.new_page()
    other.goto(f"{address}#{broken}")
    other.locator("#notice").get_by_role("button", name="Start again").click()
    until(other, 0)
    walk(other, 1)
    assert not other.locator("#notice").is_visible()
    assert broken not in address_of(other)
    context.close()


# -- for everyone


def test_the_whole_page_goes_by_keyboard(page):
    page.locator("body").press("Space")
    until(page, 1)
    page.keyboard.press("Space")
    until(page, 2)
    page.keyboard.press("ArrowLeft")
    until(page, 1)
    page.locator(".typed").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    page.wait_for_timeout(300)
    assert step_of(page) == 1
    page.locator("#step").focus()
    page.keyboard.press("Space")
    until(page, 2)
    page.keyboard.press("?")
    page.locator("#help[open]").wait_for()
    assert "one step back" in page.locator("#help").inner_text()
    page.keyboard.press("Escape")
    order = []
    page.locator(".skip").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
    assert order[:3] == ["share-open", "night", "sound"]
    assert "tab-model" in order
    assert "Model" in order


@pytest.mark.parametrize("tab", ["problem", "data", "model", "deployment"])
@pytest.mark.parametrize("night", ["no", "yes"])
def test_axe_finds_nothing_on_any_panel_by_day_or_night(page, tab, night):
    walk(page, 1)
    if page.evaluate("document.documentElement.dataset.night ?? 'no'") != night:
        page.click("#night")
    page.click(f"#tab-{tab}")
    page.wait_for_timeout(400)
    found = Axe().run(page)
    said = [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found.response["violations"]]
    page.click("#tab-model")
    if night == "yes":
        page.click("#night")
    assert said == []


@pytest.mark.parametrize(("width", "height"), [(360, 740), (640, 400)])
def test_a_narrow_page_or_one_at_twice_the_size_does_not_scroll_sideways(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    wide = lambda: page.evaluate("document.documentElement.scrollWidth")  # noqa: E731
    assert eventually(lambda: wide() <= width), too_wide(page, width)
    walk(page, 1)
    page.evaluate("for (const each of document.querySelectorAll('#loop details')) each.open = true")
    assert wide() <= width, too_wide(page, width)
    page.select_option("#vary-what", "rate")
    page.fill("#vary-steps", "20")
    page.click("#compare button[type=submit]")
    page.locator("#compared canvas").wait_for(timeout=60_000)
    fold = page.locator("#explain-w-new")
    fold.locator("summary").first.click()
    fold.locator("canvas").first.wait_for(timeout=60_000)
    assert wide() <= width, too_wide(page, width)
    for tab in ("problem", "data", "deployment", "model"):
        page.click(f"#tab-{tab}")
        assert wide() <= width, too_wide(page, width)


def test_who_wants_no_motion_gets_none(browser, address):
    context = browser.new_context(reduced_motion="reduce")
    quiet = context.new_page()
    quiet.goto(address)
    until(quiet, 0)
    quiet.click("#step")
    assert quiet.evaluate("document.getAnimations().length") == 0
    until(quiet, 1)
    context.close()


def test_the_loss_can_be_heard(page):
    page.click("#sound")
    assert page.locator("#sound").get_attribute("aria-pressed") == "true"
    walk(page, 1)
    page.click("#sound")


# -- runs, and trouble


def test_a_recorded_run_is_replayed_in_the_same_page(browser, tmp_path: Path):
    run = fl.train(example("one_weight"), runs=tmp_path, **ONE, steps=40)
    with serve("last", "--runs", str(tmp_path)) as (found, _):
        context = browser.new_context()
        replay = context.new_page()
        replay.goto(found)
        replay.wait_for_selector("html[data-drawn]", state="attached", timeout=60_000)
        assert "Replay" in replay.locator("#title").inner_text()
        last = int(replay.locator("#at").get_attribute("max") or 0)
        assert last >= 39
        replay.locator("#at").fill("17")
        until(replay, 17)
        assert number(run.trace["loss"][17], 5) in fact(replay, "loss")
        context.close()


def test_a_killed_training_is_told_and_started_again(browser):
    with serve() as (found, process):
        context = browser.new_context()
        mine = context.new_page()
        mine.goto(found)
        until(mine, 0)
        for child in children(process.pid):
            os.kill(child, signal.SIGKILL)
        mine.locator("#notice button", has_text="Start again").wait_for()
        mine.click("#notice button >> nth=0")
        mine.locator("html:not([data-step])").wait_for(state="attached")
        until(mine, 0)
        walk(mine, 1)
        context.close()


def children(parent: int) -> list[int]:
    """The processes that train for a lab's pages."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().partition(") ")
            trains = b"spawn_main" in (stat.parent / "cmdline").read_bytes()
            if trains and int(rest.split()[1]) == parent:
                found.append(int(name.split()[0]))
    return found


def too_wide(page: Page, width: int) -> list[str]:
    return page.evaluate(
        """(width) => [...document.querySelectorAll("*")]
            .filter((e) => e.getBoundingClientRect().right > width + 1)
            .map((e) => `${e.tagName}.${e.className}#${e.id}`)""",
        width,
    )
