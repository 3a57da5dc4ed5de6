"""TensorFlow Serving's REST interface as an ASGI application.

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import numpy as np
from grpc import StatusCode
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.apis import model_pb2

from aigc_tf.serving import json_tensors, metrics, replies, request_body
from aigc_tf.serving.limits import Limits
from aigc_tf.serving.models import Models, Version
from aigc_tf.serving.request_error import HTTP_STATUS, RequestError, invalid, within
from aigc_tf.serving.signature import ServedSignature

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<number>\d+)|/labels/(?P<label>[^/:]+))?"
# What may be asked with a method, and how the metrics name it.
_FORMS = {
    "POST": (re.compile(_MODEL + r":(?-i:predict)", re.IGNORECASE), "predict"),
    "GET": (re.compile(_MODEL + r"(?P<metadata>/metadata)?", re.IGNORECASE), ""),
}
_NOTHING = re.compile(r"(?!)")
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST, GET",
    "access-control-allow-headers": "Content-Type",
}
_CLIENT_CLOSED_REQUEST = 499


def application(models: Models, limits: Limits, counters: metrics.Metrics, cors: bool = False) -> Starlette:
    """POST …:predict, GET status and metadata, and GET Prometheus' page; all errors are `{"error": …}`.

    With `cors` every answer below /v1/ tells browsers that pages from anywhere may read it.
    """

    async def answer(request: Request) -> Response:
        path = _path(request)
        if not path.lower().startswith("/v1/"):
            return _error(404, f"nothing is at {path[:200]}; models are below /v1/models/")
        try:
            response = await model_answer(request, path)
        except RequestError as error:
            response = _error(HTTP_STATUS.get(error.code, 500), error.message)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        if cors:
            response.headers.update(_CORS)
        return response

    async def model_answer(request: Request, path: str) -> Response:
        body = await request_body.read(request, limits.max_body_bytes)
        if body is None:
            return _error(413, f"the body is larger than {limits.max_body_bytes} bytes")
        form, api = _FORMS.get(request.method, (_NOTHING, ""))
        asked = form.fullmatch(path)
        name = unquote(asked["name"]) if asked else ""
        with counters.counted(name if name in models else "", api, "REST"):
            if request.method == "OPTIONS":
                return _preflight(request)
            if asked is None:
                raise invalid(f"Malformed request: {request.method} {path}")
            if request.method == "POST":
                return _json(await within(limits.answer_seconds, predict(asked, body)))
            about = metadata(asked) if asked["metadata"] == "/metadata" else status(asked)
            return _json(json.dumps(about, indent=1).encode())

    async def predict(asked: re.Match, body: bytes) -> bytes:
        asking = await asyncio.to_thread(json_tensors.parse, body)
        with models.use(*_target(asked)) as version:
            signature, inputs = await asyncio.to_thread(_read, asking, version, limits)
            outputs = await version.predict(signature, inputs)
            return await asyncio.to_thread(json_tensors.encode, outputs, "instances" in asking)

    def status(asked: re.Match) -> dict:
        name, number, _ = _target(asked)
        return replies.to_json(replies.status(models.versions(name, number)))

    def metadata(asked: re.Match) -> dict:
        name, number, label = _target(asked)
        with models.use(name, number, label) as version:
            spec = model_pb2.ModelSpec(name=name)
            spec.version.value = version.number
            signatures = replies.to_json(replies.signatures(version))
            return {"model_spec": replies.to_json(spec), "metadata": {"signature_def": signatures}}

    async def prometheus(request: Request) -> Response:
        if request.url.query:
            return _error(400, f"Unexpected path: {_path(request)[:200]}. Should be {metrics.PATH}")
        return Response(counters.page(), media_type="text/plain; version=0.0.4")

    async def unknown_method(request: Request, error: Exception) -> Response:
        return _error(501, f"the method {request.method} is not implemented")

    async def bug(request: Request, error: Exception) -> Response:
        return _error(500, "internal error of the server; its log has the details")

    return Starlette(
        routes=[
            Route(metrics.PATH, prometheus, methods=_METHODS),
            Route("/{path:path}", answer, methods=_METHODS),
        ],
        exception_handlers={405: unknown_method, Exception: bug},
    )


def _path(request: Request) -> str:
    """The path as it came, not decoded: %2F is no border between parts. A query is part of it, which no path allows."""
    query = request.scope["query_string"].decode("ascii", "replace")
    return request.scope["raw_path"].decode("ascii") + (f"?{query}" if query else "")


def _preflight(request: Request) -> Response:
    """What a browser asks before it lets a page of another origin ask."""
    if not re.search("https?://", request.headers.get("origin", "")):
        raise RequestError(StatusCode.FAILED_PRECONDITION, "Origin header is missing in CORS preflight")
    return Response()


def _target(asked: re.Match) -> tuple[str, int | None, str]:
    """Name, version and label in a path; they are looked up among the models of the config, never among files."""
    number = None if asked["number"] is None else int(asked["number"])
    if number is not None and number >= 2**63:
        raise invalid(f"Failed to convert version: {asked['number'][:40]} to numeric.")
    return unquote(asked["name"]), number, unquote(asked["label"] or "")


def _read(asking: Mapping[str, Any], version: Version, limits: Limits) -> tuple[ServedSignature, dict[str, np.ndarray]]:
    """The signature that a request means, and its inputs, checked."""
    assert version.export is not None
    signature = version.export.signature(asking.get("signature_name", ""))
    inputs = json_tensors.decode(asking, signature, limits.max_rows)
    signature.check(inputs, limits)
    return signature, inputs


def _json(text: bytes) -> Response:
    return Response(text, media_type="application/json")


def _error(status: int, message: str) -> Response:
    return Response(json.dumps({"error": message}), status, media_type="application/json")
