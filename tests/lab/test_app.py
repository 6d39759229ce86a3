"""What the lab's server hands out: its page, its files, the charts, what was kept; and nothing from elsewhere."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from lab.served import OPEN, Lab, hear, served
from lab.small_worker import work

from fallline.lab import workspace
from fallline.lab.app import HERE
from fallline.report.bundle import charts_bundle

STATIC = sorted(path.name for path in (HERE / "static").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with served(tmp_path_factory.mktemp("lab"), work, runs={"my <run>": Path("/nowhere")}) as lab:
        yield lab


def test_the_page_is_a_template_that_escapes_what_it_is_given(lab: Lab):
    answer = lab.ask("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert 'data-run="my &lt;run&gt;"' in answer.text


def test_the_whole_page_weighs_at_most_a_megabyte_and_a_half(lab: Lab):
    paths = ["/", "/charts.js", *(f"/static/{name}" for name in STATIC)]
    answers = [lab.ask(path) for path in paths]
    assert {answer.status for answer in answers} == {200}
    assert sum(len(answer.body) for answer in answers) <= 1.5e6


@pytest.mark.parametrize("path", ["/charts.js", *(f"/static/{name}" for name in STATIC)])
def test_what_has_not_changed_is_not_sent_again(lab: Lab, path: str):
    first = lab.ask(path)
    assert first.headers["cache-control"] == "no-cache"
    again = lab.ask(path, if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert lab.ask(path, if_none_match='"other"').body == first.body


def test_the_charts_are_the_bundle_of_the_report_packed(lab: Lab):
    answer = lab.ask("/charts.js")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    text = gzip.decompress(answer.body).decode()
    assert text == charts_bundle()
    assert "window.vegaEmbed" in text
    assert len(answer.body) < 400_000


def test_modules_have_the_type_that_a_browser_asks_for(lab: Lab):
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    for name in STATIC:
        assert lab.ask(f"/static/{name}").headers["content-type"].startswith(kinds[Path(name).suffix])


OUT = [
    "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/....//app.py",
    "/static//etc/hostname",
    "/static/..%5capp.py", "/static/%2fetc%2fhostname", "/static/%00", "/static/", "/static", "/../app.py",
    "/templates/lab.html", "/static/../templates/lab.html", "/tables/names.json", "/downloads/a%20run.html",
    "/files/a%20run/../../tables/names.json", "/files/a%20run/..%2f..%2ftables%2fnames.json",
    "/files/a%20run/..%2F..%2Fsecret", "/files/..%2f..%2f/secret", "/files/a%20run/%2fetc%2fhostname",
    "/files/a%20run/",
    "/files/a%20run/not%20told.html", "/files/a%20run/link.html", "/files/other/a%20run.html", "/files/a%20run/..",
    "/files//a%20run.html", "/files/a%20run/a%20run.html%00", "/files/a%20run/a%20run.html/",
]  # fmt: skip


@pytest.fixture(scope="module")
def kept(lab: Lab) -> Lab:
    """The lab in which a page has kept a run; another file lies outside of it."""
    (lab.folder.parent / "secret").write_text("secret")
    (lab.folder / "tables" / "names.json").write_text("{}")
    with lab.page(OPEN, {"do": "keep"}) as page:
        assert hear(page, "kept")["run"] == "a run"
    return lab


@pytest.mark.parametrize("path", OUT)
def test_no_path_leads_to_a_file_that_was_not_announced(kept: Lab, path: str):
    answer = kept.ask(path)
    assert answer.status in (404, 405) or (answer.status in (307, 308) and answer.body == b"")
    assert b"secret" not in answer.body


def test_what_was_kept_is_handed_out_as_a_file_and_never_as_a_page(kept: Lab):
    report = kept.ask("/files/a%20run/a%20run.html")
    assert (report.status, report.text) == (200, "<script>a report</script>")
    assert report.headers["content-disposition"].startswith("attachment")
    assert kept.ask("/files/a%20run/a%20run.safetensors").body == b"weights"


def test_nothing_is_handed_out_before_it_is_announced(tmp_path: Path):
    with served(tmp_path, work) as lab:
        (tmp_path / "downloads" / "a run.html").write_text("early")
        assert lab.ask("/files/a%20run/a%20run.html").status == 404


@pytest.mark.parametrize(
    ("path", "method"), [("/", "POST"), ("/charts.js", "POST"), ("/tables", "GET"), ("/static/lab.css", "POST")]
)
def test_other_methods_are_refused(lab: Lab, path: str, method: str):
    assert lab.ask(path, method, b"").status == 405


def test_only_plain_names_of_plain_files_lead_inside(tmp_path: Path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "file").write_text("here")
    (tmp_path / "out").write_text("there")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "way").symlink_to(tmp_path / "in" / "deep")
    os.mkfifo(tmp_path / "in" / "pipe")
    root = tmp_path / "in"
    assert workspace.inside(root, "deep", "file") == root / "deep" / "file"
    refused = [("link",), ("way", "file"), ("pipe",), ("..", "out"), ("deep/file",), ("deep", ""), (".",), ("none",)]
    assert [workspace.inside(root, *parts) for parts in refused] == [None] * len(refused)
    assert workspace.inside(root, "\0") is None
    assert workspace.inside(root, "x" * 300) is None
