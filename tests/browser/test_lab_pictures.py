"""The pictures of the lab as a person reads and holds them: by pointer, by keyboard, as tables, on any screen."""

from __future__ import annotations

import pytest
from browser.lab_page import address_of, data_of, eventually, place_in, step_of, until, visit, walk
from playwright.sync_api import Page

ALL = ("slice", "loss", "fit", "gradient", "surface", "rate", "metric")
TIP = "#vg-tooltip-element.visible"


def signal(page: Page, picture: str, name: str) -> float:
    return page.evaluate(
        "([picture, name]) => document.querySelector(`#picture-${picture} .canvas`).view.signal(name)", [picture, name]
    )


def spread(page: Page, picture: str) -> list[tuple[float, float]]:
    """16 places of a picture, evenly over its plot, in its own numbers."""
    low_x, high_x, low_y, high_y = (signal(page, picture, end) for end in ("x_low", "x_high", "y_low", "y_high"))
    parts = (0.125, 0.375, 0.625, 0.875)
    return [(low_x + a * (high_x - low_x), low_y + b * (high_y - low_y)) for a in parts for b in parts]


def picked(page: Page, label: str) -> str:
    return page.locator(f"select[aria-label='{label}']").evaluate("(one) => one.selectedOptions[0].textContent")


def test_pointing_anywhere_at_a_picture_reads_the_nearest_value(page):
    visit(page, f"#table=one_weight&bias=true&rate=0.3&pictures={','.join(ALL)}&step=20")
    page.set_viewport_size({"width": 1280, "height": 2000})
    for picture in ALL:
        for x, y in spread(page, picture):
            page.mouse.move(3, 3)
            assert page.locator(TIP).count() == 0
            page.mouse.move(*place_in(page, picture, x, y))
            assert page.locator(TIP).count() == 1, (picture, x, y)
    losses = data_of(page, "loss", "steps")
    for x, y in ((7.2, 0.01), (12.9, 0.7)):  # far above and below the curve
        page.mouse.move(*place_in(page, "loss", x, y))
        there = next(row for row in losses if row["step"] == round(x))
        cells = page.locator(f"{TIP} td:not(.key)").all_inner_texts()
        assert [float(cell) for cell in cells] == [there["step"], pytest.approx(there["loss"], rel=1e-4)]
    page.mouse.move(3, 3)


@pytest.mark.parametrize(
    ("picture", "rows", "names"), [("layers", "bars", ("layer", "of")), ("fit", "rows", ("class",))]
)
def test_pointing_beside_a_bar_reads_it(page, picture, rows, names):
    visit(page, f"#table=iris&model=mlp:8&rate=0.3&pictures={picture}&step=25")
    bars = data_of(page, picture, rows)
    canvas = page.locator(f"#picture-{picture} canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    read = []
    for part in range(1, 200):
        page.mouse.move(box["x"] + 0.85 * box["width"], box["y"] + part / 200 * box["height"])
        if page.locator(TIP).count():
            told = page.locator(f"{TIP} td:not(.key)").all_inner_texts()
            read += [told] if told not in read else []
    page.mouse.move(3, 3)
    told = sorted(tuple(cells[: len(names)]) for cells in read)
    assert told == sorted(tuple(bar[name] for name in names) for bar in bars)


def test_what_is_read_follows_the_training_while_one_points(page):
    walk(page, 2)
    ball = data_of(page, "slice", "ball")[0]
    page.mouse.move(*place_in(page, "slice", ball["weight"], ball["loss"]))
    page.locator(TIP, has_text="Where the training stands").wait_for()
    page.keyboard.press("Space")
    until(page, 3)
    assert eventually(lambda: page.locator(TIP, has_text="Where the training stands").count() == 0)
    page.mouse.move(3, 3)


def test_the_pickers_show_the_axes_that_are_drawn_and_one_pick_moves_all(page):
    visit(page, "#table=iris&model=mlp:8,8&rate=0.3&pictures=slice,surface&step=25")
    page.click("#step")
    until(page, 26)
    summary = page.locator("#picture-slice .summary").inner_text()
    weight = summary.split(" is ")[0]
    assert picked(page, "Weight") == f"moved most: {weight}"
    table = page.locator("#picture-surface details.numbers")
    table.evaluate("(fold) => { fold.open = true; }")
    heads = table.locator("table").first.locator("th").all_inner_texts()
    assert [picked(page, "First weight"), picked(page, "Second weight")] == heads[1:3]
    for label in ("Weight", "First weight", "Second weight"):  # no name is cut
        assert page.locator(f"select[aria-label='{label}']").evaluate("""(one) => {
            const pen = document.createElement("canvas").getContext("2d");
            pen.font = getComputedStyle(one).font;
            return one.clientWidth >= pen.measureText(one.selectedOptions[0].textContent).width + 16;
        }"""), label  # fmt: skip
    other = page.locator('[data-stage="update"] .rows tbody tr').nth(3).locator("button")
    page.locator('[data-stage="update"] .rows').evaluate("(fold) => { fold.open = true; }")
    name = other.inner_text()
    assert name != weight
    other.click()
    page.locator("#picture-slice .summary", has_text=f"{name} is").wait_for()
    page.locator('[data-stage="gradient"] .said', has_text=f"along {name} it is").wait_for()
    assert eventually(lambda: picked(page, "Weight") == name)
    page.check("#quiz")
    page.locator("#guess label", has_text=f"put {name}?").wait_for()
    assert eventually(lambda: f"weight={name}" in address_of(page).replace("+", " "))


@pytest.mark.parametrize(("picture", "key", "side"), [("slice", "ArrowRight", "weight"), ("surface", "ArrowUp", "y")])
def test_arrow_keys_move_the_ball_again_and_again(page, picture, key, side):
    visit(page, "#table=one_weight&bias=true&rate=0.1&pictures=slice,surface&step=2")
    page.focus(f"#picture-{picture} .canvas")
    for _ in range(2):
        (ball,) = data_of(page, picture, "ball")
        page.keyboard.press(key)
        beyond = lambda ball=ball: any(row[side] > ball[side] for row in data_of(page, picture, "ball"))  # noqa: E731
        assert eventually(beyond)
        assert step_of(page) == 0
        assert page.evaluate("document.activeElement.closest('figure')?.id") == f"picture-{picture}"


def test_tables_have_plain_headings_and_say_how_many_rows_they_show(page):
    visit(page, "#table=diabetes&batch=32&rate=0.05&stop=none&pictures=slice,loss,surface&step=400")
    for picture in ("slice", "loss", "surface"):
        page.locator(f"#picture-{picture} details.numbers").evaluate("(fold) => { fold.open = true; }")
    page.locator("#picture-loss table").first.wait_for()
    captions = page.locator("#pictures caption").all_inner_texts()
    shown = len(data_of(page, "loss", "steps"))
    assert f"Loss at each step, on each batch: {shown} of 401 rows" in captions
    assert "The loss over the two directions: 250 of 625 rows" in captions
    assert any(caption.startswith("Loss on the validation rows: ") for caption in captions)
    heads = page.locator("#pictures th").all_inner_texts()
    assert not {"words", "level", "x", "y", "x1", "part", "words_at"} & set(heads)


def test_a_window_of_another_width_keeps_the_plots_inside_their_figures(page):
    visit(page, "#table=one_weight&bias=true&rate=0.3&step=20")
    room = """() => [...document.querySelectorAll(".canvas")].map(({ view, clientWidth }) =>
        clientWidth - view.origin()[0] - view.padding().left - view.width())"""
    before = page.evaluate(room)
    page.set_viewport_size({"width": 1600, "height": 800})
    assert eventually(lambda: page.evaluate("document.querySelector('#picture-loss .canvas').view.width()") > 400)
    assert page.evaluate(room) == pytest.approx(before, abs=1.5)
    assert min(before) >= 10  # the ball, and what stands at the end of an axis


def test_large_type_is_large_in_the_pictures_too(page):
    sizes = """() => { const found = []; const look = (item) => { if (item.fontSize) found.push(item.fontSize);
        (item.items ?? []).forEach(look); };
        look(document.querySelector("#picture-loss .canvas").view.scenegraph().root); return Math.min(...found); }"""
    usual = page.evaluate(sizes)
    page.click("#present")
    assert eventually(lambda: page.evaluate(sizes) == pytest.approx(1.4 * usual))
    page.click("#present")
    assert eventually(lambda: page.evaluate(sizes) == usual)
