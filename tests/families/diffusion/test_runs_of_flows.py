"""What only a diffusion model's runs have: guidance from a server, other steps for the same weights, two replicas."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, assert_same_training, checkpoint_tensors, killed_behind, refused, run, succeed, train

BEGIN = ("--model", "diffusion", "--dataset", "synthetic", "--global-batch-size", 8, "--conditional", "--no-evaluate")
OFTEN = (
    "--log-every",
    4,
    "--sample-every",
    6,
    "--histogram-every",
    6,
    "--checkpoint-every",
    3,
    "--sampling-steps",
    2,
    "--base-channels",
    4,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    logs = tmp_path_factory.mktemp("logs")
    succeed(train(*BEGIN, *OFTEN, "--steps", 2, "--logs", logs, "--name", "run"))
    return logs / "run"


def test_replicas_and_mixed_precision_resume_exactly(tmp_path):
    """Killed between two points of the curves, so that half a mean has to be saved and restored on both replicas."""
    begin = (*BEGIN, *OFTEN, "--no-export", "--replicas", 2, "--mixed-precision", "--logs", tmp_path)
    succeed(train(*begin, "--steps", 5, "--name", "whole"))
    succeed(train("--resume", killed_behind(3, tmp_path / "whole", tmp_path / "parts")))
    assert_same_training(tmp_path / "whole", tmp_path / "parts")


def test_other_steps_and_another_sampler_are_published_from_the_same_weights(trained):
    before = checkpoint_tensors(trained)
    said = succeed(train("--resume", trained, "--sampler", "multistep", "--sampling-steps", 3, "--guidance", 2))
    assert "nothing left to train" in said and str(trained / "export" / "synthetic" / "2") in said
    assert all((tensor == before[name]).all() for name, tensor in checkpoint_tensors(trained).items())


def test_a_server_is_asked_for_guidance(trained, tmp_path):
    command = [sys.executable, "-m", "aigc_tf", "serve", str(trained / "export" / "synthetic")]
    ports, log = ("--port", "0", "--grpc-port", "0"), tmp_path / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen([*command, *ports], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as server,
    ):
        try:
            address = re.search(r"http://(\S+) ", server.stdout.readline())[1]
            ask = (
                "-m",
                "aigc_tf",
                "generate",
                "--server",
                address,
                "--model",
                "synthetic",
                "--count",
                2,
            )
            for name, guidance in {"usual": (), "one": ("--guidance", 1), "three": ("--guidance", 3)}.items():
                succeed(run(*ask, "--class", 1, *guidance, "--out", tmp_path / name))
            assert "guidance 11 must be from 0 to 10" in refused(run(*ask, "--guidance", 11, "--out", tmp_path / "no"))
            made = {name: (tmp_path / name / "00000000-1.png").read_bytes() for name in ("usual", "one", "three")}
            assert made["three"] != made["one"]
            assert "remapper failed" not in log.read_text()  # as TensorFlow's does on some sums of two layers
        finally:
            server.kill()
