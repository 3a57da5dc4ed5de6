"""What was begun on one lane goes on in the other: TensorFlow 2.15 on Python 3.10 and 3.11, 2.21 on later ones.

With or without a Python of the other lane (see other_lane.py) test_run_of_before.py takes on what the other lane once
made, and compares how its run goes on.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest
from commands import logged, run, succeed
from other_lane import NEEDS_OTHER, OTHER, elsewhere, run_in

pytestmark = NEEDS_OTHER


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
