"""Hands requests for one version of a model on to the server that has it: a browser may ask that of no other origin."""

from __future__ import annotations

import urllib3
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aigc_tf.playground.refusals import HANDLERS, refused
from aigc_tf.serving import request_body

_LARGEST_BODY = 64 * 2**20  # bytes


def application(server: str, path: str, seconds: float) -> Starlette:
    """Answers for the model at `path` as `server`, HOST:PORT, does: `:predict`, its metadata, its status, and nothing
    else of that server. `seconds` is how long it may take."""
    pool = urllib3.PoolManager(timeout=seconds, retries=False)
    known = {("POST", f"{path}:predict"), ("GET", f"{path}/metadata"), ("GET", path)}

    async def forward(request: Request) -> Response:
        asked = (request.method, request.scope["raw_path"].decode("ascii"))
        if asked not in known or request.scope["query_string"]:
            return refused(404, f"nothing else than {path} is handed on")
        body = await request_body.read(request, _LARGEST_BODY)
        if body is None:
            return refused(413, f"the body is larger than {_LARGEST_BODY} bytes")
        try:
            answer = await run_in_threadpool(_ask, pool, asked[0], f"http://{server}{asked[1]}", body)
        except urllib3.exceptions.ReadTimeoutError:
            return refused(504, f"{server} did not answer within {seconds:g} s")
        except urllib3.exceptions.HTTPError:
            return refused(502, f"cannot reach {server}: is the server running there?")
        kind = answer.headers.get("content-type", "application/json")
        return Response(answer.data, answer.status, media_type=kind)

    return Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])], exception_handlers=HANDLERS)


def _ask(pool: urllib3.PoolManager, method: str, url: str, body: bytes) -> urllib3.BaseHTTPResponse:
    return pool.request(method, url, body=body or None, headers={"content-type": "application/json"}, redirect=False)
