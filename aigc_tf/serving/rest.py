"""TensorFlow Serving's REST interface as an ASGI application.

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import unquote

import numpy as np
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.apis import model_pb2

from aigc_tf.serving import json_tensors, metrics, replies
from aigc_tf.serving.limits import Limits
from aigc_tf.serving.models import Models, Version
from aigc_tf.serving.request_error import HTTP_STATUS, RequestError, invalid, within
from aigc_tf.serving.signature import Signature

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<number>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(_MODEL + r":predict", re.IGNORECASE)
_LOOK = re.compile(_MODEL + r"(?P<metadata>/metadata)?", re.IGNORECASE)
_CLIENT_CLOSED_REQUEST = 499


def application(models: Models, limits: Limits, counters: metrics.Metrics) -> Starlette:
    """POST …:predict, GET status and metadata, and GET Prometheus' page; all errors are `{"error": …}`."""

    async def answer(request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii")  # not decoded yet: %2F is no border between parts
        try:
            if request.method == "POST" and (asked := _PREDICT.fullmatch(path)):
                body = await _body(request, limits)
                if body is None:
                    return _error(413, f"the body is larger than {limits.max_body_bytes} bytes")
                name = unquote(asked["name"])
                with counters.counted(name if name in models else "", "REST"):
                    return _json(await within(limits.answer_seconds, predict(asked, body)))
            if request.method == "GET" and (asked := _LOOK.fullmatch(path)):
                return _json(json.dumps(metadata(asked) if asked["metadata"] else status(asked), indent=1).encode())
            if path.lower().startswith("/v1/"):
                raise invalid(f"Malformed request: {request.method} {path}")
            return _error(404, f"nothing is at {path[:200]}; models are below /v1/models/")
        except RequestError as error:
            return _error(HTTP_STATUS.get(error.code, 500), error.message)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED_REQUEST)

    async def predict(asked: re.Match, body: bytes) -> bytes:
        with models.use(*_target(asked)) as version:
            in_rows, signature, inputs = await asyncio.to_thread(_read, body, version, limits)
            outputs = await version.predict(signature, inputs)
            return await asyncio.to_thread(json_tensors.encode, outputs, in_rows)

    def status(asked: re.Match) -> dict:
        return replies.to_json(replies.status(models.versions(*_target(asked))))

    def metadata(asked: re.Match) -> dict:
        name, number, label = _target(asked)
        with models.use(name, number, label) as version:
            spec = model_pb2.ModelSpec(name=name)
            spec.version.value = version.number
            signatures = replies.to_json(replies.signatures(version))
            return {"model_spec": replies.to_json(spec), "metadata": {"signature_def": signatures}}

    async def prometheus(request: Request) -> Response:
        return Response(counters.page(), media_type="text/plain; version=0.0.4")

    async def bug(request: Request, error: Exception) -> Response:
        return _error(500, "internal error of the server; its log has the details")

    return Starlette(
        routes=[
            Route(metrics.PATH, prometheus),
            Route("/{path:path}", answer, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
        ],
        exception_handlers={Exception: bug},
    )


def _target(asked: re.Match) -> tuple[str, int | None, str]:
    """Name, version and label in a path; they are looked up among the models of the config, never among files."""
    number = None if asked["number"] is None else int(asked["number"])
    if number is not None and number >= 2**63:
        raise invalid(f"Failed to convert version: {asked['number'][:40]} to numeric.")
    return unquote(asked["name"]), number, unquote(asked["label"] or "")


def _read(body: bytes, version: Version, limits: Limits) -> tuple[bool, Signature, dict[str, np.ndarray]]:
    """Whether the request is in row form, the signature that it means, and its inputs, checked."""
    assert version.export is not None
    request = json_tensors.parse(body)
    signature = version.export.signature(request.get("signature_name", ""))
    inputs = json_tensors.decode(request, signature, limits.max_rows)
    signature.check(inputs, limits)
    return "instances" in request, signature, inputs


async def _body(request: Request, limits: Limits) -> bytes | None:
    """The whole body, or None as soon as it is known to be too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.max_body_bytes:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limits.max_body_bytes:
            return None
    return bytes(body)


def _json(text: bytes) -> Response:
    return Response(text, media_type="application/json")


def _error(status: int, message: str) -> Response:
    return Response(json.dumps({"error": message}), status, media_type="application/json")
