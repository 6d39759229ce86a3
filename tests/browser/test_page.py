"""The report in a real browser: it draws, its scrubber moves all figures together, and everyone can read it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from report.fabricated import fabricated_trace

Visit = Callable[..., Page]
FIGURES = """[...document.querySelectorAll("figure.chart")].map((figure) => ({
    title: figure.querySelector("h3, h5").textContent,
    drawn: figure.querySelector(".drawing svg") !== null,
    inside: figure.querySelector(".drawing").innerHTML,
    said: figure.querySelector(".read-off")?.textContent ?? null,
    at: figure.querySelector(".read-off") && figure.querySelector(".drawing").view?.signal("at_step"),
    folded: figure.closest("details:not([open])") !== null,
}))"""
PLACES = """[...document.querySelectorAll("svg, h2, h3, dt, .read-off")].map((each) => {
    const { top, left, width, height } = each.getBoundingClientRect();
    return [top + scrollY, left, width, height];
})"""


def open_all(page: Page, folds: str = "details") -> None:
    """Open every fold, and wait until every figure is drawn, as scrolling past them would have it."""
    page.evaluate("folds => document.querySelectorAll(folds).forEach((fold) => { fold.open = true; })", folds)
    page.evaluate("Promise.all([...document.querySelectorAll('figure.chart')].map(draw))")


def figures(page: Page) -> list[dict[str, Any]]:
    return page.evaluate(FIGURES)


def move(page: Page, step: int) -> None:
    """Take the slider to a step, as a hand would, and wait until the figures have followed."""
    page.locator("#at-step").fill(str(step))
    page.evaluate("async () => { await following; }")


def test_it_opens_offline_without_error_and_draws_every_figure(visit: Visit) -> None:
    page = visit()
    open_all(page)
    assert len(figures(page)) > 10
    assert all(figure["drawn"] for figure in figures(page))


def test_figures_are_drawn_only_when_scrolled_near_or_unfolded(visit: Visit) -> None:
    page = visit()
    page.wait_for_timeout(300)
    assert not any(figure["drawn"] for figure in figures(page) if figure["folded"])
    assert not all(figure["drawn"] for figure in figures(page) if not figure["folded"])
    loss = page.locator("figure", has_text="Loss at each step")
    loss.scroll_into_view_if_needed()
    expect(loss.locator("svg")).to_be_visible()
    page.get_by_text("What of slope?").first.click()
    expect(page.locator("#explain-slope figure").first.locator("svg")).to_be_visible()


def test_the_scrubber_moves_every_figure_that_has_steps(visit: Visit) -> None:
    page = visit()
    open_all(page)
    move(page, 5)
    before = figures(page)
    move(page, 60)
    after = figures(page)
    moved = [figure for figure in after if figure["said"] is not None]
    assert {figure["at"] for figure in moved} == {60}
    assert len(moved) >= 9
    for old, new in zip(before, after, strict=True):
        assert (old["inside"] != new["inside"]) == (new["said"] is not None), new["title"]
        if new["said"] is not None and new["title"] != "Learning rate at each step":
            assert old["said"] != new["said"]


def test_the_values_read_off_are_those_that_were_recorded(visit: Visit) -> None:
    page = visit()
    open_all(page)
    for step in (1, 137, 400):
        move(page, step)
        row = fabricated_trace(400).row(step - 1, named=True)
        said = page.locator("figure", has_text="Loss at each step").locator(".read-off")
        shown = {
            name: page.locator(f'[data-value="{name}"]').inner_text() for name in ("loss", "gradient_norm", "rate")
        }
        assert all(float(value) == pytest.approx(row[name], rel=5e-4) for name, value in shown.items())
        assert float(re.findall(r"each step's batch ([\d.]+)", said.inner_text())[0]) == pytest.approx(
            row["loss"], rel=5e-4
        )
        expect(page.locator("#at-step")).to_have_attribute("aria-valuetext", re.compile(f"^step {step} of 400: epoch"))


def test_a_ring_stands_at_the_last_record_before_the_step_in_each_series(visit: Visit) -> None:
    page = visit()
    open_all(page)
    lines = page.locator("figure", has_text="A title").locator(".read-off").first
    for step, first, second in ((400, "1", "10"), (99, "2", "20"), (10, "2", "20"), (9, "3", "30")):
        move(page, step)
        assert re.search(rf"first {first}\b.*second {second}\b", lines.inner_text())
    move(page, 0)
    assert re.search(r"first –.*second –", lines.inner_text())
    expect(page.locator("#at-step")).to_have_attribute("aria-valuetext", re.compile("random start"))


def test_nothing_jumps_when_the_scrubber_moves(visit: Visit) -> None:
    for width in (360, 1100):
        page = visit(viewport={"width": width, "height": 800})
        open_all(page)
        places = []
        for step in (400, 0, 1, 99, 250):
            move(page, step)
            places.append(page.evaluate(PLACES))
        assert all(place == places[0] for place in places)


def test_a_chapter_takes_the_page_to_its_steps(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="steps 41 to 400").first.click()
    expect(page.locator("#at-step")).to_have_value("41")
    expect(page.locator(".story li[aria-current]")).to_contain_text("A plateau.")
    page.get_by_role("button", name="steps 1 to 40").click()
    expect(page.locator(".story li[aria-current]")).to_contain_text("The loss fell.")


def test_the_keyboard_alone_moves_the_scrubber_and_opens_folds(visit: Visit) -> None:
    page = visit()
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    expect(page.get_by_text("Skip to the content")).to_be_in_viewport()
    focused = "document.activeElement.id || document.activeElement.textContent"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "at-step":
            break
    slider = page.locator("#at-step")
    expect(slider).to_be_focused()
    for key, value in (("ArrowLeft", 399), ("Home", 0), ("ArrowRight", 1), ("Shift+ArrowRight", 5), ("End", 400)):
        page.keyboard.press(key)
        expect(slider).to_have_value(str(value))
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "What of slope?":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#explain-slope")).to_have_attribute("open", "")
    expect(page.locator("#explain-slope figure").first.locator("svg")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.locator("#explain-slope")).not_to_have_attribute("open", "")


def test_what_has_the_focus_is_outlined(visit: Visit) -> None:
    page = visit()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 1100), ("dark", 360)])
def test_axe_finds_no_violation(visit: Visit, scheme: str, width: int) -> None:
    page = visit(color_scheme=scheme, viewport={"width": width, "height": 900})
    open_all(page)
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


def test_every_chart_has_words_and_a_table(visit: Visit) -> None:
    page = visit()
    open_all(page)
    for figure in page.locator("figure.chart").all():
        assert figure.locator(".drawing").get_attribute("aria-label")
        assert figure.locator("figcaption p").inner_text()
        assert figure.get_by_role("table").first.get_by_role("row").count() >= 2


def test_the_charts_follow_the_screen_into_the_night_and_back(visit: Visit) -> None:
    page = visit()
    loss = page.locator("figure", has_text="Loss at each step").first
    loss.scroll_into_view_if_needed()
    ground = loss.locator("svg")
    expect(ground).to_have_css("background-color", "rgb(255, 255, 255)")
    page.emulate_media(color_scheme="dark")
    expect(ground).to_have_css("background-color", "rgb(24, 24, 24)")
    open_all(page)
    for figure in figures(page):
        assert "#1d2329" not in figure["inside"], figure["title"]  # the ink of the day
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(24, 24, 24)"
    page.emulate_media(color_scheme="light")
    expect(ground).to_have_css("background-color", "rgb(255, 255, 255)")


@pytest.mark.parametrize(("width", "height"), [(360, 740), (640, 360)], ids=["a phone", "200% of a small screen"])
def test_a_narrow_page_has_no_sideways_scroll(visit: Visit, width: int, height: int) -> None:
    page = visit(viewport={"width": width, "height": height})
    open_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".scrubber").bounding_box()["height"] < 0.3 * height  # type: ignore[index]


def test_printing_draws_all_that_is_open_by_day_and_nothing_that_is_folded(visit: Visit) -> None:
    page = visit(color_scheme="dark")
    page.evaluate("document.querySelector('#explain-slope').open = true")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    for figure in figures(page):
        assert figure["drawn"] == (not figure["folded"])
        assert not figure["drawn"] or "background-color: white" in figure["inside"]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    expect(page.get_by_role("navigation")).to_be_hidden()
    expect(page.locator(".scrubber")).to_have_css("position", "static")
    assert len(page.pdf()) > 50_000


def test_a_link_to_what_is_folded_away_opens_it(visit: Visit) -> None:
    page = visit()
    page.get_by_text("What of minimum?").first.click()
    page.get_by_role("link", name="What of slope?").click()
    expect(page.locator("#explain-slope")).to_have_attribute("open", "")
    expect(page.locator("#evidence-slice")).to_be_in_viewport()


def test_every_explanation_can_be_opened_and_folded_at_once(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Open every explanation").click()
    assert page.locator(".explanation:not([open])").count() == 0
    page.get_by_role("button", name="Fold all").click()
    assert page.locator(".explanation[open]").count() == 0


def test_a_reader_who_wants_no_motion_gets_none(visit: Visit) -> None:
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    assert visit(reduced_motion="reduce").evaluate(behaviour) == "auto"
    assert visit(reduced_motion="no-preference").evaluate(behaviour) == "smooth"


def test_without_scripts_words_and_tables_are_there(visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    expect(page.locator("noscript p")).to_be_visible()
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("table").filter(has_text="each step's batch")).to_be_visible()


def test_a_run_without_a_step_opens_too(visit: Visit, write: Callable[..., Path]) -> None:
    page = visit(write(trace=fabricated_trace(1).clear()))
    open_all(page)
    assert page.locator("#at-step").count() == 0
    assert all(figure["drawn"] for figure in figures(page))


def test_a_run_of_a_hundred_thousand_steps_is_small_and_says_which_step_it_shows(
    visit: Visit, write: Callable[..., Path]
) -> None:
    path = write(100_000)
    assert path.stat().st_size < 5_000_000
    page = visit(path)
    open_all(page)
    move(page, 33_334)  # the spike
    assert page.locator('[data-value="loss"]').inner_text() == "9"
    move(page, 33_399)
    shown = page.locator('[data-value="step"]').inner_text()
    assert 33_300 < int(shown.replace(",", "")) <= 33_399
    expect(page.locator("#at-step")).to_have_attribute("aria-valuetext", re.compile(f"from step {shown}$"))


def test_no_script_but_its_own_may_run(browser: Any, report: Path) -> None:
    page = browser.new_page()
    page.goto(report.as_uri())
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
        }"""
    )
    assert page.evaluate("window.ran") is None
    page.close()
