"""Several stand-ins that read one model config, each at a pace of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import tensorflow as tf
from commands import ROOT

# `python -m aigc_tf serve` itself, but for how often it looks.
_SERVE = """
import sys
from aigc_tf import cli
from aigc_tf.serving import models
assert models._POLL_SECONDS > 0
models._POLL_SECONDS = float(sys.argv[1])
sys.exit(cli.main(["serve", *sys.argv[2:]]))
"""


@dataclasses.dataclass(frozen=True)
class Member:
    """A running server at `address`, HOST:PORT; `log` are the lines that it wrote to standard error so far."""

    process: subprocess.Popen
    address: str
    poll: float
    log: list[str]

    def get(self, path: str, body: object = None) -> tuple[int, dict]:
        """Status and JSON of an exchange below /v1/models/: a POST of `body`, or a GET without one."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        with contextlib.closing(connection):
            text = None if body is None else json.dumps(body)
            connection.request("GET" if body is None else "POST", f"/v1/models/{path}", text)
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())

    def answer(self, label: str, model: str = "digits") -> str:
        """The number of the version that answers for a label; the error where none does."""
        _, reply = self.get(f"{model}/labels/{quote(label, safe='')}:predict", {"instances": [0]})
        return reply["predictions"][0] if "predictions" in reply else reply["error"]

    def available(self, model: str = "digits") -> list[int]:
        """The versions that it has loaded, in order."""
        _, reply = self.get(model)
        rows = reply["model_version_status"]
        return sorted(int(row["version"]) for row in rows if row["state"] == "AVAILABLE")

    @contextlib.contextmanager
    def asleep(self) -> Iterator[None]:
        """It reads nothing meanwhile."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


class _Number(tf.Module):
    """A model that answers with the number of its version."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = str(number)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="seed")])
    def serve(self, seed):
        return {"number": tf.fill(tf.shape(seed), self._number)}


def publish(base: Path, count: int) -> None:
    """Versions 1 to `count` of a model."""
    for number in range(1, count + 1):
        module = _Number(number)
        tf.saved_model.save(module, str(base / str(number)), signatures=module.serve)


@contextlib.contextmanager
def serving(config: Path, *polls: float) -> Iterator[list[Member]]:
    """A server of a model config for each number of seconds between two looks; all are ready."""
    command = [sys.executable, "-c", _SERVE]
    rest = ["--model-config", config, "--port", 0, "--grpc-port", 0]
    processes = [
        subprocess.Popen(
            list(map(str, [*command, poll, *rest])),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for poll in polls
    ]
    members = []
    try:
        for process, poll in zip(processes, polls):
            log: list[str] = []
            threading.Thread(target=log.extend, args=(process.stderr,), daemon=True).start()
            ready = re.search(r"http://(\S+) ", process.stdout.readline())
            assert ready, f"not ready: exit {process.wait(30)}, {log}"
            members.append(Member(process, ready[1], poll, log))
        yield members
    finally:
        for process in processes:
            process.kill()
            process.wait(30)


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that a server does by itself."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
