"""The real command, once."""

import json

import pytest
from commands import run, succeed


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    flags = ["--dataset", "synthetic", "--global-batch-size", 8]
    succeed(run("-m", "benchmarks.start_up", "--repetitions", 1, "--results", folder, *flags))
    return folder


@pytest.fixture(scope="module")
def figures(results):
    return json.loads((results / "start_up.json").read_text())


def test_stages_follow_each_other(figures):
    for unit in ("seconds", "cpu_seconds"):
        times = [figures["commands"][stage][0][unit] for stage in ("run folder", "model", "first step")]
        assert 0 < times[0] < times[1] < times[2] < 120


def test_help_needs_a_fraction_of_the_import(figures):
    commands = figures["commands"]
    for name in ("train.py --help", "evaluate.py --help", "python -m aigc_tf --help"):
        assert 0 < commands[name][0]["cpu_seconds"] < commands["import"][0]["cpu_seconds"] / 2


def test_flags_are_passed_on_and_told(figures, results):
    assert figures["flags"] == ["--dataset", "synthetic", "--global-batch-size", "8"]
    assert "`train.py --dataset synthetic --global-batch-size 8 --steps 1`" in (results / "start_up.md").read_text()


def test_a_command_that_fails_fails_the_benchmark(tmp_path):
    done = run("-m", "benchmarks.start_up", "--repetitions", 1, "--results", tmp_path, "--dataset", "none")
    assert done.returncode != 0
    assert "'none' is not one of the datasets" in done.stderr
    assert not list(tmp_path.iterdir())
