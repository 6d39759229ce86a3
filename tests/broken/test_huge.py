"""Dangerous tables, each in a process of its own: it ends, within twice the memory allowed, with a clear word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broken.huge import CASES, MEMORY

CASES = {case.name: case for case in CASES}
SECONDS = 300  # the slowest takes 40 on an idle core
PEAK = 2 * 10**9  # bytes: twice FALLLINE_MEMORY
FEW = ("--steps", "3", "--rate", "0.05", "--batch", "full", "--no-report", "--quiet")

PROGRAM = """
import atexit, re, sys
from pathlib import Path
from fallline.cli import main

peak = Path(sys.argv.pop(1))
status = Path("/proc/self/status")
atexit.register(lambda: peak.write_text(re.search(r"VmHWM:\\s*(\\d+)", status.read_text())[1]))
main()
"""


@pytest.mark.parametrize("name", CASES)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux")
def test_a_dangerous_table_ends_in_time_and_within_twice_the_memory(name, tmp_path):
    case = CASES[name]
    path, peak = case.put(tmp_path), tmp_path / "peak"
    words = ["train", str(path), "--target", "y", "--runs", str(tmp_path / "runs"), *FEW, *case.options]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(peak), *words],
        env=os.environ | {"FALLLINE_MEMORY": MEMORY},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == (2 if case.says else 0), done.stderr[-2000:]
    assert all(word in done.stderr for word in case.says), done.stderr[-2000:]
    assert len(done.stderr.splitlines()) == (2 if case.says else 0)
    assert all(len(line) < 500 for line in done.stderr.splitlines())
    assert int(peak.read_text()) * 1024 <= PEAK
    path.unlink()
