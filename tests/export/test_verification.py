"""The process that checks an export: it has our packages, wherever they are, and none of our code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, succeed

from aigc_tf import verification


def packages_by_pythonpath_alone(command: list[object], python: str, **options) -> subprocess.CompletedProcess:
    """Run by a Python that has no packages of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    arguments = [python, *map(str, command)]
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, **options)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs the bare Python behind a virtual environment")
def test_packages_in_pythonpath_are_packages_too(published, tmp_path):
    python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    assert subprocess.run([python, "-I", "-c", "import tensorflow"], capture_output=True).returncode
    done = packages_by_pythonpath_alone(["-m", "aigc_tf", "verify", published], str(python), cwd=tmp_path)
    assert "is sound; answers sha256:" in succeed(done)


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A script in place of `verify_export`, from its text."""

    def put(text: str) -> None:
        (tmp_path / "script.py").write_text(text, "utf-8")
        monkeypatch.setattr(verification, "_SCRIPT", tmp_path / "script.py")

    return put


def test_our_code_cannot_be_imported_there(script, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.chdir(ROOT)
    script("try:\n    import aigc_tf\nexcept ImportError as error:\n    print('answers', error.name)\n")
    assert verification.verify(tmp_path).answers == "answers aigc_tf"


@pytest.mark.parametrize("by", ["working directory", "script"])
def test_what_lies_where_we_were_started_cannot_be_imported_there(script, tmp_path, monkeypatch, by):
    """As Python puts it first in the path: the working directory under -m, else the script's folder."""
    started = tmp_path / "started"
    started.mkdir()
    (started / "stray.py").write_text("")
    monkeypatch.syspath_prepend(str(started))
    monkeypatch.chdir(started if by == "working directory" else tmp_path)
    monkeypatch.setattr(sys, "argv", [str(started / "train.py")] if by == "script" else sys.argv)
    script("import stray")
    (fault,) = verification.verify(tmp_path).faults
    assert "No module named 'stray'" in fault
    monkeypatch.setattr(sys, "path", ["", *sys.path])  # what a person put into the path stays there
    script("import stray; print('answers')")
    assert verification.verify(tmp_path).answers == "answers"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "import no_such_package",
            "ModuleNotFoundError: No module named 'no_such_package'",
        ),
        (
            f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})",
            "killed by SIGKILL (out of memory?)",
        ),
        ("raise SystemExit(3)", "exit status 3"),
    ],
)
def test_a_check_that_cannot_run_is_told_in_a_sentence(script, tmp_path, text, fault):
    script(text)
    verdict = verification.verify(tmp_path)
    assert not verdict.answers
    (told,) = verdict.faults
    assert told == f"the check itself broke off: {fault}"


def test_faults_of_an_export_are_told_in_any_script(script, tmp_path):
    script("print('größer ↑'); raise SystemExit(1)")
    assert verification.verify(tmp_path).faults == ["größer ↑"]
