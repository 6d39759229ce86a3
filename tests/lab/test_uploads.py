"""Tables dropped on the page: taken whole under a name of ours, or not at all, and the page is told why."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest
from lab.served import SOON, Lab, served, until
from lab.small_worker import work

from fallline.lab.uploads import ENDINGS, LARGEST, MOST, Uploads, plain_name
from fallline.lab.workspace import known_names

TABLE = b"a,b\n1,2\n"


@pytest.fixture
def lab(tmp_path: Path):
    (tmp_path / "tables").mkdir()
    with served(tmp_path, work, uploads=Uploads(tmp_path / "tables", largest=10**6, most=3)) as lab:
        yield lab


def tables(lab: Lab) -> list[str]:
    return sorted(path.name for path in (lab.folder / "tables").iterdir() if path.name != "names.json")


def drop(lab: Lab, name: str, body: bytes = TABLE, **headers):
    return lab.ask(f"/tables?name={name}", "POST", body, **headers)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_is_kept_as_it_is_under_a_name_of_ours(lab: Lab, ending: str):
    answer = drop(lab, f"My%20Houses{ending.upper()}")
    assert answer.status == 200
    said = json.loads(answer.body)
    assert said == {"table": said["table"], "name": f"My Houses{ending.upper()}", "bytes": len(TABLE)}
    assert re.fullmatch("upload-[0-9a-f]{16}", said["table"])
    assert tables(lab) == [f"{said['table']}{ending}"]
    assert (lab.folder / "tables" / f"{said['table']}{ending}").read_bytes() == TABLE
    assert known_names(lab.folder / "tables") == {said["table"]: said["name"]}


@pytest.mark.parametrize(
    "name",
    ["", "a", "a.txt", "a.pkl", "a.csv.exe", "a.html", "a.gz", ".csv", "a.csv/b", "a.csv%00.py", "a.xlsx"],
)
def test_a_file_of_another_kind_is_refused_in_words(lab: Lab, name: str):
    answer = drop(lab, name)
    assert answer.status == 415
    assert ".parquet" in answer.text
    assert tables(lab) == []


@pytest.mark.parametrize(
    "name",
    ["../../evil.csv", "..%2F..%2Fevil.csv", "%2Fetc%2Fpasswd.csv", "..%5C..%5Cevil.csv", "a%0Ab.csv", "$(id).csv",
     "%3Cscript%3E.csv", "-rf.csv", "~.csv", "%00.csv", "x" * 3000 + ".csv"],
)  # fmt: skip
def test_no_name_leads_out_of_the_workspace(lab: Lab, name: str):
    before = set(lab.folder.parent.rglob("*"))
    answer = drop(lab, name)
    assert answer.status == 200
    new = set(lab.folder.parent.rglob("*")) - before - {lab.folder / "tables" / "names.json"}
    new = {path for path in new if "started" not in path.parts}  # by the worker, which may begin meanwhile
    assert [path.parent for path in new] == [lab.folder / "tables"]
    assert not set(json.loads(answer.body)["name"]) & set("/\\\n\0<>$'\"`;|&")
    assert len(json.loads(answer.body)["name"]) <= 100


def test_a_file_that_says_it_is_too_large_is_refused_and_leaves_nothing(lab: Lab):
    answer = drop(lab, "a.csv", b"x" * (10**6 + 1))
    assert (answer.status, answer.text) == (413, "'a.csv' is too large: a file has at most 1 MB here.")
    assert tables(lab) == []


def test_a_file_that_turns_out_too_large_on_its_way_is_refused_and_leaves_nothing(lab: Lab):
    chunks = b"".join(b"10000\r\n" + b"x" * 0x10000 + b"\r\n" for _ in range(17)) + b"0\r\n\r\n"
    answer = drop(lab, "a.csv", chunks, content_length=None, transfer_encoding="chunked")
    assert answer.status == 413
    assert tables(lab) == []


def test_a_file_as_large_as_allowed_is_taken(lab: Lab):
    assert drop(lab, "a.csv", b"x" * 10**6).status == 200


def test_an_empty_file_is_refused(lab: Lab):
    answer = drop(lab, "a.csv", b"")
    assert (answer.status, tables(lab)) == (400, [])
    assert "empty" in answer.text


def test_one_file_more_than_allowed_is_refused(lab: Lab):
    assert [drop(lab, "a.csv").status for _ in range(4)] == [200, 200, 200, 413]
    assert len(tables(lab)) == 3
    assert "3 files" in drop(lab, "b.csv").text


def test_half_a_file_is_removed_when_its_sender_goes(lab: Lab):
    line = socket.create_connection(("127.0.0.1", lab.port), SOON)
    head = f"POST /tables?name=a.csv HTTP/1.1\r\nHost: 127.0.0.1:{lab.port}\r\nOrigin: {lab.origin}\r\n"
    line.sendall(f"{head}Cookie: {lab.cookie}\r\nContent-Length: 500000\r\n\r\n".encode() + b"x" * 100_000)
    until(lambda: tables(lab))
    assert [name.endswith(".part") for name in tables(lab)] == [True]
    line.close()
    until(lambda: not tables(lab))
    assert [drop(lab, "a.csv").status for _ in range(3)] == [200, 200, 200]  # its place is free again


def test_a_full_disk_is_told_in_words_and_leaves_nothing(lab: Lab, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fallline.lab.uploads.write_json", full)
    answer = drop(lab, "a.csv")
    assert (answer.status, answer.text) == (507, "'a.csv' can't be kept: no space left on device")
    assert tables(lab) == []


def test_the_page_states_the_limits(lab: Lab, tmp_path: Path):
    text = lab.ask("/").text
    assert 'data-most="1000000"' in text
    assert "1 MB a file, 3 files" in text
    assert Uploads(tmp_path).limits()["words"] == f"200 MB a file, 20 files: {', '.join(ENDINGS)}"
    assert (LARGEST, MOST) == (200_000_000, 20)


def test_a_plain_name_keeps_what_a_person_would_recognise():
    assert plain_name("C:\\data\\Mieten (München), 2026.csv") == "Mieten (München), 2026.csv"
