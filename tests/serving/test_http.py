"""HTTP itself, around the JSON: what clients of all kinds send, answered as TensorFlow Serving answers it."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time

import pytest
from stand_in import StandIn, answer_of, ask, opened, refusal, serving

PREDICT = "/v1/models/digits:predict"
BODY = json.dumps({"instances": [7, 8]}).encode()
WHOLE = b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (BODY[:5], len(BODY) - 5, BODY[5:])
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"


@pytest.fixture(scope="module")
def expected(server) -> tuple[int, dict]:
    return ask(server.rest, PREDICT, BODY)


@pytest.fixture(scope="module")
def open_server(published) -> StandIn:
    """One for browsers, and on IPv6 where the machine has it."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        host = "[::1]"
    except OSError:
        host = "127.0.0.1"
    with serving(published, "--host", host, "--cors") as stand_in:
        assert stand_in.rest.startswith(f"{host}:") and stand_in.grpc.startswith(f"{host}:")
        yield stand_in


def post(framed: bytes, *headers: bytes) -> bytes:
    """A POST of `framed`, which ends the head and holds the body."""
    return b"POST %s HTTP/1.1\r\nHost: x\r\n" % PREDICT.encode() + b"".join(headers) + framed


@pytest.mark.parametrize("framed", [WHOLE, CHUNKED], ids=["whole", "chunked"])
@pytest.mark.parametrize("size", [1, 150, 10_000])
def test_an_offer_of_http_2_is_passed_over(server, expected, framed, size):
    """Java's HttpClient and `curl --http2` make it with each request; the connection stays one of HTTP/1.1."""
    look = b"GET /v1/models/digits HTTP/1.1\r\nHost: x\r\n" + OFFER + b"\r\n"
    sent = post(framed, OFFER) + look + post(framed) + post(framed, OFFER)
    with opened(server) as connection:
        for start in range(0, len(sent), size):
            connection.sendall(sent[start : start + size])
        answers = [next_answer(connection) for _ in range(4)]
    assert [answers[0], answers[2], answers[3]] == [expected] * 3
    assert answers[1] == ask(server.rest, "/v1/models/digits")


def next_answer(connection: socket.socket) -> tuple[int, dict]:
    """Of several in a row: reads byte by byte, so that nothing of the one behind it is taken along."""

    def received(size: int) -> bytes:
        piece = connection.recv(size)
        assert piece, "the server hung up"
        return piece

    head = body = b""
    while not head.endswith(b"\r\n\r\n"):
        head += received(1)
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    while len(body) < length:
        body += received(length - len(body))
    return int(head.split()[1]), json.loads(body)


def test_an_offer_without_a_body_ends_nothing(server):
    with opened(server) as connection:
        connection.sendall(post(b"Content-Length: 0\r\n\r\n", OFFER) + post(WHOLE))
        assert next_answer(connection)[0] == 400
        assert next_answer(connection)[0] == 200


@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
def test_a_gzip_body_is_inflated(server, expected, coding):
    assert exchange(server, gzip.compress(BODY), {"Content-Encoding": coding}) == expected


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        b"",
        gzip.compress(BODY)[:-1],
        gzip.compress(BODY) + b"more",
        gzip.compress(BODY[:5]) + gzip.compress(BODY[5:]),
        gzip.compress(BODY)[:-8] + bytes(8),
    ],
    ids=["plain", "empty", "cut", "more", "two members", "wrong sum"],
)
def test_a_gzip_body_that_is_none_is_refused(server, body):
    status, answer = exchange(server, body, {"Content-Encoding": "gzip"})
    assert status == 400
    assert "gzip" in answer["error"]


def exchange(server: StandIn, body: bytes, headers: dict[str, str]) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(server.rest, timeout=60)
    try:
        connection.request("POST", PREDICT, body, headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


def test_a_connection_of_http_1_0_is_kept_where_the_client_asks(server, expected):
    sent = post(WHOLE).replace(b"HTTP/1.1", b"HTTP/1.0")
    with opened(server) as connection:
        for _ in range(2):
            connection.sendall(sent.replace(b"Host: x", b"Connection: keep-alive"))
            reply = http.client.HTTPResponse(connection)
            reply.begin()
            assert (reply.getheader("connection"), reply.status, json.loads(reply.read())) == ("keep-alive", *expected)
        connection.sendall(sent)
        assert answer_of(connection) == expected
        assert connection.recv(1) == b""


def test_a_connection_may_rest_for_some_seconds(server, expected):
    """Clients keep connections in a pool, and a POST on one that was closed meanwhile is an error to many."""
    with opened(server) as connection:
        for pause in (6.0, 0.0):
            connection.sendall(post(WHOLE))
            assert next_answer(connection) == expected
            time.sleep(pause)


def test_every_method_has_an_answer_in_json(server):
    for method in ("TRACE", "PROPFIND"):
        assert refusal(server.rest, PREDICT, BODY, method)[0] == 501
        assert refusal(server.rest, "/monitoring/prometheus/metrics", BODY, method)[0] == 501
    with opened(server) as connection:
        connection.sendall(b"POST /monitoring/prometheus/metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"


def preflight(server: StandIn, path: str, origin: str | None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(server.rest, timeout=30)
    connection.request("OPTIONS", path, headers={} if origin is None else {"Origin": origin})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply


def test_browsers_may_ask_first_and_read_the_answers_with_cors_alone(server, open_server):
    allowed = "Access-Control-Allow-Origin"
    for subject, value in ((server, None), (open_server, "*")):
        for path in (PREDICT, "/v1/models/digits", "/v1/elsewhere"):
            reply = preflight(subject, path, "https://example.org")
            assert (reply.status, reply.getheader(allowed)) == (200, value)
            for origin in (None, "null"):
                assert preflight(subject, path, origin).status == 400
        assert preflight(subject, "/elsewhere", "https://example.org").status == 404
        with opened(subject) as connection:
            connection.sendall(post(WHOLE))
            reply = http.client.HTTPResponse(connection)
            reply.begin()
            assert (reply.status, reply.getheader(allowed)) == (200, value)
    reply = preflight(open_server, PREDICT, "https://example.org")
    assert reply.getheader("Access-Control-Allow-Methods") == "POST, GET"
    assert reply.getheader("Access-Control-Allow-Headers") == "Content-Type"
