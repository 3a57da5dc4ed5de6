"""What somebody may send who wishes the server ill: each gets a clear refusal, and the next client is served."""

from __future__ import annotations

import contextlib
import gzip
import time
import tracemalloc

import numpy as np
import pytest
from stand_in import StandIn, answer_of, ask, opened, refusal, serving

from aigc_tf.serving import request_body

PREDICT = "/v1/models/digits:predict"
RECEIVE_SECONDS = 1.5
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def strict(published) -> StandIn:
    """A server of its own with tight limits."""
    limits = (
        "--receive-seconds",
        RECEIVE_SECONDS,
        "--max-queued-rows",
        100,
        "--max-connections",
        40,
        "--max-answer-bytes",
        50_000,
    )
    with serving(published, *limits) as stand_in:
        yield stand_in


@pytest.fixture(autouse=True)
def alive(strict):
    """After each attack it serves, in the same process."""
    yield
    status, answer = ask(strict.rest, PREDICT, {"instances": [1, 2]})
    assert (status, len(answer["predictions"])) == (200, 2)
    assert strict.process.poll() is None
    assert not [line for line in strict.log if "Traceback" in line], strict.log


def test_a_body_of_100_mb_is_refused_by_its_declared_length(strict):
    with opened(strict) as connection:
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n{" % PREDICT.encode())
        status, answer = answer_of(connection)
    assert status == 413
    assert "larger than 8388608 bytes" in answer["error"]


def test_a_body_of_100_mb_without_a_length_is_refused_on_the_way(strict):
    piece = b"%x\r\n" % 2**20 + b" " * 2**20 + b"\r\n"
    with opened(strict) as connection:
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % PREDICT.encode())
        with contextlib.suppress(ConnectionError):  # it may well hang up before all of it is sent
            for _ in range(100):
                connection.sendall(piece)
        status, answer = answer_of(connection)
    assert status == 413
    assert "larger than" in answer["error"]


def test_many_rows(strict):
    rows = b"1," * 4_000_000 + b"1"
    status, error = refusal(strict.rest, PREDICT, b'{"instances": [' + rows + b"]}")
    assert status == 400
    assert "4000001 rows, expected 1 to 4096" in error


def test_a_full_queue_refuses_and_recovers(strict):
    status, error = refusal(strict.rest, PREDICT, {"instances": list(range(101))})
    assert status == 503
    assert "queue of this signature is full" in error


def test_an_answer_too_large_is_refused_before_it_is_computed(strict):
    status, error = refusal(strict.rest, PREDICT, {"signature_name": "sample", "inputs": list(range(90))})
    assert status == 400
    most = int(error.split("ask for at most ")[1].split()[0])
    status, answer = ask(strict.rest, PREDICT, {"signature_name": "sample", "inputs": list(range(most))})
    assert (status, np.float32(answer["outputs"]).nbytes <= 50_000) == (200, True)
    assert refusal(strict.rest, PREDICT, {"signature_name": "sample", "inputs": list(range(most + 1))})[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/../../../../etc/passwd",
        "/v1/models/..%2f..%2fetc:predict",
        "/v1/models/%2e%2e/%2e%2e/etc/passwd",
        "/v1/models/digits%00:predict",
        "/v1/models/digits/labels/..%2f..%2f1:predict",
        "/v1/models/digits/../digits/versions/1:predict",
        "/v1/models/%ff%fe:predict",
        "/etc/passwd",
        "/v1/models/" + "a" * 10_000 + ":predict",
    ],
)
def test_names_are_never_paths(strict, path):
    for body in (None, {"instances": [1]}):
        status, error = refusal(strict.rest, path, body)
        assert status in (400, 404)
        assert "root:" not in error


def test_a_head_without_end_is_cut(strict):
    with opened(strict) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nx: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                connection.sendall(b"a" * 1000)
                time.sleep(0.001)
        with contextlib.suppress(ConnectionError):
            assert b" 431 " in connection.recv(100)


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /v1/mod",
        b"GET /v1/models/digits HTTP/1.1\r\nHost: x\r\n",
        b"POST /v1/models/digits:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
    ],
    ids=["silent", "in the path", "in the headers", "in the body"],
)
def test_whoever_sends_drop_by_drop_is_cut_off(strict, begun):
    """A byte now and then must not keep a connection: the whole request has a deadline."""
    with opened(strict) as connection:
        connection.sendall(begun)
        connection.settimeout(0.2)
        start = time.monotonic()
        received = None
        while received is None and time.monotonic() - start < 20:
            try:
                received = connection.recv(1000)
            except TimeoutError:
                connection.sendall(b"a" if begun else b"\r\n")
    assert b" 408 " in received
    assert RECEIVE_SECONDS * 0.9 < time.monotonic() - start < RECEIVE_SECONDS + 10


def test_more_connections_than_allowed_are_turned_away(strict):
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(opened(strict))
        time.sleep(0.2)
        assert refusal(strict.rest, "/v1/models/digits") == (503, "too many connections; try again later")
        time.sleep(RECEIVE_SECONDS + 1)
        assert ask(strict.rest, "/v1/models/digits")[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /v1/models/digits HTTP/1.1\r\nno header\r\n\r\n",
        b"GET /v1/models/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT digits:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/models/digits:predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/models/digits:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_json(strict, sent):
    with opened(strict) as connection:
        connection.sendall(sent)
        assert answer_of(connection) == (400, {"error": "Bad Request"})
        assert connection.recv(1) == b""


def test_a_body_that_inflates_to_100_mb_is_refused(strict):
    bomb = gzip.compress(b" " * 100_000_000)
    for declared in (b"Content-Length: %d\r\n\r\n%s" % (len(bomb), bomb), CHUNKED % (len(bomb), bomb)):
        with opened(strict) as connection:
            connection.sendall(b"POST %s HTTP/1.1\r\nContent-Encoding: gzip\r\n" % PREDICT.encode() + declared)
            status, answer = answer_of(connection)
        assert status == 413
        assert "larger than 8388608 bytes" in answer["error"]


def test_inflating_takes_no_more_memory_than_is_allowed():
    bomb = gzip.compress(bytes(64 * 2**20))
    tracemalloc.start()
    assert request_body.inflate(bomb, 2**20) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20
    for size in (2**20 - 1, 2**20):
        assert request_body.inflate(gzip.compress(bytes(size)), 2**20) == bytes(size)
    assert request_body.inflate(gzip.compress(bytes(2**20 + 1)), 2**20) is None
