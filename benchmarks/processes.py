"""What Linux tells of this machine, and of another process that runs on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

CORES = len(os.sched_getaffinity(0))  # those that a process may use


def cpu_seconds(pid: int) -> float:
    """CPU seconds that all its threads have spent so far, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int, what: Literal["VmRSS", "VmHWM"]) -> int:
    """Memory that it holds (VmRSS) or held at most since its program began (VmHWM); 0 once it has ended.

    The figure that `wait` gives at the end is no substitute: there a child inherits its parent's peak.
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return 1024 * int(line.split()[1])
    return 0
