"""oneDNN is on from the first import, and a run goes on with what it began with."""

from __future__ import annotations

import json
import os
import platform

import pytest
from commands import TINY, run, succeed, train

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="oneDNN is for x86 processors")


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != name}


def test_any_import_of_the_package_switches_it_on():
    script = f"import os, aigc_tf.errors; print(os.environ['{VARIABLE}'])"
    assert succeed(run("-c", script, env=without(VARIABLE))) == "1\n"
    assert succeed(run("-c", script, env={**os.environ, VARIABLE: "0"})) == "0\n"


def test_a_run_goes_on_as_it_began(tmp_path):
    def variables(file: str) -> dict[str, str]:
        return json.loads((tmp_path / "a" / file).read_text())["tensorflow_variables"]

    def go_on(steps: int, env: dict[str, str]) -> str:
        done = train("--resume", tmp_path / "a", "--steps", steps, env=env)
        succeed(done)
        return done.stderr

    begin = [*TINY, "--steps", 10, "--no-evaluate", "--no-export", "--logs", tmp_path, "--name", "a"]
    succeed(train(*begin, env=without(VARIABLE)))
    assert variables("environment.json")[VARIABLE] == "1"
    assert f"{VARIABLE}=1 and is now used with 0" in go_on(20, {**os.environ, VARIABLE: "0"})
    assert VARIABLE not in go_on(30, without(VARIABLE))
    assert variables("environment-from-step-20.json")[VARIABLE] == "0"

    for file in (tmp_path / "a").glob("environment*"):
        file.unlink()  # as of a run that began before the package chose
    assert "TensorFlow's own choice about oneDNN" in go_on(40, without(VARIABLE))
    assert VARIABLE not in variables("environment-from-step-30.json")
