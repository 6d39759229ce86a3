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
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    signal.alarm(0)
    peak = int(re.search(r"VmHWM:\\s*(\\d+)", status.read_text())[1]) * 1024
    print(json.dumps([code, said.getvalue(), peak]), flush=True)
"""


@pytest.fixture(scope="module")
def one() -> Iterator[subprocess.Popen[str]]:
    """One process for all tables, so that what one leaves behind counts against the next: a command a line."""
    bounded = os.environ | {"FALLLINE_MEMORY": MEMORY}
    program, pipe = [sys.executable, "-c", PROGRAM], subprocess.PIPE
    with subprocess.Popen(program, env=bounded, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.stdin.close()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux")
def test_a_dangerous_table_ends_in_time_and_within_twice_the_memory(name, one, clean_run, tmp_path):
    if name in SLOW and os.environ.get("HYPOTHESIS_PROFILE") != "wide":
        pytest.skip("it takes most of a minute; HYPOTHESIS_PROFILE=wide has it run")
    case = CASES[name]
    path = case.put(tmp_path)
    code, said, peak = ran(one, "train", str(path), "--target", "y", "--runs", str(tmp_path / "runs"), *FEW)
    new, told, later = ran(one, "predict", str(clean_run), str(path), "--out", str(tmp_path / "p.csv"))
    path.unlink()
    assert code == (2 if case.says else 0), said[-2000:]
    assert all(word in said for word in case.says), said[-2000:]
    assert new in (0, 2), told[-2000:]
    for ended, words in ((code, said), (new, told)):
        assert len(words.splitlines()) == ended
        assert all(len(line) < 500 for line in words.splitlines())
    assert max(peak, later) <= PEAK


def ran(process: subprocess.Popen[str], *words: str) -> tuple[int | None, str, int]:
    """The exit code of a command, what it said, and the most memory that it took, in bytes."""
    process.stdin.write(json.dumps(words) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline() or '[null, "It was killed, or ended in an error.", 0]')
