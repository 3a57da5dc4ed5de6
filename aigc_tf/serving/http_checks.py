"""What a model server must make of HTTP itself: what clients and proxies send around the JSON."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
from collections.abc import Mapping

from aigc_tf.addresses import host_and_port
from aigc_tf.serving.server_under_test import Server, answered, decoded, expect, refused

_MARK = b"\xef\xbb\xbf"
_KEEP = "Connection: keep-alive"


def _predict(server: Server, body: bytes, headers: Mapping[str, str]) -> list[bytes]:
    answer = server.ask("POST", f"{server.path}:predict", body, headers)
    return [decoded(value) for value in answered(answer)["predictions"]]


def _body(server: Server) -> tuple[bytes, list[bytes]]:
    """A request, and what it gives."""
    return json.dumps({"instances": server.rows([3, 5])}).encode(), server.files([3, 5])


def offers_of_other_protocols_are_passed_over(server: Server) -> None:
    """A request that offers HTTP/2 (Java's HttpClient, `curl --http2`) is answered as if it offered nothing."""
    body, files = _body(server)
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA"}
    expect(_predict(server, body, offer) == files, "the offer changes the answer")


def gzip_bodies_are_inflated(server: Server) -> None:
    """A body with `Content-Encoding: gzip` is inflated, and refused where it is none."""
    body, files = _body(server)
    packed = {"Content-Encoding": "gzip"}
    expect(_predict(server, gzip.compress(body), packed) == files, "gzip changes the answer")
    plain = server.ask("POST", f"{server.path}:predict", body, packed)
    refused(plain, (400,), "a body that is not the gzip that it claims to be")


def byte_order_marks_are_passed_over(server: Server) -> None:
    """JSON may begin with the byte order mark that some programs write before UTF-8."""
    body, files = _body(server)
    expect(_predict(server, _MARK + body, {}) == files, "the mark changes the answer")


def old_connections_are_kept(server: Server) -> None:
    """A client of the first HTTP/1 keeps its connection where it asks for that."""
    with _connected(server) as connection:
        for _ in range(2):
            connection.sendall(f"GET /v1/models/{server.path} HTTP/1.0\r\n{_KEEP}\r\n\r\n".encode())
            reply = http.client.HTTPResponse(connection)
            reply.begin()
            reply.read()
            granted = (reply.getheader("Connection") or "").lower()
            expect(reply.status == 200, f"HTTP {reply.status} instead of 200")
            expect(granted == "keep-alive", f"the answer says {granted!r} of the connection instead of 'keep-alive'")


def malformed_http_is_refused(server: Server) -> None:
    """What is no HTTP gets HTTP 400."""
    with _connected(server) as connection:
        connection.sendall(f"GET /v1/models/{server.path} HTTP/1.1\r\nno header\r\n\r\n".encode())
        line = connection.makefile("rb").readline().decode("latin-1")
    expect(line.split()[1:2] == ["400"], f"{line!r} instead of a status of 400")


def queries_belong_to_the_path(server: Server) -> None:
    """A query behind the path is refused, since no path of the API has one."""
    server.refused(f"{server.path}:predict?key=value", {"instances": server.rows([1])}, 400)
    refused(server.get(f"{server.path}/metadata?key=value"), (400,), "metadata with a query")


def browsers_may_ask_first(server: Server) -> None:
    """OPTIONS is answered where it names an origin, and refused where it does not."""
    asked = [server.ask("OPTIONS", server.path, b"", headers) for headers in ({"Origin": "http://localhost"}, {})]
    expect([answer.status for answer in asked] == [200, 400], f"HTTP {asked[0].status} and {asked[1].status}")


def _connected(server: Server) -> contextlib.AbstractContextManager[socket.socket]:
    return socket.create_connection(host_and_port(server.rest), timeout=server.timeout)


CHECKS = (
    offers_of_other_protocols_are_passed_over,
    gzip_bodies_are_inflated,
    byte_order_marks_are_passed_over,
    old_connections_are_kept,
    malformed_http_is_refused,
    queries_belong_to_the_path,
    browsers_may_ask_first,
)
