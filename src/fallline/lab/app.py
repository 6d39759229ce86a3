"""The lab's server: a page, its static files, one WebSocket, tables that come in and files that go out. No JAX here.

GET  /                 the page
GET  /static/...       its modules and styles
GET  /charts.js        the charts' bundle, the one of the report
WS   /live             a page's training
POST /tables?name=...  a table dropped on the page, as it is
GET  /files/RUN/NAME   a file of a run that was kept
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope
from starlette.websockets import WebSocket

from fallline import __version__
from fallline.fields import Settings
from fallline.lab.guard import guarded
from fallline.lab.pool import Pool
from fallline.lab.process import Work
from fallline.lab.session import live
from fallline.lab.uploads import Uploads
from fallline.lab.workspace import DOWNLOADS, TABLES, inside
from fallline.report.bundle import charts_bundle

HERE = Path(__file__).parent
AGAIN = "no-cache"  # a browser may keep it, and asks each time whether it is still the same


def create(
    workspace: Path,
    token: str,
    port: int,
    *,
    runs: Mapping[str, Path] | None = None,
    work: Work | None = None,
    uploads: Uploads | None = None,
) -> ASGIApp:
    """The lab behind its door.

    Args:
        workspace: a folder of its own.
        token: opens the lab; see `guard`.
        port: where it is served.
        runs: recorded runs that may be opened, by name; the page opens with the first.
        work: what a page's process does, in place of `worker.work`.
        uploads: where dropped tables go to, in place of a folder of the workspace.
    """
    runs = dict(runs or {})
    for name in (TABLES, DOWNLOADS):
        (workspace / name).mkdir(exist_ok=True)
    uploads = uploads or Uploads(workspace / TABLES)
    pool = Pool(work or _work, workspace, runs)
    kept: dict[str, set[str]] = {}
    pages = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        pool.refill(0.0)
        yield
        await pool.close()

    def announce(said: Mapping[str, Any]) -> None:
        kept.setdefault(str(said["run"]), set()).update(str(file["name"]) for file in said["files"])

    def page(_: Request) -> Response:
        context = {
            "limits": uploads.limits(),
            "run": next(iter(runs), None),  # to be replayed
            "settings": list(Settings.model_fields),
            "version": __version__,
        }
        return HTMLResponse(pages.get_template("lab.html").render(context))

    async def connect(socket: WebSocket) -> None:
        await live(socket, pool, announce)

    def file(request: Request) -> Response:
        run, name = request.path_params["run"], request.path_params["name"]
        path = inside(workspace, DOWNLOADS, name) if name in kept.get(run, ()) else None
        if path is None or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, filename=name)

    routes = [
        Route("/", page),
        Route("/charts.js", charts),
        Route("/tables", uploads.receive, methods=["POST"]),
        Route("/files/{run}/{name}", file),
        WebSocketRoute("/live", connect),
        Mount("/static", _Static(directory=HERE / "static")),
    ]
    return guarded(Starlette(routes=routes, lifespan=lifespan), token, port)


class _Static(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = AGAIN
        return response


def charts(request: Request) -> Response:
    """The bundle that gives the page `window.vegaEmbed`; it draws without `eval` when asked to (`ast: true`)."""
    mark, packed = _packed_bundle()
    headers = {"etag": mark, "cache-control": AGAIN, "content-encoding": "gzip", "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers=headers)
    return Response(packed, media_type="text/javascript", headers=headers)


@cache
def _packed_bundle() -> tuple[str, bytes]:
    text = charts_bundle().encode()
    return f'"{hashlib.sha256(text).hexdigest()[:32]}"', gzip.compress(text, mtime=0)


def _work(*told: Any) -> None:
    """In a worker's process, and only there: the engine."""
    from fallline.lab.worker import work

    work(*told)
