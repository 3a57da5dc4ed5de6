"""What was begun on one lane goes on in the other: TensorFlow 2.15 on Python 3.10 and 3.11, 2.21 on later ones.

AIGC_TF_OTHER_PYTHON is the path of a Python of the other lane in which requirements.txt is installed. With or without
it test_run_of_before.py takes on what the other lane once made, and compares how its run goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, logged, run, succeed
from serving.stand_in import ask, serving

OTHER = os.environ.get("AIGC_TF_OTHER_PYTHON", "")
pytestmark = pytest.mark.skipif(not OTHER, reason="AIGC_TF_OTHER_PYTHON names no Python of the other lane")
SMALL = [
    *("--dataset", "synthetic", "--network", "mlp", "--generator-widths", 16, "--discriminator-widths", 16),
    *("--latent-dim", 4, "--global-batch-size", 8, "--conditional", "--flip", 0.5),
    *("--log-every", 5, "--sample-every", 10, "--histogram-every", 10, "--checkpoint-every", 10, "--no-evaluate"),
]


def elsewhere(*arguments: object) -> subprocess.CompletedProcess:
    """The finished command of the other lane's Python, as `commands.run` gives one of this."""
    return subprocess.run([OTHER, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=300)


def run_in(python: str, *arguments: object) -> str:
    """What a command printed that succeeded."""
    return succeed(run(*arguments) if python == sys.executable else elsewhere(*arguments))


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """Folders of the same run of 20 steps, exported at its end, as each Python made it."""
    logs = tmp_path_factory.mktemp("logs")
    for name, python in (("here", sys.executable), ("there", OTHER)):
        run_in(python, "train.py", *SMALL, "--steps", 20, "--logs", logs, "--name", name)
    return {sys.executable: logs / "here", OTHER: logs / "there"}


@pytest.fixture(params=["from there", "from here"])
def ways(request) -> tuple[str, str]:
    """The Python that began and the one that goes on."""
    return (OTHER, sys.executable) if request.param == "from there" else (sys.executable, OTHER)


def test_the_other_python_is_of_the_other_lane():
    asked = "from aigc_tf import legacy_keras; print(legacy_keras.APART)"
    assert {succeed(elsewhere("-c", asked)), succeed(run("-c", asked))} == {"True\n", "False\n"}


def test_both_learn_the_same_but_for_last_digits(runs):
    lines, others = logged(runs[sys.executable]), logged(runs[OTHER])
    assert [line.keys() for line in lines] == [line.keys() for line in others]
    for line, other in zip(lines, others):
        values, expected = ({**each, "speed/images_per_second": 0} for each in (line, other))
        assert values == pytest.approx(expected, rel=1e-2, abs=1e-2)


def test_a_run_goes_on_is_judged_and_published_in_the_other(ways, runs, tmp_path):
    begun, going_on = ways
    folder = Path(shutil.copytree(runs[begun], tmp_path / "run"))
    run_in(going_on, "train.py", "--resume", folder, "--steps", 30)
    lines = logged(folder)
    assert [line["step"] for line in lines] == [5, 10, 15, 20, 25, 30]
    assert lines[:4] == logged(runs[begun])
    run_in(going_on, "evaluate.py", folder, "--num-samples", 200)
    assert "fd_lenet" in json.loads((folder / "evaluation" / "30.json").read_text())["measures"]
    assert "is sound" in run_in(begun, "-m", "aigc_tf", "verify", folder / "export" / "synthetic" / "2")


def test_an_export_is_sound_and_served_in_the_other_with_the_same_pictures(ways, runs, tmp_path):
    begun, going_on = ways
    base = runs[begun] / "export" / "synthetic"
    assert "is sound" in run_in(going_on, "-m", "aigc_tf", "verify", base / "1")
    made: dict[str, np.ndarray] = {}
    for python in ways:
        file = tmp_path / f"{len(made)}.npz"
        run_in(python, "-m", "aigc_tf", "generate", base / "1", "--count", 16, "--format", "npz", "--out", file)
        made[python] = np.load(file)["images"].astype(int)
    assert np.abs(made[begun] - made[going_on]).max() <= 1
    with serving(base, python=going_on) as server:
        asked = [server.rest, "--grpc", server.grpc, "--model", "synthetic", "--seconds", 0.2]
        assert "FAIL" not in run_in(begun, "-m", "aigc_tf", "conformance", *asked)
        status, answer = ask(server.rest, "/v1/models/synthetic:predict", {"instances": [{"seed": 1, "label": 0}]})
        assert status == 200 and answer["predictions"][0].keys() == {"b64"}
