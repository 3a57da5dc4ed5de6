"""What holds for a GAN's training, for every family: exact resuming after a kill, replicas, mixed precision, faults.

The other families' runs are short here, since the rooms around their steps are the same, and tested with the GAN.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import pytest
from commands import (
    ROOT,
    assert_same_training,
    few_digits,
    last_step,
    logged,
    refused,
    run,
    signal_when,
    succeed,
    train,
)

from aigc_tf import contract
from aigc_tf.families import FAMILIES

# By family: small settings, those with which weights overflow at once, and the signature that is steered.
SMALL = {"diffusion": ("--sampling-steps", 2)}
EXPLOSIVE = {"diffusion": ("--optimizer", "rmsprop", "--learning-rate", 10)}
STEERED = {"diffusion": "guided"}
OFTEN = ("--log-every", 2, "--sample-every", 6, "--histogram-every", 6, "--checkpoint-every", 3)
QUICK = ("--dataset", "synthetic", "--global-batch-size", 8, *OFTEN, "--no-evaluate", "--no-export")

each_family = pytest.mark.parametrize("family", SMALL)


def test_every_other_family_is_tested():
    assert SMALL.keys() == EXPLOSIVE.keys() == STEERED.keys() == FAMILIES.keys() - {"gan"}


@each_family
def test_a_killed_run_goes_on_as_if_nothing_had_been(tmp_path, family):
    begin = ["train.py", "--model", family, *QUICK, *SMALL[family], "--steps", 9, "--logs", tmp_path]
    killed = tmp_path / "killed"
    process = signal_when([*begin, "--name", "killed"], signal.SIGKILL, lambda: last_step(killed) >= 4)
    assert process.returncode == -signal.SIGKILL
    assert "going on from step" in succeed(train("--resume", killed))
    succeed(run(*begin, "--name", "whole"))
    assert_same_training(tmp_path / "whole", killed)


@each_family
def test_replicas_labels_and_mixed_precision_resume_exactly(tmp_path, family):
    """Stopped between two points of the curves, so that half a mean has to be saved and restored on both replicas."""
    more = ("--replicas", 2, "--conditional", "--mixed-precision", "--log-every", 4)
    begin = ("--model", family, *QUICK, *SMALL[family], *more, "--logs", tmp_path)
    succeed(train(*begin, "--steps", 3, "--name", "parts"))
    succeed(train("--resume", tmp_path / "parts", "--steps", 5))
    succeed(train(*begin, "--steps", 5, "--name", "whole"))
    assert_same_training(tmp_path / "whole", tmp_path / "parts")


@each_family
def test_divergence_stops_the_run_or_halves_its_rates(tmp_path, family):
    begin = ("--model", family, *QUICK, *EXPLOSIVE[family], "--steps", 4, "--logs", tmp_path)
    line = refused(train(*begin, "--name", "stopped"), status=1)
    assert re.search(r"diverged: .* became (inf|nan) by step \d; .*step 0.*--on-divergence rollback", line), line
    assert logged(tmp_path / "stopped") == []
    done = train(*begin, "--name", "back", "--on-divergence", "rollback")
    assert "after 3 rollbacks" in refused(done, status=1) and done.stderr.count("back to step 0") == 3


@each_family
def test_a_run_is_judged_published_verified_and_served(tmp_path, family):
    data = few_digits(tmp_path, 40, 20, SMALL[family])
    succeed(train("--model", family, *data, *OFTEN, "--conditional", "--logs", tmp_path, "--name", "run", "--steps", 2))
    (file,) = (tmp_path / "run" / "evaluation").glob("2.json")
    record = json.loads(file.read_text())
    assert {"fd_lenet", "label_accuracy"} <= record["measures"].keys()
    assert set(FAMILIES[family].measures) <= record["measures"].keys()
    version = tmp_path / "run" / "export" / "mnist" / "1"
    assert "is sound" in succeed(run("-m", "aigc_tf", "verify", version))
    again = tmp_path / "again.json"
    succeed(run("evaluate.py", version.parent, "--json", again))
    figures = json.loads(again.read_text())["measures"]
    for name in ("fd_lenet", *FAMILIES[family].measures):
        assert figures[name]["value"] == pytest.approx(record["measures"][name]["value"], rel=1e-3), name
    command = [sys.executable, "-m", "aigc_tf", "serve", str(version.parent), "--port", "0", "--grpc-port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://(\S+) ", server.stdout.readline())[1]
            ask = ("-m", "aigc_tf", "generate", "--server", address, "--model", "mnist", "--class", 3, "--count", 3)
            succeed(run(*ask, "--out", tmp_path / "usual"))
            for control, value in contract.of_export(version).signatures[STEERED[family]].inputs.items():
                if control not in ("seed", "label"):
                    succeed(run(*ask, f"--{control}", value.maximum, "--out", tmp_path / control))
                    assert len([*(tmp_path / control).iterdir()]) == 3
                    assert "must be from" in refused(run(*ask, f"--{control}", value.maximum + 1, "--out", tmp_path))
            conforms = run("-m", "aigc_tf", "conformance", address, "--model", "mnist", "--seconds", 1)
            assert conforms.returncode == 0, conforms.stdout + conforms.stderr
        finally:
            server.kill()
