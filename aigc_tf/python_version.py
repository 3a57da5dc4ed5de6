"""Says in one sentence, before anything else is imported, that this Python cannot run TensorFlow 2.15 with Addons.

Runs on any Python 3, so nothing newer than its first releases may stand here.
"""

import sys


def check():
    """Leave the process with exit status 2 unless it runs on a supported Python."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 11):
        version = ".".join(map(str, sys.version_info[:2]))
        sys.stderr.write(
            "aigc_tf needs Python 3.10 or 3.11 (TensorFlow 2.15 and TensorFlow Addons exist for no later one), "
            "but this is Python " + version + ": make the virtual environment with python3.11 -m venv .venv\n"
        )
        raise SystemExit(2)
