"""A page and its worker: each has its own, what goes wrong with one harms no other, and none stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from lab.served import OPEN, SOON, Lab, gone, hear, served, until
from lab.small_worker import work, work_that_dies
from websockets.exceptions import ConnectionClosed

import fallline as fl
from fallline.examples import example
from fallline.lab.messages import LARGEST
from fallline.lab.pool import MOST_PAGES
from fallline.lab.process import WAITING

STEP = {"do": "forward", "count": 1}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with served(tmp_path_factory.mktemp("lab"), work, runs={"kept": Path("/nowhere")}) as lab:
        yield lab


def closed(page) -> tuple[int, str]:
    """The code and the reason with which the server closes."""
    with suppress(ConnectionClosed):
        while True:
            page.recv(timeout=SOON)
    return page.close_code, page.close_reason


def test_what_the_page_says_reaches_its_worker_checked_and_complete(lab: Lab):
    with lab.page(OPEN, {"do": "run", "speed": 5}, {"do": "back"}) as page:
        opened = hear(page)
        assert opened["message"]["show"]["pictures"] == ["slice", "loss", "fit", "gradient"]
        assert opened["runs"] == ["kept"]
        assert hear(page)["message"] == {"do": "run", "speed": 5}
        assert hear(page)["message"] == {"do": "back", "count": 1}


def test_that_a_worker_is_warm_is_not_the_page_s_business(lab: Lab):
    with lab.page(OPEN) as page:
        assert hear(page)["say"] == "heard"


def test_two_pages_have_two_workers(lab: Lab):
    with lab.page(OPEN) as one, lab.page(OPEN) as other:
        assert hear(one)["pid"] != hear(other)["pid"]


def test_a_closed_page_ends_its_worker(lab: Lab):
    with lab.page(OPEN) as page:
        pid = hear(page)["pid"]
        assert not gone(pid)
    until(lambda: gone(pid))


def test_a_page_that_goes_without_a_word_ends_its_worker_also_when_it_is_busy(lab: Lab):
    with lab.page(OPEN) as page:
        pid = hear(page)["pid"]
        page.send(json.dumps({"do": "pause"}))
        page.socket.close()
        until(lambda: gone(pid))


@pytest.mark.parametrize(
    "wrong", ["", "{", '{"do": "x"}', '{"do": "go", "step": -1}', '{"do": "pause", "x": 1}', b"\x00"]
)
def test_a_malformed_message_closes_its_page_with_a_reason_and_harms_no_other(lab: Lab, wrong: str | bytes):
    with lab.page(OPEN) as good, lab.page(OPEN) as bad:
        pid, ill = hear(good)["pid"], hear(bad)["pid"]
        bad.send(wrong)
        code, reason = closed(bad)
        assert code == 1008
        assert reason
        until(lambda: gone(ill))
        good.send(json.dumps(STEP))
        assert hear(good)["pid"] == pid


def test_a_message_that_is_too_long_closes_its_page(lab: Lab):
    with lab.page(OPEN) as page:
        page.send('{"do": "back"}' + " " * LARGEST)
        assert closed(page) == (1008, f"a message has at most {LARGEST:,} characters")
    with lab.page(OPEN) as page:
        page.send("x" * (4 * LARGEST + 1))
        assert closed(page)[0] == 1009


def test_a_page_begins_with_open(lab: Lab):
    with lab.page(STEP) as page:
        assert closed(page) == (1008, "the first message must be open")


def test_a_page_that_says_more_than_its_busy_worker_can_hear_is_closed_and_the_worker_ended(lab: Lab):
    with lab.page(OPEN) as page:
        pid = hear(page)["pid"]
        page.send(json.dumps({"do": "pause"}))
        large = json.dumps({"do": "predict", "row": {str(i): "x" * 9000 for i in range(20)}})
        with suppress(ConnectionClosed):
            for _ in range(3 * WAITING // len(large)):
                page.send(large)
        assert closed(page) == (1008, "too many messages at once")
        until(lambda: gone(pid))


def test_a_busy_worker_hears_all_that_was_said_meanwhile(lab: Lab):
    with lab.page(OPEN, *[STEP] * 2000) as page:
        heard = [hear(page)["message"]["do"] for _ in range(2001)]
    assert heard == ["open", *["forward"] * 2000]


def test_a_worker_that_says_much_waits_for_its_page_and_the_server_for_nobody(lab: Lab):
    with lab.page(OPEN, {"do": "explain", "name": "talk"}) as slow, lab.page(OPEN) as quick:
        hear(quick)
        for _ in range(50):
            quick.send(json.dumps(STEP))
            assert hear(quick)["say"] == "heard"
            assert lab.ask("/").status == 200
        assert hear(slow)["say"] == "heard"
        assert [hear(slow)["number"] for _ in range(3000)] == list(range(3000))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_worker_is_told_on_its_page_which_can_have_another(lab: Lab, number: int):
    with lab.page(OPEN) as page, lab.page(OPEN) as other:
        pid, unharmed = hear(page)["pid"], hear(other)["pid"]
        os.kill(pid, number)
        told = hear(page)
        assert told["say"] == "gone"
        assert signal.Signals(number).name in told["text"]
        page.send(json.dumps(STEP))  # which came too late
        page.send(json.dumps(OPEN))
        again = hear(page)
        assert again["message"]["do"] == "open"
        assert again["pid"] not in (pid, unharmed)
        other.send(json.dumps(STEP))
        assert hear(other)["pid"] == unharmed


def test_a_worker_that_ends_by_itself_is_told_with_its_exit_code(lab: Lab):
    with lab.page(OPEN, {"do": "explain", "name": "die"}) as page:
        hear(page)
        told = hear(page)
    assert told["say"] == "gone"
    assert "exit code 3" in told["text"]


def test_a_worker_that_can_t_even_start_is_told_and_not_started_again_by_itself(tmp_path: Path):
    with served(tmp_path, work_that_dies) as lab, lab.page(OPEN) as page:
        assert "exit code 7" in hear(page)["text"]
        page.send(json.dumps(OPEN))
        assert "exit code 7" in hear(page)["text"]


def test_one_page_too_many_is_told_so_and_may_come_when_another_has_gone(tmp_path: Path):
    with served(tmp_path, work) as lab:
        pages = [lab.page(OPEN) for _ in range(MOST_PAGES)]
        opened = [page.__enter__() for page in pages]
        assert len({hear(page)["pid"] for page in opened}) == MOST_PAGES
        with lab.page() as late:
            told = hear(late)
            assert told["say"] == "full"
            assert f"{MOST_PAGES} pages" in told["text"]
            assert closed(late)[0] == 1013
        for page in opened:
            page.send(json.dumps(STEP))
            assert hear(page)["say"] == "heard"
        pages.pop().__exit__(None, None, None)
        with lab.page(OPEN) as late:
            assert hear(late)["say"] == "heard"
        for page in pages:
            page.__exit__(None, None, None)


def test_a_reload_that_opens_the_new_page_before_the_old_one_is_gone_finds_its_place(tmp_path: Path):
    with served(tmp_path, work) as lab:
        pages = [lab.page(OPEN) for _ in range(MOST_PAGES)]
        opened = [page.__enter__() for page in pages]
        with lab.page(OPEN) as new:
            opened[0].close()
            assert hear(new)["say"] == "heard"
        for page in pages:
            page.__exit__(None, None, None)


def test_a_spare_worker_waits_for_the_next_page(tmp_path: Path):
    started = lambda: {int(path.name) for path in (tmp_path / "started").glob("*")}  # noqa: E731
    with served(tmp_path, work) as lab:
        until(started)
        (spare,) = started()
        with lab.page(OPEN) as page:
            assert hear(page)["pid"] == spare
            until(lambda: started() - {spare})
        workers = started()
    assert all(gone(pid) for pid in workers)


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _children(pid: int) -> set[int]:
    return {int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and _parent(p) == pid}


def _workers(server: int) -> set[int]:
    return {pid for pid in _children(server) if _is_worker(pid)}


STARTED: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def ended():
    """A test that fails leaves no lab open."""
    yield
    for run in STARTED:
        if run.poll() is None:
            run.kill()
        run.communicate(timeout=SOON)
    STARTED.clear()


class Command:
    """`fallline lab` as a person starts it."""

    def __init__(self, folder: Path, *words: str, **options) -> None:
        where = {**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": ""}
        started = [sys.executable, "-m", "fallline", "lab", "--no-browser", *words]
        pipe = subprocess.PIPE
        self.run = subprocess.Popen(started, stdout=pipe, stderr=pipe, text=True, env=where, **options)
        STARTED.append(self.run)

    def lab(self, folder: Path) -> Lab:
        assert self.run.stdout is not None
        address = self.run.stdout.readline().strip()
        port, _, token = address.removeprefix("http://127.0.0.1:").partition("/?token=")
        return Lab(int(port), token, folder)

    def ends(self, number: int) -> tuple[int, str, str]:
        """Whether it ends so, with all of its processes and its folder gone."""
        family = {self.run.pid, *_children(self.run.pid)}
        assert len(family) >= 3
        self.run.send_signal(number)
        out, err = self.run.communicate(timeout=SOON)
        until(lambda: all(gone(pid) for pid in family))
        return self.run.returncode, out, err


def test_the_first_line_is_the_address_and_it_answers_at_once(tmp_path: Path):
    command = Command(tmp_path, "--port", "0")
    lab = command.lab(tmp_path)
    assert lab.ask(f"/?token={lab.token}", cookie="").status == 303
    assert lab.ask("/").status == 200
    assert [path.name.startswith("fallline-lab-") for path in tmp_path.iterdir()] == [True]
    until(lambda: len(_children(command.run.pid)) == 2)
    assert command.ends(signal.SIGINT)[:2] == (130, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_it_ends_cleanly_with_pages_open_whose_workers_compile(tmp_path: Path, number: int, code: int):
    command = Command(tmp_path, "--port", "0")
    lab = command.lab(tmp_path)
    with lab.page(OPEN) as page, lab.page(OPEN):
        until(lambda: len(_children(command.run.pid)) >= 3)
        ended, out, err = command.ends(number)
        assert closed(page)[0] == 1012
    assert (ended, out) == (code, "")
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_in_a_terminal_reaches_every_process_and_none_complains(tmp_path: Path):
    command = Command(tmp_path, "--port", "0", start_new_session=True)
    lab = command.lab(tmp_path)
    with lab.page(OPEN):
        until(lambda: len(_children(command.run.pid)) >= 3)
        family = _children(command.run.pid)
        os.killpg(command.run.pid, signal.SIGINT)
        _, err = command.run.communicate(timeout=SOON)
    assert command.run.returncode == 130
    assert err == "The lab is open at this address, on this machine only. Ctrl-C ends it.\nStopped.\n"
    until(lambda: all(gone(pid) for pid in family))


def test_workers_end_with_a_server_that_is_killed(tmp_path: Path):
    command = Command(tmp_path, "--port", "0")
    lab = command.lab(tmp_path)
    with lab.page(OPEN):
        until(lambda: len(_children(command.run.pid)) >= 3)
        assert command.ends(signal.SIGKILL)[0] == -signal.SIGKILL


def test_a_port_that_is_taken_is_told_in_two_lines(tmp_path: Path, lab: Lab):
    run = Command(tmp_path, "--port", str(lab.port)).run
    out, err = run.communicate(timeout=SOON)
    assert (run.returncode, out) == (2, "")
    told = f"Error: Port {lab.port} is taken already.\nGive another with --port N; 0 takes any free one.\n"
    assert err == told
    assert list(tmp_path.iterdir()) == []


def comes(page, true) -> dict:
    """The first state of which something is so; each is acknowledged, as a page does."""
    while True:
        now = json.loads(page.recv(timeout=120))  # the worker imports the engine and compiles
        if now["say"] == "now":
            page.send(json.dumps({"do": "drawn", "number": now["number"]}))
            if true(now):
                return now


def test_the_real_worker_opens_with_a_training_and_steps(tmp_path: Path):
    command = Command(tmp_path, "--port", "0")
    with command.lab(tmp_path).page(OPEN) as page:
        comes(page, lambda now: now["step"] == 0)
        page.send(json.dumps(STEP))
        comes(page, lambda now: now["step"] == 1)
        page.send(json.dumps({"do": "back"}))
        comes(page, lambda now: now["step"] == 0)
    assert command.ends(signal.SIGINT)[0] == 130


def test_the_page_of_the_real_worker_is_told_when_it_is_killed_and_gets_another(tmp_path: Path):
    command = Command(tmp_path, "--port", "0")
    with command.lab(tmp_path).page(OPEN) as page:
        comes(page, lambda now: now["step"] == 0)
        for pid in _workers(command.run.pid):
            os.kill(pid, signal.SIGKILL)
        assert "SIGKILL" in hear(page, "gone")["text"]
        page.send(json.dumps(OPEN))
        comes(page, lambda now: now["step"] == 0)
    assert command.ends(signal.SIGINT)[0] == 130


def test_a_recorded_run_is_replayed_and_kept_in_the_files_of_the_real_lab(tmp_path: Path):
    run = fl.train(example("iris"), "species", steps=5, runs=tmp_path / "runs")
    (tmp_path / "own").mkdir()
    command = Command(tmp_path / "own", "last", "--port", "0", "--runs", str(tmp_path / "runs"))
    lab = command.lab(tmp_path)
    assert f'data-run="{run.name}"' in lab.ask("/").text
    with lab.page({"do": "open", "run": run.name}) as page:
        comes(page, lambda now: now["last"] == 4)
        page.send(json.dumps({"do": "go", "step": 3}))
        assert comes(page, lambda now: now["step"] == 3)["facts"]["loss"]["value"] == run.trace["loss"][3]
        page.send(json.dumps({"do": "keep"}))
        page.recv = lambda timeout, recv=page.recv: recv(timeout=120)
        kept = hear(page, "kept")
        for file in kept["files"]:
            answer = lab.ask(f"/files/{kept['run']}/{file['name']}")
            assert (answer.status, len(answer.body)) == (200, file["bytes"])
    assert command.ends(signal.SIGINT)[0] == 130


def test_a_run_that_there_is_not_is_told_in_two_lines(tmp_path: Path):
    run = Command(tmp_path, "none", "--runs", str(tmp_path)).run
    out, err = run.communicate(timeout=SOON)
    assert (run.returncode, out) == (2, "")
    assert err.startswith("Error: There are no runs in ")
    assert len(err.splitlines()) == 2
