"""What the lab's page says: answers to all that was asked, commands that hold, and words that are true and timely."""

from __future__ import annotations

from browser.lab_page import address_of, eventually, serve, step_of, until, visit, walk
from playwright.sync_api import Page

import fallline as fl
from fallline.examples import example

LONG = 60_000  # ms: what is measured for an answer, on a busy machine


def answer(page: Page, name: str):
    return page.locator(f"#explain-{name} .answer")


def ask(page: Page, name: str) -> None:
    page.locator(f"#explain-{name} > summary").click()


def test_all_that_is_asked_at_once_is_answered_or_said_to_be_given_up(page):
    walk(page, 3)
    names = ["length-of-a-step", "how-far-down"]
    page.select_option("#vary-what", "schedule")
    page.locator("#compare button[type=submit]").click()
    for name in names:
        ask(page, name)
    for name in names:
        answer(page, name).get_by_role("button", name="Ask again").wait_for(timeout=LONG)
        assert "Measuring" not in answer(page, name).inner_text()
    assert "step 3" in answer(page, names[1]).locator(".small").first.inner_text()
    page.locator("#compared table").wait_for(timeout=LONG)
    assert page.locator("#compare .waiting").is_hidden()
    page.fill("#vary-steps", "300000")  # so many that there is time to think again
    page.locator("#compare button[type=submit]").click()
    ask(page, "steepest")
    page.get_by_role("button", name="Stop", exact=True).click()
    answer(page, "steepest").get_by_text("Given up.").wait_for()
    assert page.locator("#compare .waiting").is_hidden()
    page.fill("#vary-steps", "")


def test_where_it_broke_the_retry_and_the_diagnosis_both_come(page):
    visit(page, "#table=one_weight&rate=2.4")
    page.locator("[data-forward='100']").click()
    page.locator("#diagnose").click()
    page.locator("#broke .retry button").wait_for(timeout=LONG)
    page.locator("#diagnosed .symptom h3").first.wait_for(timeout=LONG)
    assert page.locator("#diagnosed .symptom h3").all_inner_texts() == ["diverged"]
    assert page.locator("#diagnosed .commands code").all_inner_texts()[1] == "fallline diagnose last"


def test_commands_and_suggestions_follow_a_rate_that_is_changed_on_the_way(page):
    page.select_option("#vary-what", "rate")
    walk(page, 4)
    page.locator("#controls input.typed").fill("1")
    page.keyboard.press("Enter")
    assert eventually(lambda: "rate_changes=4:1.0" in address_of(page))
    assert eventually(lambda: "--rate_changes 4:1.0" in page.locator("#command").text_content())
    assert "--until 4" in page.locator("#command").text_content()
    assert page.locator("#vary-values").input_value() == "0.1,0.3,1,3"


def test_a_comparison_fits_its_box_and_says_each_rate(page):
    walk(page, 2)
    for name in ("rule", "schedule", "batch"):
        page.select_option("#vary-what", name)
        page.locator("#compare button[type=submit]").click()
        page.locator("#compared th").first.get_by_text(name, exact=True).wait_for(timeout=LONG)
        assert page.locator("#compared tbody td:nth-child(2)").all_inner_texts() == ["0.3"] * 3
        box, canvas = (page.locator(f"#compared {part}").bounding_box() for part in (".canvas", "canvas"))
        assert box
        assert canvas
        assert canvas["x"] + canvas["width"] <= box["x"] + box["width"] + 1
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= 360")


def test_one_step_is_announced_and_an_error_goes_when_it_works_again(page):
    page.evaluate("document.getElementById('polite').textContent = ''")
    walk(page, 1)
    polite = page.locator("#polite")
    assert eventually(lambda: polite.text_content().startswith("Step 1: loss "))
    assert ", was " in polite.text_content()
    page.locator("#vary-values").fill("0.1")
    page.locator("#compare button[type=submit]").click()
    page.locator("#notice p").wait_for()
    page.select_option("#vary-what", "seed")
    page.locator("#compare button[type=submit]").click()
    page.locator("#compared table").wait_for(timeout=LONG)
    assert page.locator("#notice").is_hidden()


def test_the_guess_is_asked_without_a_red_field(page):
    page.check("#quiz")
    border = "(e) => getComputedStyle(e).borderTopColor"
    other = page.locator("#controls input.typed").evaluate(border)
    assert page.locator("#guess-value").evaluate(border) == other
    page.uncheck("#quiz")


def test_the_link_of_a_dropped_table_says_that_the_file_must_go_along(page, tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text("size,price\n" + "\n".join(f"{x},{3 * x + x % 7}" for x in range(60)))
    page.locator("#file").set_input_files(path)
    page.locator("#title").get_by_text("houses").wait_for(timeout=LONG)
    page.click("#share-open")
    said = page.locator("#share p").first.inner_text()
    assert "houses.csv" in said
    assert "Send the file along" in said
    assert "sees the same numbers" not in said


def test_a_replay_stays_one_when_the_page_is_loaded_again(browser, tmp_path):
    run = fl.train(example("iris"), "species", runs=tmp_path, rate=0.2, epochs=6, batch=20, stop=None)
    with serve(run.name, runs=tmp_path) as (address, _):
        page = browser.new_page()
        page.goto(address)
        until(page, step_of(page))
        page.locator("#title").get_by_text("Replay of").wait_for(timeout=LONG)
        page.locator("[data-forward='25']").click()
        until(page, 25)
        assert eventually(lambda: "step=25" in address_of(page))
        page.reload()
        until(page, 25)
        assert page.locator("#title").inner_text().startswith("Replay of")
        page.close()
