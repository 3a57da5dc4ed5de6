"""A Python of the other lane, and what it and this one made, to be passed to and fro.

AIGC_TF_OTHER_PYTHON is the path of a Python of the other lane in which requirements.txt is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import warm
from commands import ROOT, run, succeed

OTHER = os.environ.get("AIGC_TF_OTHER_PYTHON", "")
NEEDS_OTHER = pytest.mark.skipif(not OTHER, reason="AIGC_TF_OTHER_PYTHON names no Python of the other lane")


def elsewhere(*arguments: object) -> subprocess.CompletedProcess:
    """The finished command of the other lane's Python, as `commands.run` gives one of this."""
    told = list(map(str, arguments))
    if warm.AVAILABLE:
        return warm.run_by(OTHER, told, 300)
    return subprocess.run([OTHER, *told], cwd=ROOT, capture_output=True, text=True, timeout=300)


def run_in(python: str, *arguments: object) -> str:
    """What a command printed that succeeded."""
    return succeed(run(*arguments) if python == sys.executable else elsewhere(*arguments))
