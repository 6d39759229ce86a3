"""Hands on the lab: what is changed, dropped, typed, hidden and taken back, and what of it stands on the page."""

from __future__ import annotations

import base64
import io

import numpy as np
import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.lab_page import (
    address_of,
    data_of,
    eventually,
    fact,
    line,
    number_of,
    place_in,
    step_of,
    until,
    visit,
    walk,
)
from playwright.sync_api import Page

import fallline as fl
from fallline.examples import EXAMPLES, example
from fallline.lab.scene import Scene
from fallline.numbers import number


def drop(page: Page, name: str, content: bytes) -> None:
    """Let go of a file above the page."""
    page.evaluate(
        """([name, content]) => {
            const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], name));
            for (const kind of ["dragover", "drop"]) {
                document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
            }
        }""",
        [name, base64.b64encode(content).decode()],
    )


def houses() -> pl.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=60)
    return pl.DataFrame({"x": x, "price": 3 * x + draw.normal(0, 0.1, 60), "name": [f"house {i}" for i in range(60)]})


def parquet(frame: pl.DataFrame) -> bytes:
    frame.write_parquet(file := io.BytesIO())
    return file.getvalue()


# -- own data


def test_a_file_dropped_on_the_page_opens_though_its_last_column_is_no_target(page):
    page.evaluate("""() => {
        window.busy = [];
        new MutationObserver(() => busy.push(document.querySelector("#model").ariaBusy))
            .observe(document.querySelector("#model"), { attributes: true });
    }""")
    drop(page, "houses.csv", houses().write_csv().encode())
    page.locator("#title", has_text="houses.csv").wait_for(timeout=60_000)
    until(page, 0)
    assert page.evaluate("busy")[-2:] == ["true", "false"]  # what stood before was marked until the new was there
    assert page.locator("#target").input_value() == "price"
    page.select_option("#target", "x")
    page.locator("#spine-problem", has_text="x from price").wait_for()
    page.select_option("#target", "name")  # refused, and told; what holds is shown again
    page.locator("#notice p", has_text="too many").wait_for()
    assert page.locator("#target").input_value() == "x"
    page.locator("#notice .plain").click()


def test_what_the_target_of_a_dropped_parquet_is_taken_for_is_changed_like_that_of_any_column(page):
    draw = np.random.default_rng(0)
    grades = pl.DataFrame({"x": draw.normal(size=80), "grade": draw.integers(1, 6, 80)})
    drop(page, "grades.parquet", parquet(grades))
    page.locator("#title", has_text="grades.parquet").wait_for(timeout=60_000)
    kind = page.get_by_label("Kind of grade")
    assert kind.input_value() == "number"
    kind.select_option("category")
    page.locator("#problem-said", has_text="one of 5 classes (1, 2, 3, 4, 5)").wait_for(state="attached")
    assert kind.input_value() == "category"
    until(page, 0)
    assert eventually(lambda: "type=grade:category" in address_of(page))


def test_a_click_on_a_point_moves_nothing_and_edits_are_taken_back(page):
    walk(page, 3)
    row = max(data_of(page, "fit", "rows"), key=lambda each: each["x"])
    page.mouse.click(*place_in(page, "fit", row["x"], row["y"]))
    page.wait_for_timeout(400)
    assert step_of(page) == 3
    assert "point=" not in address_of(page)
    many = EXAMPLES["one_weight"].rows
    tools = page.locator("#picture-fit .takes-back")
    assert not tools.is_visible()
    page.click("#tab-data")
    for x, y in ((12, -80), (13, -90)):
        for label, value in (("bmi_above_mean", x), ("progression_above_mean", y)):
            page.get_by_label(f"{label} of a new point").fill(str(value))
        page.get_by_role("button", name="Add a point").click()
        page.locator("#points summary", has_text=f"of {many + 1 + (x == 13)}").wait_for()
    page.click("#points button:has-text('Undo')")
    page.locator("#points summary", has_text=f"of {many + 1}").wait_for()
    page.click("#tab-model")
    tools.get_by_role("button", name="Reset").click()
    page.locator("#points summary", has_text=f"of {many}").wait_for(state="attached")
    tools.wait_for(state="hidden")
    assert eventually(lambda: "point=" not in address_of(page))


# -- controls

W = "weights[bmi_above_mean]"
NETWORK = "#table=diabetes&model=mlp:8&rate=0.05&batch=full"
TYPED = [
    ("#table=one_weight", "Penalty l2", "0.5", "l2=0.5"),
    ("#table=one_weight", f"Start at: {W}", "0.25", "init=at:0.25"),
    ("#table=diabetes&rate=0.05&batch=16", "Seed", "7", "seed=7"),
    ("#table=one_weight&rule=adam", "Rule: b1", "0.5", "rule=adam:0.5,0.999"),
    (NETWORK, "Units of each layer", "6,3", "model=mlp:6,3"),
]


@pytest.mark.parametrize(("scene", "label", "typed", "changed"), TYPED, ids=[label for _, label, _, _ in TYPED])
def test_after_a_change_the_numbers_are_those_of_a_run_with_that_setting(page, tmp_path, scene, label, typed, changed):
    visit(page, scene)
    field = page.locator(f'input[aria-label="{label}"]')
    field.fill(typed)
    field.press("Tab")
    assert eventually(lambda: changed in address_of(page))
    until(page, 0)
    walk(page, 2)
    asked = Scene.from_query(scene)
    settings = asked.asked() | Scene.from_query(f"{scene}&{changed}").settings | {"stop": None}
    run = fl.train(example(asked.table), EXAMPLES[asked.table].target, runs=tmp_path, **settings, until=3)
    assert number(run.trace["loss"][2], 5) in fact(page, "loss")
    assert number(run.trace["gradient_norm"][2]) in fact(page, "gradient_norm")


def test_after_a_refusal_the_controls_show_what_is_trained(page):
    page.select_option('select[aria-label="Loss"]', "quantile")
    page.get_by_label("Loss: q").wait_for()
    page.select_option('select[aria-label="Loss"]', "poisson")
    page.locator("#notice p", has_text="poisson").wait_for()
    assert page.locator('select[aria-label="Loss"]').input_value() == "quantile"
    assert page.get_by_label("Loss: q").input_value() == "0.5"
    page.locator("#notice .plain").click()


def test_every_box_for_a_number_has_its_name_in_view_and_a_rule_that_finds_its_rate_has_no_slider(page):
    visit(page, "#table=one_weight&rule=adam&schedule=step:0.5,10&loss=huber&batch=32")
    names = page.locator("#controls .part:visible small").all_inner_texts()
    assert names == ["delta", "rows", "factor", "epochs", "b1", "b2", "l2", "l1", W]
    loose = page.locator("#controls input:visible:not(.part input)").evaluate_all("all => all.map((e) => e.ariaLabel)")
    assert loose == ["Learning rate, logarithmic", "Learning rate", "Seed"]  # named by their group
    visit(page, "#table=one_weight&rule=prodigy&rate=1")
    assert page.locator('[data-hide="rate"]').inner_text().endswith("found by the rule, × 1")


# -- the loop


def test_clicking_a_number_of_a_row_spells_the_row_out_in_every_stage(page):
    rows = lambda stage: page.locator(f'[data-stage="{stage}"] .rows tbody tr td:first-child').all_text_contents()  # noqa: E731
    listed = rows("predict")
    assert listed == rows("loss") == [row for row in rows("gradient") if "more" not in row]
    page.locator('[data-stage="predict"] summary').first.click()
    asked = listed[4]
    page.locator('[data-stage="predict"] tbody tr').nth(4).locator("td").nth(2).click()
    page.locator('[data-stage="predict"] > .lines .formula', has_text=f"row {asked}:").wait_for()
    for stage in ("predict", "loss", "gradient"):
        assert page.locator(f'[data-stage="{stage}"] tr.followed td').first.inner_text() == asked
    walk(page, 1)
    assert f"row {asked}:" in page.locator('[data-stage="predict"] > .lines .formula').inner_text()
    spelled = [number_of(text) for text in line(page, "predict").replace("=", "×").split("×")]
    assert spelled[0] == pytest.approx(spelled[1] * spelled[2], rel=1e-3)


def test_a_figure_opens_to_how_it_comes_about(page):
    walk(page, 1)
    page.locator('[data-fact="update_norm"] summary').click()
    how = page.locator('[data-fact="update_norm"] .how')
    assert how.inner_text().startswith("Rate × the gradient's length: ")
    made, rate, length = (
        number_of(t) for t in how.inner_text().split(": ")[1].rstrip(".").replace("=", "×").split("×")
    )
    assert made == pytest.approx(rate * length, rel=1e-4)
    assert all(page.locator("#facts .how").evaluate_all("all => all.map((each) => each.textContent.length > 20)"))


def test_the_stages_stay_in_place_when_it_breaks_and_while_a_guess_is_asked(page):
    page.evaluate("for (const each of document.querySelectorAll('#loop details')) each.open = false")

    def places() -> list[list[float]]:
        return page.locator(".stage").evaluate_all("all => all.map((each) => [each.offsetTop, each.offsetHeight])")

    before = places()
    page.check("#quiz")
    page.locator("#guess").wait_for()
    assert places() == before
    page.uncheck("#quiz")
    visit(page, "#table=one_weight&rate=2.4")
    page.click('[data-forward="100"]')
    page.locator("#broke button").wait_for(timeout=60_000)
    assert places() == before


def test_where_the_next_update_lands_is_not_drawn_before_its_stage_is_reached(page):
    page.check("#sub")
    assert eventually(lambda: data_of(page, "slice", "ghost") == [])
    for _ in range(3):
        page.click("#step")
    assert eventually(lambda: len(data_of(page, "slice", "ghost")) == 1)
    page.click("#step")
    until(page, 1)
    assert eventually(lambda: data_of(page, "slice", "ghost") == [])
    page.uncheck("#sub")
    assert eventually(lambda: len(data_of(page, "slice", "ghost")) == 1)


# -- transport


def test_any_step_is_typed_or_reached_by_a_slider_that_is_wide(page):
    page.click('[data-forward="100"]')
    until(page, 100)
    page.locator("#to").fill("37")
    page.locator("#to").press("Enter")
    until(page, 37)
    box = page.locator("#at").bounding_box()
    assert (box or {})["width"] > 300
    page.select_option("#speed", "2")
    page.click("#run")
    page.locator("#run", has_text="Pause").wait_for()
    page.select_option("#speed", "500")
    assert eventually(lambda: step_of(page) > 90, 10)  # at the speed before it would take 27 seconds
    page.select_option("#speed", "10")


@pytest.mark.parametrize(("width", "height"), [(360, 740), (640, 400)])
def test_on_a_narrow_page_or_at_twice_the_size_the_steps_stay_in_view_beside_a_picture(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    page.locator("#picture-slice").evaluate("(e) => e.scrollIntoView()")
    step, picture = (page.locator(s).bounding_box() for s in ("#step", "#picture-slice canvas"))
    transport = page.locator(".transport").bounding_box()
    assert 0 <= step["y"] <= step["y"] + step["height"] <= height
    assert transport["y"] + transport["height"] <= picture["y"] <= picture["y"] + 150 <= height
    walk(page, 1)


# -- what an address hides

NOT_HIDDEN = "#notice *, dialog *, noscript *"  # what has gone wrong, and sheets that a hidden button opens


def test_each_control_of_the_page_can_be_hidden_by_the_address(page):
    names = page.evaluate("(async () => Object.keys((await import('/static/hide.js')).NAMES))()")
    controls = page.locator(f":is(button, input, select, summary):not({NOT_HIDDEN})")
    keys = controls.evaluate_all("""all => all.map((each) =>
        each.closest("[data-hide]")?.dataset.hide ?? each.outerHTML.slice(0, 90))""")
    aside = {key for key in keys if key not in names}
    assert {each for each in aside if "As a table" not in each} == set()
    visit(page, "#table=one_weight&hide=" + ",".join(names))
    seen = page.locator(f":is(button, input, select):not({NOT_HIDDEN}):visible")
    assert seen.evaluate_all("all => all.map((each) => each.outerHTML)") == []


def test_keys_do_nothing_whose_control_is_hidden(page):
    visit(page, "#table=one_weight&step=5&hide=run,back,many,scrub")
    for key in ("ArrowLeft", "r", "e", "Home", "End"):
        page.keyboard.press(key)
    page.keyboard.press("?")
    sheet = page.locator("#help").inner_text()
    assert [words for words in ("one step back", "run, pause") if words in sheet] == []
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")  # had one of them acted, it would be another step
    until(page, 6)


# -- for everyone


@pytest.mark.parametrize("night", ["no", "yes"])
def test_axe_finds_nothing_on_sheets_boxes_and_answers_by_day_or_night(page, night):
    if page.evaluate("document.documentElement.dataset.night ?? 'no'") != night:
        page.click("#night")
    said = {}

    def look(name: str) -> None:
        violations = Axe().run(page).response["violations"]
        said[name] = [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in violations]

    page.click("#help-open")
    look("keys")
    page.keyboard.press("Escape")
    page.click("#share-open")
    page.locator("#share details summary").click()
    look("share")
    page.keyboard.press("Escape")
    page.check("#quiz")
    page.locator("#guess-value").fill("99")
    page.click("#guess button")
    page.locator(".guess .score", has_text="of").wait_for()
    look("quiz")
    page.uncheck("#quiz")
    walk(page, 1)
    page.locator("#explain-w-new summary").first.click()
    page.locator("#explain-w-new code").first.wait_for(timeout=60_000)
    page.locator("#vary-steps").fill("20")
    page.click("#compare button[type=submit]")
    page.locator("#compared canvas").wait_for(timeout=60_000)
    for fold in page.locator("#loop details:visible, #facts details").all():
        fold.evaluate("(each) => { each.open = true; }")
    look("answers")
    visit(page, "#table=one_weight&rate=2.4")
    page.click('[data-forward="100"]')
    page.locator("#broke button").wait_for(timeout=60_000)
    look("broke")
    if night == "yes":
        page.click("#night")
    assert {name: found for name, found in said.items() if found} == {}
