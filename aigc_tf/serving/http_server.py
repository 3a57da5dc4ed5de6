"""uvicorn as our servers run it: with bounded connections, and ended by whoever runs it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from aigc_tf.serving.http_connection import bounded
from aigc_tf.serving.limits import Limits

_IDLE_SECONDS = 60  # TensorFlow Serving never hangs up; a client's pool may keep a connection for a while


class HttpServer(uvicorn.Server):
    """uvicorn's own signal handlers end the process by the signal, so it would never exit with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def of(application: ASGIApp, limits: Limits) -> HttpServer:
    """A server of this application, which ends once its `should_exit` is true and all is answered."""
    return HttpServer(
        uvicorn.Config(
            application,
            http=bounded(limits),
            loop="none",
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=int(limits.answer_seconds),
        )
    )
