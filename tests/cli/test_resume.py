"""`fallline resume` at the command line, and how `runs` and `show` tell a run that has not ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from survival import differences

import fallline as fl
from fallline.trace.lock import locked

ASKED = {"types": {"dear": "ignore", "visits": "ignore"}, "epochs": 6, "stop": None, "rate": 0.05}


class Killed(BaseException):
    """As if the process had ended there."""


@pytest.fixture
def killed(home, tmp_path) -> Path:
    """A run that was killed after its first leg."""

    def watch(seen: Any) -> None:
        if hasattr(seen, "recorded"):
            raise Killed

    with pytest.raises(Killed):
        fl.train(home / "houses.csv", "price", runs=tmp_path, name="killed", watch=watch, **ASKED)
    (folder,) = tmp_path.glob("*-killed")
    return folder


def test_a_killed_run_is_listed_with_the_command_that_goes_on_with_it(command, killed, tmp_path):
    for words in (("runs",), ("show", killed.name)):
        code, out, _ = command(*words, "--runs", str(tmp_path))
        assert code == 0
        assert f"fallline resume {killed.name}" in out
        assert "interrupted" in out.lower()


def test_a_run_that_is_being_trained_is_listed_as_running(command, fails, killed, tmp_path):
    with locked(killed):
        for words in (("runs",), ("show", killed.name)):
            out = command(*words, "--runs", str(tmp_path))[1]
            assert "running" in out.lower()
            assert "fallline resume" not in out
        assert "is being trained by process" in fails("resume", killed.name, "--runs", str(tmp_path))


def test_resume_goes_on_to_the_run_as_it_would_have_been(command, fails, home, killed, tmp_path):
    whole = fl.train(home / "houses.csv", "price", runs=tmp_path / "whole", **ASKED)
    code, out, _ = command("resume", "last", "--runs", str(tmp_path), "--no-report")
    assert code == 0
    assert "Verdict: " in out
    assert "Diagnosis: " in out
    run = fl.open_run(killed)
    assert differences(run, whole) == []
    assert "nothing left to do" in fails("resume", killed.name, "--runs", str(tmp_path))
    code, out, _ = command("resume", str(killed), "--epochs", "+2", "--json", "--no-report")
    assert code == 0
    assert json.loads(out)["steps"] == len(whole.trace) // 6 * 8
    code, out, _ = command("resume", str(killed), "--steps", "5", "--quiet")
    assert (code, out) == (0, "")
    assert (killed / "report.html").exists()
    steps = len(whole.trace)
    assert f"after step {steps:,}, to {steps // 6 * 8:,}" in command("show", str(killed))[1]


def test_what_was_damaged_is_noted(command, killed, tmp_path):
    (killed / "checkpoint").mkdir()
    (killed / "checkpoint" / "000000001.safetensors").write_bytes(b"")
    code, _, err = command("resume", str(killed), "--no-report", "--quiet")
    assert code == 0
    assert "Note: " in err
    assert "is damaged" in err
    assert "It goes on from the start." in err


@pytest.mark.parametrize("more", ["x", "0", "-3", "+", "1.5", "²", "9" * 30])
def test_by_how_much_to_extend_is_a_number_above_0(fails, killed, more):
    for name in ("epochs", "steps"):
        assert f"Example: --{name} +10" in fails("resume", str(killed), f"--{name}={more}")


def test_a_run_stopped_by_hand_is_listed_with_how_to_go_on(command, home, tmp_path):
    def watch(seen: Any) -> None:
        if hasattr(seen, "recorded"):
            raise KeyboardInterrupt

    run = fl.train(home / "houses.csv", "price", runs=tmp_path, watch=watch, **ASKED)
    out = command("runs", "--runs", str(tmp_path))[1]
    assert f"go on with it: fallline resume {run.name}" in out
