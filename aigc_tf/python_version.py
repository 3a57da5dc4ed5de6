"""Says in one sentence, before anything else is imported, that this Python cannot run the product.

Runs on any Python 3, so nothing newer than its first releases may stand here.
"""

import sys


def check():
    """Leave the process with exit status 2 unless it runs on a supported Python."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        version = ".".join(map(str, sys.version_info[:2]))
        sys.stderr.write(
            "aigc_tf needs Python 3.10 to 3.13 (TensorFlow 2.15 or 2.21 exists for no other one), "
            "but this is Python " + version + ": make the virtual environment with python3.11 -m venv .venv, "
            "or with uv as README.md shows\n"
        )
        raise SystemExit(2)
