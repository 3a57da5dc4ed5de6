"""Several real processes on this machine that train one model together, as machines would."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import warm
from commands import ROOT, wait_until

from aigc_tf.launch import local

SLOW = 400  # seconds in which even a crowded machine comes to an end
# One process that becomes all of them, where forks have the libraries already (see warm.py).
_FORKS = """
import json, os, runpy, sys
from pathlib import Path
folder = Path(sys.argv[1])
for index, (arguments, environment) in enumerate(json.loads((folder / "told").read_text())):
    pid = os.fork()
    if pid == 0:
        os.environ.update(environment)
        for end, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(folder / f"{index}.{name}", os.O_WRONLY | os.O_CREAT), end)
        sys.argv = ["train.py", *arguments]
        runpy.run_path("train.py", run_name="__main__")
        sys.exit("train.py tells no status")
    print(pid, flush=True)
for _ in range(index + 1):
    pid, status = os.wait()
    (folder / f"{pid}.new").write_text(str(os.waitstatus_to_exitcode(status)))
    (folder / f"{pid}.new").rename(folder / f"{pid}.status")
"""


@dataclasses.dataclass
class Worker:
    """One of the processes; its outputs and, once it has ended, its status lie in `folder`."""

    arguments: list[str]
    folder: Path
    index: int
    pid: int

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        file = self.folder / f"{self.pid}.status"
        return int(file.read_text()) if file.exists() else None

    def send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def communicate(self) -> tuple[str, str]:
        """What it printed, once it has ended."""
        wait_until(lambda: self.poll() is not None)
        out, err = (self.folder.joinpath(f"{self.index}.{name}").read_text() for name in ("out", "err"))
        return out, err

    def ended(self) -> subprocess.CompletedProcess:
        """It, once it has ended."""
        out, err = self.communicate()
        return subprocess.CompletedProcess(self.arguments, self.poll(), out, err)


@contextmanager
def started(count: int, *arguments: object, of_worker: dict[int, list[object]] | None = None) -> Iterator[list[Worker]]:
    """`count` processes of `train.py`, each told of all, and what differs on some; ended at last, whatever happens."""
    with contextlib.ExitStack() as held:
        environments = held.enter_context(local.told(count))
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        printed = held.enter_context(open(folder / "pids", "w"))
        commands = [
            [*map(str, (*arguments, "--strategy", "multi-worker", *(of_worker or {}).get(index, [])))]
            for index in range(count)
        ]
        (folder / "told").write_text(json.dumps(list(zip(commands, environments))))
        program = ["-c", _FORKS, str(folder)]
        if warm.AVAILABLE:
            parent = warm.Command(program, 2 * SLOW, ROOT, printed, printed)
        else:
            parent = subprocess.Popen([sys.executable, *program], cwd=ROOT, stdout=printed, stderr=printed)
        workers: list[Worker] = []
        try:
            wait_until(lambda: (folder / "pids").read_text().count("\n") == count or parent.poll() is not None)
            pids = map(int, (folder / "pids").read_text().split())
            workers = [Worker(command, folder, index, pid) for index, (command, pid) in enumerate(zip(commands, pids))]
            yield workers
        finally:
            for worker in workers:
                worker.send(signal.SIGKILL)
            parent.wait()


def ended(workers: list[Worker]) -> list[subprocess.CompletedProcess]:
    return [worker.ended() for worker in workers]


def together(count: int, *arguments: object, **options) -> list[subprocess.CompletedProcess]:
    """All of them, once they have ended."""
    with started(count, *arguments, **options) as workers:
        return ended(workers)
