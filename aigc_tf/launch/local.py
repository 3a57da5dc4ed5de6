"""Start several workers of one training on this machine: `python -m aigc_tf.launch.local --workers 2 -- --steps 100`.

What stands behind `--` are the flags of train.py. It is the way to see on one machine what several do; it makes nothing
faster, since all the processors and GPUs of one machine train together without it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

from tyro.conf import arg

from aigc_tf import interruption
from aigc_tf.command_line import guarded, parse
from aigc_tf.errors import UserError
from aigc_tf.launch import command

_MOST = 64


@dataclasses.dataclass(frozen=True)
class Local:
    """Start several workers of one training on this machine: the flags of train.py follow behind --.

    Exit status: that of the first worker that failed, else that of all.
    """

    workers: Annotated[int, arg(help="Processes to start.")] = 2

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= _MOST:
            raise UserError(f"--workers {self.workers} must be from 1 to {_MOST}")


@contextmanager
def told(count: int) -> Iterator[list[dict[str, str]]]:
    """What the environment of each of `count` processes on this machine says beside all else.

    Their ports are kept from all others until the end: a socket that listens to nobody holds each, which TensorFlow's
    own shares.
    """
    with contextlib.ExitStack() as held:
        addresses = []
        for _ in range(count):
            holder = held.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind(("127.0.0.1", 0))
            addresses.append(f"127.0.0.1:{holder.getsockname()[1]}")
        yield [
            {
                "TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}),
                "TF_GRPC_REUSE_PORT": "1",
                "no_proxy": command.not_by_proxy(["127.0.0.1"]),
            }
            for index in range(count)
        ]


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status."""
    own, flags = command.divided(arguments)
    workers = parse(Local, own, "python -m aigc_tf.launch.local").workers
    with told(workers) as environments:
        processes: list[subprocess.Popen] = []
        _pass_on_signals(processes)
        try:
            for each in environments:
                processes.append(subprocess.Popen(command.of_worker(flags), env={**os.environ, **each}))
        except OSError:
            for process in processes:
                process.terminate()
            raise
        statuses = [process.wait() for process in processes]
    failed = [status for status in statuses if status]
    return failed[0] if failed and failed[0] > 0 else 1 if failed else 0


def _pass_on_signals(processes: list[subprocess.Popen]) -> None:
    """From here on what ends this process ends its workers, which end in order. A terminal sends Ctrl-C to all of them
    itself, and one of theirs must not be two."""

    def pass_on(number: int, _: object) -> None:
        for process in processes:
            if process.poll() is None:
                process.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, lambda *_: None)


if __name__ == "__main__":
    interruption.leave_imports_at_once()
    raise SystemExit(guarded(lambda: main(sys.argv[1:])))
