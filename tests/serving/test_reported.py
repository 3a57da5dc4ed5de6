"""What the report of a run says one can do with its model works when it is done."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from commands import run, succeed

from aigc_tf.report import using
from aigc_tf.run_folder import RunFolder


def test_the_question_in_a_report_is_answered_with_a_file(server, published, tmp_path):
    (tmp_path / "export").symlink_to(published.parent)
    (model,) = using.models(RunFolder(tmp_path))
    assert (model.name, model.version) == ("digits", 2)
    asked = model.commands["Ask any of them"].replace("localhost:8501", server.rest)
    asked = asked.replace("| python ", f"| {shlex.quote(sys.executable)} ")
    past_the_proxy = {**os.environ, "no_proxy": "127.0.0.1"}  # that tests set
    done = subprocess.run(
        asked, shell=True, cwd=tmp_path, env=past_the_proxy, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    arguments = ["--seed", 7, "--count", 1, "--out", tmp_path / "out"]
    succeed(run("-m", "aigc_tf", "generate", published, *arguments))
    (file,) = Path(tmp_path / "out").glob("*.png")
    assert (tmp_path / "7.png").read_bytes() == file.read_bytes()
