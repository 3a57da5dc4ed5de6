"""Starts `python -m aigc_tf serve` as a person would: a process of its own on free loopback ports."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from commands import ROOT

from aigc_tf.addresses import host_and_port


@dataclasses.dataclass(frozen=True)
class StandIn:
    """A running server: `rest` and `grpc` are its addresses, HOST:PORT; `base` is the base path of its first model."""

    process: subprocess.Popen
    rest: str
    grpc: str
    base: Path
    log: list[str]
    """Lines that it wrote to standard error so far."""


@contextlib.contextmanager
def serving(base: Path, *arguments: object, python: str = sys.executable, **options) -> Iterator[StandIn]:
    """`python -m aigc_tf serve BASE <arguments>` on free ports, ready; ended with SIGKILL where it still runs."""
    command = [python, "-m", "aigc_tf", "serve", base, "--port", 0, "--grpc-port", 0, *arguments]
    process = subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    log: list[str] = []
    reader = threading.Thread(target=lambda: log.extend(process.stderr), daemon=True)
    reader.start()
    try:
        line = process.stdout.readline()
        ready = re.search(r"http://(\S+) .* grpc://(\S+)", line)
        assert ready, f"not ready: {line!r}, exit {process.wait(30)}, {log}"
        yield StandIn(process, ready[1], ready[2], base, log)
    finally:
        process.kill()
        process.wait(30)
        reader.join(30)
        process.stdout.close()
        process.stderr.close()


def ask(address: str, path: str, body: object = None, method: str | None = None) -> tuple[int, dict]:
    """Status and JSON of one HTTP exchange: a POST of `body` (JSON, or bytes as they are), or a GET without one."""
    connection = http.client.HTTPConnection(address, timeout=60)
    with contextlib.closing(connection):
        text = body if body is None or isinstance(body, bytes) else json.dumps(body)
        connection.request(method or ("GET" if body is None else "POST"), path, text)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())


def refusal(address: str, path: str, body: object = None, method: str | None = None) -> tuple[int, str]:
    """Status and message of an exchange whose answer is an error, `{"error": message}` and nothing else."""
    status, answer = ask(address, path, body, method)
    assert set(answer) == {"error"}, answer
    return status, answer["error"]


def opened(server: StandIn) -> socket.socket:
    """A bare connection to its REST port."""
    return socket.create_connection(host_and_port(server.rest), timeout=30)


def answer_of(connection: socket.socket) -> tuple[int, dict]:
    """Status and JSON of the answer that comes next on a bare connection."""
    reply = http.client.HTTPResponse(connection)
    reply.begin()
    return reply.status, json.loads(reply.read())


def until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that a server does by itself."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
