"""What a process gives back of its memory."""

import platform
import subprocess
import sys

import pytest


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide by themselves what they keep")
def test_what_was_freed_is_given_back_to_the_system():
    program = (
        "import mmap\n"
        "from pathlib import Path\n"
        "from aigc_tf import memory\n"
        "def megabytes():\n"
        "    return int(Path('/proc/self/statm').read_text().split()[1]) * mmap.PAGESIZE / 1e6\n"
        "pieces = [bytes(5000) for _ in range(20_000)]\n"  # 100 MB, each too small for a mapping of its own
        "del pieces[:-1]\n"  # the last one lies behind them, and keeps the heap from shrinking
        "kept = megabytes()\n"
        "memory.give_back()\n"
        "print(kept - megabytes())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert float(done.stdout) > 90


def test_a_c_library_that_knows_nothing_of_it_is_asked_for_nothing(monkeypatch):
    from aigc_tf import memory

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.give_back()
