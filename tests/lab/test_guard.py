"""The lab's door: only whoever opened the printed address comes in, and nothing goes out without the headers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lab.served import OPEN, Lab, hear, served
from lab.small_worker import work
from websockets.exceptions import InvalidStatus

from fallline.lab import app
from fallline.lab.guard import SHUT, address, cookie_name, new_token

PATHS = ["/", "/charts.js", "/static/lab.css", "/files/run/report.html", "/nothing"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with served(tmp_path_factory.mktemp("lab"), work) as lab:
        yield lab


def shut(answer) -> None:
    """403, and a plain page that says what to do."""
    assert (answer.status, answer.text) == (403, SHUT)
    assert answer.headers["content-type"].startswith("text/plain")


def test_the_printed_address_is_exchanged_for_a_cookie_and_the_clean_address(lab: Lab):
    answer = lab.ask(address(lab.token, lab.port).removeprefix(lab.origin), cookie="")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"fallline-lab-{lab.port}=")
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "samesite=strict", "path=/"}
    assert lab.token not in cookie
    assert lab.ask("/", cookie=cookie.split(";")[0]).status == 200


def test_the_cookie_is_found_among_those_of_other_servers(lab: Lab):
    others = '_xsrf=2|ab; j={"a": 1}; x[y]=z'
    assert lab.ask("/", cookie=f"{others}; {lab.cookie}; last=1").status == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "cookie", ["", "none=1", "{name}=", "{name}=wrong", "{name}={token}", "{name}=é", "{other}={value}"]
)
def test_no_path_answers_without_the_right_cookie(lab: Lab, path: str, cookie: str):
    name, _, value = lab.cookie.partition("=")
    said = cookie.format(name=name, other=cookie_name(lab.port + 1), token=lab.token, value=value)
    shut(lab.ask(path, cookie=said))


@pytest.mark.parametrize("query", ["token=", "token=wrong", "token={token}x", "token={token}&token=x", "token=%C3%A9"])
def test_a_wrong_token_opens_nothing_even_where_the_cookie_is_right(lab: Lab, query: str):
    shut(lab.ask(f"/?{query.format(token=lab.token)}"))


def test_the_token_opens_the_page_alone(lab: Lab):
    for path in ("/charts.js", "/static/lab.css", "/tables"):
        shut(lab.ask(f"{path}?token={lab.token}", cookie=""))
    shut(lab.ask(f"/?token={lab.token}", "POST", b"", cookie=""))


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost", "127.0.0.1:{port}.evil",
     "0.0.0.0:{port}", "[::1]:{port}", "127.0.0.1:{port}@evil", "127.1:{port}"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/?token={token}", "/charts.js"])
def test_a_request_for_another_host_is_refused(lab: Lab, host: str | None, path: str):
    said = None if host is None else host.format(port=lab.port)
    answer = lab.ask(path.format(token=lab.token), host=said)
    if said is None:
        assert answer.status in (400, 403)  # HTTP itself asks for one
    else:
        shut(answer)
        assert "evil" not in str(answer.headers)


def test_the_other_name_of_this_machine_opens_it_too(lab: Lab):
    host = f"LocalHost:{lab.port}"
    assert lab.ask("/", host=host).status == 200
    assert lab.ask("/", host=host, origin=f"http://localhost:{lab.port}").status == 200
    shut(lab.ask("/", host=host, origin=lab.origin))


FOREIGN = ["null", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "https://127.0.0.1:{port}",
           "http://127.0.0.1:{port}.evil.example", "http://localhost:{port}", ""]  # fmt: skip


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_request_from_another_origin_is_refused(lab: Lab, origin: str):
    said = origin.format(port=lab.port)
    shut(lab.ask("/", origin=said))
    shut(lab.ask("/tables?name=a.csv", "POST", b"a\n1", origin=said))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_what_could_change_something_needs_an_origin(lab: Lab, method: str):
    shut(lab.ask("/tables?name=a.csv", method, b"a\n1", origin=None))
    assert list((lab.folder / "tables").iterdir()) == []


@pytest.mark.parametrize("origin", [None, *(origin for origin in FOREIGN if origin)])
def test_a_page_of_another_site_gets_no_websocket(lab: Lab, origin: str | None):
    said = origin and origin.format(port=lab.port)
    with pytest.raises(InvalidStatus) as refused, lab.page(origin=said):
        pass
    assert refused.value.response.status_code == 403


def test_the_websocket_needs_cookie_and_host_as_all_else(lab: Lab):
    for wrong in ({"Cookie": f"{cookie_name(lab.port)}=wrong"}, {"Cookie": ""}, {"Host": f"evil.example:{lab.port}"}):
        with pytest.raises(InvalidStatus) as refused, lab.page(**wrong):
            pass
        assert refused.value.response.status_code in (400, 403)  # two hosts are no request at all
    with lab.page(OPEN) as page:
        assert hear(page)["say"] == "heard"


@pytest.mark.parametrize("path", [*PATHS, "/tables"])
@pytest.mark.parametrize("cookie", [None, ""])
def test_every_answer_carries_the_headers(lab: Lab, path: str, cookie: str | None):
    headers = lab.ask(path, cookie=cookie).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    live = f"'self' ws://127.0.0.1:{lab.port}"
    assert policy == {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data: blob:",
        "connect-src": live, "form-action": "'none'", "frame-ancestors": "'none'", "base-uri": "'none'",
    }  # fmt: skip
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert "server" not in headers


def test_tokens_are_long_and_never_the_same():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"[\w-]{43}", token) for token in tokens)


def test_the_page_itself_holds_no_token_no_inline_script_and_no_foreign_address(lab: Lab):
    text = lab.ask("/").text
    assert lab.token not in text
    assert lab.cookie.partition("=")[2] not in text
    assert re.findall(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|<style", text) == []
    assert re.findall(r"""(?:src|href)=["'](?!/|#)""", text) == []


def test_a_mistake_of_the_server_carries_the_headers_as_well(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(app, "_packed_bundle", lambda: 1 / 0)
    with served(tmp_path, work) as lab:
        answer = lab.ask("/charts.js")
    assert answer.status == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
