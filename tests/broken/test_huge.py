"""Dangerous tables, beside a meter: reading ends in time, within twice the memory allowed, with a clear word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from broken.huge import CASES, MEMORY, SLOW

CASES = {case.name: case for case in CASES}
PEAK = 2 * 10**9  # bytes: twice FALLLINE_MEMORY
FEW = ("--steps", "3", "--rate", "0.05", "--batch", "full", "--no-report", "--quiet")

PROGRAM = """
import contextlib, io, json, re, signal, sys
from pathlib import Path
from fallline.cli import main

status, forget = Path("/proc/self/status"), Path("/proc/self/clear_refs")
for line in sys.stdin:
    sys.argv, said, code = ["fallline", *json.loads(line)], io.StringIO(), None
    forget.write_text("5")  # the peak of memory, which is counted anew from here
    signal.alarm(300)  # seconds; whoever takes longer is killed. The slowest takes 40 on an idle core
    with contextlib.redirect_stderr(said):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    print(json.dumps([code, said.getvalue(), int(re.search(r"VmHWM:\\s*(\\d+)", status.read_text())[1]) * 1024]), flush=True)
"""


def started() -> subprocess.Popen[str]:
    """A process with little memory that runs the commands which it is handed, one a line."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"FALLLINE_MEMORY": MEMORY},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def refusing() -> Iterator[subprocess.Popen[str]]:
    """One process for all tables that are refused: each must leave it with the memory that it had."""
    with started() as process:
        yield process
        process.stdin.close()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux")
def test_a_dangerous_table_ends_in_time_and_within_twice_the_memory(name, refusing, tmp_path):
    if name in SLOW and os.environ.get("HYPOTHESIS_PROFILE") != "wide":
        pytest.skip("it takes most of a minute; HYPOTHESIS_PROFILE=wide has it run")
    case = CASES[name]
    path = case.put(tmp_path)
    words = ["train", str(path), "--target", "y", "--runs", str(tmp_path / "runs"), *FEW, *case.options]
    process = refusing if case.says else started()
    process.stdin.write(json.dumps(words) + "\n")
    process.stdin.flush()
    code, said, peak = json.loads(process.stdout.readline() or f'[null, "it was killed, or ended in an error", {PEAK}]')
    path.unlink()
    if process is not refusing:
        process.communicate()
    assert code == (2 if case.says else 0), said[-2000:]
    assert all(word in said for word in case.says), said[-2000:]
    assert len(said.splitlines()) == (2 if case.says else 0)
    assert all(len(line) < 500 for line in said.splitlines())
    assert peak <= PEAK
