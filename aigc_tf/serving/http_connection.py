"""uvicorn's HTTP connection with an end: by itself it waits for ever for a client that sends or reads drop by drop.

Also what TensorFlow Serving does and uvicorn does not: it passes over offers of other protocols, and keeps connections
of HTTP/1.0 where the client asks for it.
"""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from aigc_tf.serving.http_parser import OneProtocolParser
from aigc_tf.serving.limits import Limits

_LARGEST_HEAD = 64 * 1024  # bytes of a request line and its headers
_FULL = JSONResponse({"error": "too many connections; try again later"}, 503, {"connection": "close"})


def bounded(limits: Limits) -> type[HttpToolsProtocol]:
    """A connection for these limits: their number, time for a whole request and its whole answer, size of its head."""

    class BoundedConnection(HttpToolsProtocol):
        _deadline: asyncio.TimerHandle | None = None
        _in_head = True
        _head_bytes = 0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.parser = OneProtocolParser(self)  # type: ignore[assignment]
            self._allow(limits.receive_seconds)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_clock()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._deadline is None:
                self._allow(limits.receive_seconds)
            if self._in_head:
                self._head_bytes += len(data)
            super().data_received(data)
            if self._in_head and self._head_bytes > _LARGEST_HEAD and not self.transport.is_closing():
                self._refuse(431, b"Request Header Fields Too Large")

        def on_headers_complete(self) -> None:
            self._in_head, self._head_bytes = False, 0
            # uvicorn's own limit would answer in plain text.
            full = max(len(self.connections), len(self.tasks)) >= limits.max_connections
            self.app = _FULL if full else self.config.loaded_app
            super().on_headers_complete()
            if self.scope["http_version"] == "1.0" and self.parser.should_keep_alive() and not full:
                self.cycle.keep_alive = True
                self.cycle.default_headers = [*self.cycle.default_headers, (b"connection", b"keep-alive")]

        def on_message_complete(self) -> None:
            self._in_head = True
            self._allow(2 * limits.answer_seconds)  # to compute it, and to send it
            super().on_message_complete()

        def on_response_complete(self) -> None:
            self._stop_clock()
            super().on_response_complete()

        def send_400_response(self, msg: str) -> None:
            self._refuse(400, b"Bad Request")

        def _allow(self, seconds: float) -> None:
            self._stop_clock()
            self._deadline = self.loop.call_later(seconds, self._refuse, 408, b"Request Timeout")

        def _stop_clock(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _refuse(self, status: int, reason: bytes) -> None:
            """End the connection, with an error where no answer has begun."""
            self._stop_clock()
            if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
                body = b'{"error": "' + reason + b'"}'
                head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\nconnection: close\r\n" % (status, reason)
                self.transport.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
                self.transport.close()
                self.loop.call_later(1.0, self.transport.abort)  # it may not even read that
            else:
                self.transport.abort()

    return BoundedConnection
