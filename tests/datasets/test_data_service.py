"""The programs of docs/scaling.md with which one process makes our batches, and another reads them."""

from __future__ import annotations

import socket
import subprocess
import sys

from commands import ROOT, wait_until

COMPARE = """
assert 50 * 64 > data.count("train")  # more than an epoch
pairs = list(zip(stream.take(50), served.take(50)))
for direct, other in pairs:
    assert direct.keys() == other.keys() and all((direct[name] == other[name]).numpy().all() for name in direct)
print(len(pairs), "alike")
"""


def programs(port: int) -> tuple[str, str]:
    """That of the worker and that of the reader, with another port."""
    section = (ROOT / "docs/scaling.md").read_text().partition("## tf.data service")[2].partition("\n## ")[0]
    blocks = [part for part in section.split("\n\n") if part.startswith("    ")]
    worker, reader = ("\n".join(line[4:] for line in block.splitlines()) for block in blocks)
    assert worker.count("5050") == 2 and reader.count("5050") == 1
    return worker.replace("5050", str(port)), reader.replace("5050", str(port))


def listens(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def test_another_process_makes_the_same_batches_in_the_same_order(monkeypatch):
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    worker, reader = programs(port)
    process = subprocess.Popen([sys.executable, "-c", worker], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port), process)
        reading = subprocess.run([sys.executable, "-c", reader + COMPARE], capture_output=True, text=True, timeout=300)
    finally:
        process.kill()
        process.wait()
    assert reading.returncode == 0 and reading.stdout.endswith("50 alike\n"), reading.stderr
