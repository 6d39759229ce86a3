"""Who may speak to the lab: whoever opened the address that the command printed, in that browser, and no other page.

A page of any other site can make a browser send requests to 127.0.0.1, and can have its own name resolve to it. So
every request must be addressed to this very host and port, carry the cookie that the printed address was exchanged
for, and come from this origin where a browser says from where it comes (which it always does for a WebSocket and a
POST).

Plain ASGI, around everything else, so that no answer goes out without the headers.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "token"
READING = ("GET", "HEAD")  # what changes nothing
SHUT = (
    "This is Fallline's lab, and it opens only with its key.\n\n"
    "Open the address that the command `fallline lab` printed: it starts with http://127.0.0.1 and has a token in it.\n"
    "If you followed a link to a set-up, add what stands behind its # to that address.\n"
)


def new_token() -> str:
    """A token that can't be guessed."""
    return secrets.token_urlsafe(32)


def address(token: str, port: int) -> str:
    """The address that opens the lab."""
    return f"http://127.0.0.1:{port}/?{TOKEN}={token}"


def cookie_name(port: int) -> str:
    """Browsers don't tell ports apart where they keep cookies, so the name does."""
    return f"fallline-lab-{port}"


def cookie_value(token: str) -> str:
    """What the token is exchanged for: it opens the lab as well, but the address can't be made from it."""
    return hmac.new(token.encode(), b"cookie of fallline's lab", hashlib.sha256).hexdigest()


def guarded(app: ASGIApp, token: str, port: int) -> ASGIApp:
    """The app behind its door."""
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    if port == 80:  # which browsers leave out
        hosts |= {"127.0.0.1", "localhost"}
    name, value = cookie_name(port), cookie_value(token)

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
            return
        given = [header.decode("latin-1") for key, header in scope["headers"] if key == b"host"]
        host = given[0].lower() if len(given) == 1 else ""
        answer: Response | None = None
        send = send if scope["type"] == "websocket" else with_headers(send, host if host in hosts else "")
        if host not in hosts or not _from_here(scope, host):
            answer = PlainTextResponse(SHUT, 403)
        elif scope["type"] == "http" and (key := _key(scope)) is not None:
            answer = _exchange(key, token, name, value)
        elif not any(_same(each, value) for each in _cookies(scope, name)):
            answer = PlainTextResponse(SHUT, 403)
        if answer is None:
            await app(scope, receive, send)
        elif scope["type"] == "http":
            await answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})  # before it was accepted: 403

    return guard


def _same(given: str, expected: str) -> bool:
    """In a time that says nothing about where they differ."""
    return secrets.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _from_here(scope: Scope, host: str) -> bool:
    origins = [header.decode("latin-1") for key, header in scope["headers"] if key == b"origin"]
    if not origins:
        return scope["type"] == "http" and scope["method"] in READING
    return origins == [f"http://{host}"]


def _key(scope: Scope) -> str | None:
    """The token in the address of the page, if there is one."""
    if scope["path"] != "/" or scope["method"] not in READING:
        return None
    found = [value for key, value in parse_qsl(scope["query_string"].decode("latin-1"), True) if key == TOKEN]
    return found[0] if len(found) == 1 else None if not found else ""


def _exchange(key: str, token: str, name: str, value: str) -> Response:
    """A cookie for the token, and the page's clean address, behind which the browser puts the fragment again."""
    if not _same(key, token):
        return PlainTextResponse(SHUT, 403)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(name, value, path="/", httponly=True, samesite="strict")
    return answer


def _cookies(scope: Scope, name: str) -> list[str]:
    """Cookies of other servers of this machine may stand beside ours: ports share them, whatever is in them."""
    headers = [header.decode("latin-1") for key, header in scope["headers"] if key == b"cookie"]
    pairs = [part.strip().partition("=") for header in headers for part in header.split(";")]
    return [value for key, _, value in pairs if key == name]


def with_headers(send: Send, host: str) -> Send:
    """The same, with the headers that keep a page to itself put on every answer."""
    live = f" ws://{host}" if host else ""  # some browsers don't count it as 'self'
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        f"connect-src 'self'{live}; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["content-security-policy"] = policy
            headers["x-content-type-options"] = "nosniff"
            headers["referrer-policy"] = "no-referrer"
            headers["cross-origin-opener-policy"] = "same-origin"
            headers["cross-origin-resource-policy"] = "same-origin"
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sending
