"""A real browser without a window; reports and the lab are opened in it. It is the system's own, never a download."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.lab_page import serve
from browser.lab_page import visit as go_to
from playwright.sync_api import Browser, Page, sync_playwright
from report.fabricated import charts, diagnosis, explanations, fabricated, story

from fallline.measurement import Measurement
from fallline.report import evidence, write_report

QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
KINDS = [name for name in charts() if name != "side by side"]  # which can't be narrower than its parts


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("These tests open reports in Chromium, which is not installed. Try: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*QUIET])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a report with every part, and with a chart of every kind among its evidence."""

    def written(steps: int = 400, **changes: Any) -> Path:
        shown = [Measurement("noise", fabricated().slice, {"kind": kind}, {"step": i}) for i, kind in enumerate(KINDS)]
        with pytest.MonkeyPatch.context() as patch:
            real, made = evidence.draw_measurement, charts()
            drawn = lambda found: real(found) if found.instrument == "slice" else [made[found.figures["kind"]]]  # noqa: E731
            patch.setattr(evidence, "draw_measurement", drawn)
            return write_report(
                fabricated(steps, **changes),
                tmp_path_factory.mktemp("report") / "report.html",
                explanations=explanations(*shown),
                story=story(steps),
                diagnosis=diagnosis(),
            )

    return written


@pytest.fixture(scope="module")
def report(write: Callable[..., Path]) -> Path:
    return write()


@pytest.fixture
def visit(browser: Browser, report: Path) -> Iterator[Callable[..., Page]]:
    """Opens a report; afterwards nothing may have gone wrong in it, and nothing have been asked of anywhere."""
    contexts: list[Any] = []
    wrong: list[str] = []
    asked: list[str] = []
    went: list[str] = []

    def opened(path: Path = report, **context: Any) -> Page:
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        went.append(path.as_uri())
        page.goto(went[-1])
        return page

    yield opened
    assert wrong == []
    assert asked == went
    for context in contexts:
        context.close()


# -- the lab


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve() as (found, _):
        yield found


@pytest.fixture(scope="module")
def opened(browser: Browser, address: str) -> Iterator[tuple[Page, list[str], list[str]]]:
    """One page of the lab for all tests of a file, with what went wrong on it and what it asked for."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.set_default_timeout(15_000)
    page, wrong, asked = context.new_page(), [], []
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("html[data-drawn]", state="attached", timeout=60_000)
    yield page, wrong, asked
    context.close()


@pytest.fixture
def page(opened: tuple[Page, list[str], list[str]], address: str) -> Iterator[Page]:
    """The page at its first sight; afterwards nothing may have gone wrong, and nobody else have been asked."""
    page, wrong, asked = opened
    page.set_viewport_size({"width": 1280, "height": 800})
    go_to(page)
    yield page
    page.evaluate(
        "document.querySelectorAll('dialog[open]').forEach((each) => each.close()); document.activeElement.blur()"
    )
    assert wrong == []
    origin = address.split("?")[0]
    assert [url for url in asked if not url.startswith((origin, "data:", "blob:"))] == []
