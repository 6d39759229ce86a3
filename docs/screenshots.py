"""Draws docs/lab-*.png: the lab's main states, each done as a person would do it, in a real browser.

python docs/screenshots.py [NAME ...]
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def walk(page: Page, step: int) -> None:
    page.wait_for_selector(f'html[data-step="{step}"]', state="attached", timeout=60_000)
    page.wait_for_timeout(800)


def first_sight(page: Page) -> None:
    for step in (1, 2, 3):
        page.click("#step")
        walk(page, step)


def left(page: Page) -> None:
    """Two paths on the same picture: the rate was changed in mid-run."""
    page.click('[data-forward="25"]')
    walk(page, 25)
    page.fill("#at", "4")
    walk(page, 4)
    page.fill(".typed", "0.4")
    page.press(".typed", "Enter")
    page.wait_for_selector("text=dashed")
    page.click('[data-forward="25"]')
    walk(page, 29)


def broke(page: Page) -> None:
    page.click('[data-forward="100"]')
    page.locator("#broke button").wait_for(timeout=60_000)
    page.wait_for_timeout(800)


def network(page: Page) -> None:
    page.click("#night")
    page.click('[data-forward="100"]')
    walk(page, 100)


def told(page: Page) -> None:
    page.click('[data-forward="25"]')
    walk(page, 25)
    fold = page.locator("#explain-steepest")
    fold.locator("summary").first.click()
    fold.locator("canvas").first.wait_for(timeout=60_000)
    page.wait_for_timeout(800)
    page.evaluate("document.querySelector('#explain-steepest').scrollIntoView()")


def deployed(page: Page) -> None:
    page.click('[data-forward="25"]')
    walk(page, 25)
    page.click("#tab-deployment")
    page.locator("#predict input").first.fill("55")
    page.locator("#predicted .result").wait_for(timeout=60_000)
    page.click("#keep")
    page.locator("#kept a").first.wait_for(timeout=120_000)


# name: the scene, and what is done there
STATES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "lab": ("#table=one_weight", first_sight),
    "lab-branches": ("#table=diabetes&batch=full&rate=0.05&pictures=slice,loss,surface,rate", left),
    "lab-broke": ("#table=one_weight&rate=4.2&pictures=slice,loss,fit,gradient", broke),
    "lab-network": ("#table=iris&model=mlp:16,16&rate=0.3&pictures=fit,loss,surface,layers&over=path", network),
    "lab-told": ("#table=diabetes&rate=0.3", told),
    "lab-deployment": ("#table=diabetes&rate=0.3", deployed),
}


def main(*names: str) -> None:
    command = [str(Path(sys.executable).parent / "fallline"), "lab", "--port", "0", "--no-browser"]
    lab = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert lab.stdout is not None
    address = lab.stdout.readline().strip()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
            for name in names or STATES:
                scene, state = STATES[name]
                context = browser.new_context(viewport={"width": 1280, "height": 800})
                page = context.new_page()
                page.goto(address + scene)
                walk(page, 0)
                state(page)
                page.screenshot(path=HERE / f"{name}.png")
                context.close()
                print(HERE / f"{name}.png", flush=True)
            browser.close()
    finally:
        lab.send_signal(signal.SIGINT)
        lab.wait(20)


if __name__ == "__main__":
    main(*sys.argv[1:])
