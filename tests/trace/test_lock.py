"""One process at a time trains in a run folder; a lock that nobody holds any more does not stop the next."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fallline.owner as owner_module
from fallline.errors import RunError, StorageError
from fallline.owner import lives
from fallline.trace import lock
from fallline.trace.lock import locked, owner_of


def written(folder: Path, **changed: object) -> None:
    """A lock as this process writes it, with changes."""
    with locked(folder):
        owner = json.loads((folder / "lock").read_text())
    (folder / "lock").write_text(json.dumps(owner | changed))


def test_a_lock_names_its_process_and_goes_with_it(tmp_path):
    with locked(tmp_path):
        owner = owner_of(tmp_path)
        assert (owner["pid"], owner["host"]) == (os.getpid(), socket.gethostname())
    assert list(tmp_path.iterdir()) == []
    assert owner_of(tmp_path) is None


def test_a_second_process_is_refused_with_the_number_and_the_machine_of_the_first(tmp_path):
    with locked(tmp_path), pytest.raises(RunError) as error, locked(tmp_path):
        pass
    first, second = str(error.value).splitlines()
    assert f"process {os.getpid()} on {socket.gethostname()}" in first
    assert str(tmp_path / "lock") in second


def test_the_lock_of_a_process_that_is_gone_is_taken_over(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        began = owner_module._began(process.pid)
        written(tmp_path, pid=process.pid, began=began)
        assert owner_of(tmp_path)["pid"] == process.pid
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, though its parent has not seen it yet
        assert owner_of(tmp_path) is None
    with locked(tmp_path):
        assert owner_of(tmp_path)["pid"] == os.getpid()


def test_the_lock_of_a_process_whose_number_another_has_by_now_is_taken_over(tmp_path):
    written(tmp_path, began="an earlier time")
    assert owner_of(tmp_path) is None
    with locked(tmp_path):
        assert owner_of(tmp_path) is not None


def test_a_process_on_another_machine_counts_as_there(tmp_path):
    written(tmp_path, host="elsewhere", pid=4)
    with pytest.raises(RunError, match="process 4 on elsewhere"), locked(tmp_path):
        pass
    assert (tmp_path / "lock").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "1", "host": "h"}', '{"pid": -1, "host": "h"}', "\0\xff"])
def test_a_lock_that_says_nothing_is_taken_over(tmp_path, text):
    (tmp_path / "lock").write_text(text)
    assert owner_of(tmp_path) is None
    with locked(tmp_path):
        assert owner_of(tmp_path) is not None


def test_of_many_that_take_over_a_stale_lock_at_once_one_has_it(tmp_path):
    written(tmp_path, began="an earlier time")

    def attempt(_: int) -> bool:
        try:
            lock.take(tmp_path / "lock")
        except RunError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_a_lock_whose_owner_ends_in_the_moment_it_is_looked_at_is_written_anew(tmp_path, monkeypatch):
    looks = []

    def end(text: bytes) -> None:
        looks.append(text)
        if len(looks) == 1:
            (tmp_path / "lock").unlink()

    monkeypatch.setattr(lock, "owner_in", end)
    lock.take(tmp_path / "lock")
    assert len(looks) == 2
    assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


def test_a_process_of_another_user_is_there(tmp_path, monkeypatch):
    def refuse(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(owner_module, "Path", lambda name: tmp_path / "nothing")
    monkeypatch.setattr(os, "kill", refuse)
    assert lives({"pid": 1, "host": socket.gethostname(), "began": "some time"})


def test_a_lock_is_no_link_and_no_pipe(tmp_path):
    outside = tmp_path / "outside"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").symlink_to(outside)
    with pytest.raises(StorageError, match="can't be written"), locked(tmp_path / "run"):
        pass
    assert not outside.exists()
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "lock")
    assert owner_of(tmp_path / "pipe") is None
    with pytest.raises(StorageError), locked(tmp_path / "pipe"):
        pass


def test_where_the_system_does_not_say_when_a_process_began_its_number_decides(tmp_path, monkeypatch):
    monkeypatch.setattr(owner_module, "Path", lambda name: tmp_path / str(name).replace("/", "-"))
    host = socket.gethostname()
    assert lives({"pid": os.getpid(), "host": host})
    assert lives({"pid": os.getpid(), "host": host, "began": "some time"})
    assert not lives({"pid": 2**22 + 1, "host": host})
    assert not lives({"pid": 2**80, "host": host})


def test_a_lock_that_was_removed_by_hand_does_not_stop_the_end(tmp_path):
    with locked(tmp_path):
        (tmp_path / "lock").unlink()
    assert not (tmp_path / "lock").exists()
