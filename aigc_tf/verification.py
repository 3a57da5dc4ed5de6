"""Runs `verify_export` in a fresh process: the packages that we have, and nothing of this project's code."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from aigc_tf import contract
from aigc_tf.errors import UserError
from aigc_tf.modalities import MODALITIES

_SCRIPT = Path(__file__).with_name("verify_export.py")
_NOTE = "note: "
# The path is handed over since -I, which keeps out the folder that Python puts first in it, ignores PYTHONPATH and
# packages installed for the user as well. Where the path leads to this project, too, its name is barred.
_BARRED = """
import json, runpy, sys
sys.path[:] = json.loads(sys.argv[1])
sys.modules["aigc_tf"] = None
sys.argv[:] = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the script said of an export.

    Attributes:
        faults: a sentence each; none for a sound export.
        notes: what a person should know of an export that is sound all the same.
        answers: "answers sha256:…", the same in every process that loads a sound export; empty for others.
    """

    faults: list[str]
    notes: list[str] = dataclasses.field(default_factory=list)
    answers: str = ""


def verify(folder: Path, expected: Path | None = None) -> Verdict:
    """Check the export in `folder` by its contract; `expected` as for `verify_export`."""
    try:
        promised = contract.of_export(folder)
        MODALITIES.check(promised.content)
        text = promised.to_json()
        if (folder / contract.FILE).exists():
            text = (folder / contract.FILE).read_text(encoding="utf-8")  # which the export must tell word by word
    except UserError as error:
        return Verdict([str(error)])
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "contract.json")
        file.write_text(text, encoding="utf-8")
        # Links stay: one may stand for a path that TensorFlow cannot read from (see `paths.plain`).
        arguments = [str(path.absolute()) for path in (folder, file, expected) if path is not None]
        # What it prints is UTF-8, whatever the terminal speaks.
        command = [sys.executable, "-I", "-X", "utf8", "-c", _BARRED, json.dumps(_packages()), str(_SCRIPT), *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="backslashreplace", cwd=scratch)
    return _verdict(done)


def _verdict(done: subprocess.CompletedProcess[str]) -> Verdict:
    said = [line for line in done.stdout.split("\n") if line]
    notes = [line.removeprefix(_NOTE) for line in said if line.startswith(_NOTE)]
    others = [line for line in said if not line.startswith(_NOTE)]
    if not done.returncode:
        return Verdict([], notes, "\n".join(others))
    return Verdict(others or [f"the check itself broke off: {_reason(done)}"], notes)


def _packages() -> list[str]:
    """Python's path without what Python itself put first: the working directory, or the folder of the script."""
    started = {os.path.realpath(folder) for folder in ("", os.path.dirname(sys.argv[0]))}
    return sys.path[1:] if os.path.realpath(sys.path[0]) in started else sys.path


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        killed = signal.Signals(-done.returncode).name
        return f"killed by {killed}" + (" (out of memory?)" if killed == "SIGKILL" else "")
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit status {done.returncode}"
