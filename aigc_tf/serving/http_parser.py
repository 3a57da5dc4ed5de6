"""httptools' parser for a server that knows HTTP/1 alone: an offer of another protocol never costs the body."""

from __future__ import annotations

import httptools

_FRAMING = (b"content-length", b"transfer-encoding")


class OneProtocolParser:
    """Parses requests for a uvicorn protocol, as httptools does, and passes over `Upgrade`, as TensorFlow Serving does.

    httptools ends a message behind the head where that offers another protocol (Java's HttpClient and `curl --http2`
    offer h2c with every request), and what follows is lost. Here the body is then parsed as that of a message of the
    same framing, whose head is kept from the protocol.
    """

    def __init__(self, protocol) -> None:
        self._protocol = protocol
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn
        self._framing: list[bytes] = []
        self._head_is_known = False

    def feed_data(self, data: bytes) -> None:
        """Parse further bytes. Raises httptools.HttpParserError where they are no HTTP."""
        while True:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                data = data[offer.args[0] :]
                if self._framing:
                    data = b"POST / HTTP/1.1\r\n" + b"".join(self._framing) + b"\r\n" + data
                    self._head_is_known = True

    def get_method(self) -> bytes:
        return self._parser.get_method()

    def get_http_version(self) -> str:
        return self._parser.get_http_version()

    def should_keep_alive(self) -> bool:
        return self._parser.should_keep_alive()

    def should_upgrade(self) -> bool:
        return False

    def on_message_begin(self) -> None:
        if not self._head_is_known:
            self._framing = []
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._head_is_known:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_is_known:
            if name.lower() in _FRAMING:
                self._framing.append(name + b": " + value + b"\r\n")
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._head_is_known:
            self._protocol.on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._protocol.on_body(body)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade() and self._framing:
            return  # the body is still to come
        self._head_is_known = False
        self._protocol.on_message_complete()
