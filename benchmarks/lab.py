"""The lab's page in headless Chromium: how soon there is a picture, how quick a step is, how smooth a run.

    python benchmarks/lab.py [--minutes 10] [--json benchmarks/lab.json]

A real `fallline lab` is started and its page used as a person would. Beside each figure stands what it should reach.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

import fallline as fl
from fallline.examples import example

QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
STREAM = "#table=one_weight&rate=0.0005&stop=none&epochs=1000000"  # a run that goes on while it is looked at
LONG = {"batch": 32, "rate": 0.01, "stop": "none", "epochs": 400}
HEAVY = LONG | {"model": "mlp:32,32", "epochs": 4000}  # long enough at full speed for a clock
STEPS = 100_000
FAST = 300_000  # steps at full speed: some seconds
WARM = 15  # seconds in which the worker for the next page is warm


@contextmanager
def lab():
    """The address of a lab that is warm."""
    command = [str(Path(sys.executable).parent / "fallline"), "lab", "--port", "0", "--no-browser"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(os.environ)
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def drawn(page: Page) -> int:
    return int(page.locator("html").get_attribute("data-drawn") or 0)


def first_picture(context, address: str) -> float:
    """Seconds from asking for the page to its first pictures."""
    page = context.new_page()
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("html[data-drawn]", timeout=60_000, state="attached")
    seconds = time.perf_counter() - began
    page.close()
    return seconds


CLICK = """() => new Promise((done) => {
  const root = document.documentElement, began = performance.now();
  const watch = new MutationObserver(() => { watch.disconnect(); done(performance.now() - began); });
  watch.observe(root, { attributeFilter: ["data-step"] });
  document.getElementById("step").click();
})"""
FRAMES = """(seconds) => new Promise((done) => {
  const root = document.documentElement, began = performance.now(), first = Number(root.dataset.drawn);
  const step = Number(root.dataset.step);
  let frames = 0;
  const one = () => {
    frames += 1;
    const went = (performance.now() - began) / 1000;
    if (went < seconds) requestAnimationFrame(one);
    else done([frames / went, (Number(root.dataset.drawn) - first) / went, (Number(root.dataset.step) - step) / went]);
  };
  requestAnimationFrame(one);
})"""
SCRUB = """(seconds) => new Promise((done) => {
  const at = document.getElementById("at"), root = document.documentElement, began = performance.now();
  const first = Number(root.dataset.drawn), last = Number(at.max);
  let frames = 0;
  const one = () => {
    frames += 1;
    const went = (performance.now() - began) / 1000;
    at.value = Math.round(last * Math.abs(Math.sin(went)));
    at.dispatchEvent(new Event("input"));
    if (went < seconds) requestAnimationFrame(one);
    else { at.dispatchEvent(new Event("change")); done([frames / went, (Number(root.dataset.drawn) - first) / went]); }
  };
  requestAnimationFrame(one);
})"""
WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""


def heap(page: Page) -> float:
    """MB that the page's objects take, after what is not needed was collected."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    size = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return size / 1e6


def open_page(context, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-drawn]", timeout=60_000, state="attached")
    page.wait_for_timeout(500)
    return page


def run_at(page: Page, speed: str) -> None:
    page.select_option("#speed", speed)
    page.click("#run")


def step_reached(page: Page, step: int) -> None:
    while int(page.locator("html").get_attribute("data-step") or 0) < step:
        page.wait_for_timeout(50)


REACH = """(goal) => new Promise((done) => {
  const root = document.documentElement;
  let began = 0, first = 0;
  const watch = new MutationObserver(() => {
    const at = Number(root.dataset.step);
    if (!began) { began = performance.now(); first = at; }
    if (at - first < goal) return;
    watch.disconnect();
    done((at - first) / (performance.now() - began) * 1000);
  });
  watch.observe(root, { attributeFilter: ["data-step"] });
})"""


def scene(settings: dict) -> str:
    return "#table=california_housing&" + "&".join(f"{name}={value}" for name, value in settings.items())


def full_speed(context, address: str) -> float:
    """Steps a second that the page's training makes at full speed, once compiled, the page drawing as it goes."""
    page = open_page(context, address + scene(HEAVY))
    time.sleep(WARM)
    run_at(page, "0")
    step_reached(page, FAST // 10)
    speed = page.evaluate(REACH, FAST)
    page.close()
    return speed


def command_line() -> float:
    """Steps a second of `fallline train` with the same settings, by its own record, once compiled."""
    with tempfile.TemporaryDirectory() as folder:
        settings = HEAVY | {"stop": None, "until": FAST}
        run = fl.train(example("california_housing"), "median_house_value", runs=folder, **settings)
        seconds = run.trace["seconds"].to_numpy()
        first = len(seconds) // 10
        return (len(seconds) - first) / float(seconds[-1] - seconds[first - 1])


def scrubbing(context, address: str) -> tuple[float, float]:
    """Frames, and moments drawn, a second, while the slider is pulled to and fro over a run of 100,000 steps."""
    page = open_page(context, address + scene(LONG))
    run_at(page, "0")
    step_reached(page, STEPS)
    page.click("#run")
    page.wait_for_timeout(1000)
    frames, moments = page.evaluate(SCRUB, 5)
    page.close()
    return frames, moments


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=10, help="how long memory is watched")
    asked.add_argument("--json", default=str(Path(__file__).with_name("lab.json")))
    given = asked.parse_args()
    found: dict[str, list] = {}

    def told(name: str, value: float, unit: str, reach: str, ok: bool) -> None:
        found[name] = [value, unit, reach, ok]
        print(f"{name:<52}{value:>10.2f} {unit:<10} {reach}{'' if ok else '  not reached'}", flush=True)

    with lab() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET.split())
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        seconds = []
        for _ in range(3):
            time.sleep(WARM)
            seconds.append(first_picture(context, address))
        value = statistics.median(seconds)
        told("first picture, server warm", value, "s", "at most 1.5", value <= 1.5)
        page = open_page(context, address)
        weight = page.evaluate(WEIGHT) / 1e6
        told("page weight, as sent", weight, "MB", "at most 1.5", weight <= 1.5)
        clicks = [page.evaluate(CLICK) for _ in range(40)]
        value = statistics.median(clicks[5:])
        told("click on Step to the new pictures, median", value, "ms", "at most 50", value <= 50)
        page.close()
        page = open_page(context, address + STREAM)
        run_at(page, "50")
        page.wait_for_timeout(2000)
        frames, moments, steps = page.evaluate(FRAMES, 6)
        told("frames while 50 updates/s stream into 4 pictures", frames, "a second", "at least 50", frames >= 50)
        told("  moments drawn then", moments, "a second", "", True)
        told("  updates made then", steps, "a second", "50", steps >= 45)
        page.wait_for_timeout(int(given.minutes * 6000))
        early = heap(page)
        page.wait_for_timeout(int(given.minutes * 54_000))
        late = heap(page)
        told(
            f"page's memory, {given.minutes:g} minutes of streaming, late / early",
            late / early,
            "",
            "flat",
            late <= 1.15 * early,
        )
        found["memory"] = [early, late, "MB", given.minutes]
        page.close()
        frames, moments = scrubbing(context, address)
        told(f"frames while a run of {STEPS:,} steps is scrubbed", frames, "a second", "at least 30", frames >= 30)
        told("  moments drawn then", moments, "a second", "30", moments >= 30)
        speeds, plains = [], []
        for _ in range(3):  # by turns
            speeds.append(full_speed(context, address))
            plains.append(command_line())
        speed, plain = statistics.median(speeds), statistics.median(plains)
        browser.close()
    told("full speed on the page, steps", speed, "a second", "", True)
    told("  more time than the command line needs", 100 * (plain / speed - 1), "%", "at most 15", plain / speed <= 1.15)
    Path(given.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
