"""A real `fallline lab`, its page in a real browser, and what a person does and sees there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOON = 20_000  # ms
HOME = "#table=one_weight"


@contextmanager
def serve(*arguments: str, runs: Path | None = None) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address that the command prints first, and its process."""
    command = [str(Path(sys.executable).parent / "fallline"), "lab", "--port", "0", "--no-browser", *arguments]
    environment = dict(os.environ) | ({"FALLLINE_RUNS": str(runs)} if runs else {})
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def visit(page: Page, scene: str = HOME) -> None:
    """Open a scene on a page that is there, by its address, and wait until it is drawn."""
    opened = page.evaluate("""(hash) => {
        if (location.hash === hash) dispatchEvent(new HashChangeEvent("hashchange")); else location.hash = hash;
        return Number(document.documentElement.dataset.opened);
    }""", scene)  # fmt: skip
    anew = (
        "(opened) => { const d = document.documentElement.dataset; return Number(d.opened) > opened && 'drawn' in d; }"
    )
    assert eventually(lambda: page.evaluate(anew, opened), SOON / 1000)
    wanted = [part[5:] for part in scene.split("&") if part.startswith("step=")]
    until(page, int(wanted[0]) if wanted else 0)


def until(page: Page, step: int) -> None:
    """Wait until the page has drawn that step."""
    page.wait_for_selector(f'html[data-step="{step}"]', state="attached", timeout=SOON)


def eventually(true: Callable[[], bool], seconds: float = 15) -> bool:
    """Whether something comes true soon: what the page does a moment later, such as writing its address."""
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def address_of(page: Page) -> str:
    """What stands behind the #, where the whole set-up is."""
    return page.evaluate("decodeURIComponent(location.hash)")


def step_of(page: Page) -> int:
    """The step that the page has drawn, once it has drawn one."""
    return int(page.wait_for_selector("html[data-step]", state="attached", timeout=SOON).get_attribute("data-step"))


def walk(page: Page, times: int) -> None:
    """Press Step so often."""
    for _ in range(times):
        now = step_of(page)
        page.click("#step")
        until(page, now + 1)


def fact(page: Page, name: str) -> str:
    return page.locator(f'#facts [data-fact="{name}"] dd').inner_text()


def line(page: Page, stage: str) -> str:
    """The numbers of a stage's result."""
    return page.locator(f'[data-stage="{stage}"] > .lines .numbers').last.inner_text()


def number_of(text: str) -> float:
    """A number as the page writes it."""
    text = text.strip().strip("()").replace("−", "-").replace(",", "").replace(" × 10", "e")
    return float(text.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))


def place_in(page: Page, picture: str, x: float, y: float) -> tuple[float, float]:
    """The pixel of the window where a picture has a value."""
    page.locator(f"#picture-{picture} .canvas canvas").scroll_into_view_if_needed()
    at = page.evaluate("""([name, x, y]) => {
        const { view } = document.querySelector(`#picture-${name} .canvas`);
        const box = view.container().querySelector("canvas").getBoundingClientRect();
        const [ox, oy] = view.origin(), pad = view.padding();
        return [box.left + ox + pad.left + view.scale("x")(x), box.top + oy + pad.top + view.scale("y")(y)];
    }""", [picture, x, y])  # fmt: skip
    return at[0], at[1]


def colour_at(page: Page, picture: str, x: float, y: float) -> str:
    """The colour that is drawn where a picture has a value."""
    return page.evaluate("""([name, x, y]) => {
        const { view } = document.querySelector(`#picture-${name} .canvas`);
        const canvas = view.container().querySelector("canvas");
        const scale = canvas.width / canvas.getBoundingClientRect().width;
        const [ox, oy] = view.origin(), pad = view.padding();
        const at = [ox + pad.left + view.scale("x")(x), oy + pad.top + view.scale("y")(y)];
        const [r, g, b] = canvas.getContext("2d").getImageData(...at.map((v) => Math.round(v * scale)), 1, 1).data;
        return "#" + [r, g, b].map((v) => v.toString(16).padStart(2, "0")).join("");
    }""", [picture, x, y])  # fmt: skip


def data_of(page: Page, picture: str, name: str) -> list[dict[str, Any]]:
    """The rows that a picture draws."""
    return page.evaluate("""([picture, name]) => {
        const { view } = document.querySelector(`#picture-${picture} .canvas`);
        return view.data(name).map((row) => ({ ...row }));
    }""", [picture, name])  # fmt: skip
