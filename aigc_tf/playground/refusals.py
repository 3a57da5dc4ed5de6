"""How the page is refused something, and what becomes of a request whose body cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from aigc_tf.serving.request_error import RequestError


def refused(status: int, message: str) -> Response:
    """An error in the form that TensorFlow Serving answers with."""
    return JSONResponse({"error": message}, status)


def _unreadable(request: Request, error: Exception) -> Response:
    return refused(400, str(error))


def _unheard(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # the sender is gone before it was all there


HANDLERS: Mapping[Any, Callable[[Request, Exception], Response]] = {
    RequestError: _unreadable,
    ClientDisconnect: _unheard,
}
"""For the applications here that read bodies: Starlette's `exception_handlers`."""
