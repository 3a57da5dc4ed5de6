"""The site: a page with its scripts, what they must know of the model, its REST interface, and a place for ratings.

It is for the person at this machine alone. So it answers only who calls it by a name of this machine (a page from
elsewhere, whose name was made to point here, calls it by its own), and takes nothing that such a page posts.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aigc_tf.contract import Contract
from aigc_tf.errors import UserError
from aigc_tf.playground import ratings
from aigc_tf.playground.refusals import HANDLERS, refused
from aigc_tf.report.using import TO_FILE
from aigc_tf.serving import request_body

_FOLDER = Path(__file__).parent
_FILES = {f"/{file.name}": file for file in _FOLDER.iterdir() if file.suffix in (".js", ".css")}
_HERE = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_LARGEST_RATING = 10_000  # bytes


@dataclasses.dataclass(frozen=True)
class Played:
    """What is played with.

    Attributes:
        model: its name on the server.
        version: its number there.
        path: where it is below the server's address, "/v1/models/…/versions/…".
        promised: its contract.
        server: the address of the server, "http://…"; empty where this very site is it.
        ratings: the file that takes them; None where nobody named one.
    """

    model: str
    version: int
    path: str
    promised: Contract
    server: str = ""
    ratings: Path | None = None


def application(played: Played, models: ASGIApp) -> ASGIApp:
    """The page at /, and all of `models`, which answers for the model, at the paths that it has anyway."""
    about = {
        **{"model": played.model, "version": played.version, "path": played.path, "server": played.server},
        **{"contract": json.loads(played.promised.to_json()), "toFile": TO_FILE},
        "ratings": "" if played.ratings is None else str(played.ratings),
    }

    async def page(request: Request) -> Response:
        return FileResponse(_FOLDER / "page.html")

    async def file(request: Request) -> Response:
        return FileResponse(_FILES[request.url.path])

    async def tell(request: Request) -> Response:
        return JSONResponse(about)

    async def icon(request: Request) -> Response:
        return Response(status_code=204)  # every browser asks for one

    async def rate(request: Request) -> Response:
        body = await request_body.read(request, _LARGEST_RATING)
        if played.ratings is None:
            return refused(404, "nothing keeps ratings: start the playground with --ratings FILE")
        try:
            ratings.keep(played.ratings, body or b"", _made_by(played), played.promised.class_names)
        except UserError as error:
            return refused(400, str(error))
        except OSError as error:
            return refused(507, f"the rating was not kept: {error}")
        return JSONResponse({})

    routes = [
        *(Route("/", page), Route("/about.json", tell), Route("/favicon.ico", icon)),
        *(Route(path, file) for path in _FILES),
        Route("/ratings", rate, methods=["POST"]),
        Mount("/", models),
    ]
    return _Guarded(Starlette(routes=routes, exception_handlers=HANDLERS))


class _Guarded:
    """Keeps other sites out, and tells browsers what the page may do."""

    def __init__(self, inside: ASGIApp) -> None:
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        why_not = _why_not(Headers(scope=scope))
        answer = refused(403, why_not) if why_not else self._inside
        await answer(scope, receive, guarded)


def _why_not(headers: Headers) -> str:
    """Why a request is refused; empty for one that may come in. A browser says of every POST whose page sends it."""
    host = headers.get("host", "")
    if not _HERE.fullmatch(host):
        return f"the playground is at localhost, and this asks for {host[:100]!r}"
    if headers.get("origin", f"http://{host}").lower() != f"http://{host}".lower():
        return "a page of another site may not ask"
    return ""


def _made_by(played: Played) -> dict[str, Any]:
    return {"model": played.model, "version": played.version, "origin": played.promised.origin}
