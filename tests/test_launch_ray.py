"""Ray starts the workers of one training, and starts them anew; what needs no Ray is tested without it."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, TINY, assert_same_training, last_step, refused, run, succeed, wait_until
from together import SLOW, together

from aigc_tf import checkpoint_files
from aigc_tf.errors import UserError
from aigc_tf.launch.ray import Training

HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="an extra: requirements-ray.txt")
LAUNCH = ("-m", "aigc_tf.launch.ray")
QUICK = [
    *("--dataset", "synthetic", "--no-evaluate", "--no-export", "--network", "mlp", "--latent-dim", 4),
    *("--log-every", 10, "--sample-every", 10_000, "--histogram-every", 10_000, "--checkpoint-every", 20),
]


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_a_sentence_says_what_to_install():
    told = refused(run(*LAUNCH, "--", *TINY))
    assert "needs Ray (No module named 'ray'): pip install -r requirements-ray.txt" in told


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--workers", 0], "--workers and --cpus must be at least 1"),
        (["--restarts", -2], "--restarts at least -1"),
        (["--", "--stepz", 5], "perhaps you meant --steps"),
        (["--", "--replicas", 2], "is for one machine"),
        (["--", "--resume", "nowhere"], "nowhere is no run folder"),
    ],
)
def test_mistakes_are_told_before_anything_is_started(arguments, told):
    assert told in refused(run(*LAUNCH, *arguments))


def test_a_run_is_begun_and_then_gone_on_with(tmp_path, monkeypatch):
    """By the process of each worker, in whatever folder Ray has put it; here it is the only worker."""
    monkeypatch.chdir(tmp_path)
    training = Training.of([*TINY, "--steps", "5", "--no-evaluate", "--no-export", "--quiet"])
    assert training.run.parent == Path("logs") and not training.run.exists()
    cluster = {"worker": ["127.0.0.1:2"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 0}}))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir("/")
    assert [training.started().wait(SLOW) for _ in range(2)] == [0, 0]
    assert checkpoint_files.present(tmp_path / training.run / "checkpoints", "step") == [0, 5]


def test_a_name_that_is_taken_is_refused(tiny_run):
    with pytest.raises(UserError, match="exists already"):
        Training.of([*TINY, "--logs", str(tiny_run.parent), "--name", tiny_run.name])


def test_what_is_resumed_is_resumed_each_time_with_the_same_flags(tiny_run):
    flags = ["--resume", str(tiny_run), "--steps", "30"]
    training = Training.of(flags)
    assert (training.run, training.begin, training.go_on) == (tiny_run, flags, flags)


def trainers(name: str) -> dict[int, int]:
    """The processes that train the run of this name, with the processes of Ray that started them."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, status = (folder / "cmdline").read_text(), (folder / "stat").read_text()
        except OSError:  # it has ended
            continue
        if "train_main" in command and name in command:
            found[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
    return found


@pytest.fixture
def launched(tmp_path):
    """Starts the command; what still runs behind the test is ended."""
    started: list[subprocess.Popen] = []

    def launch(*arguments: object) -> subprocess.Popen:
        command = [sys.executable, *LAUNCH, *map(str, arguments)]
        outputs = {"stdout": (tmp_path / "out").open("w"), "stderr": (tmp_path / "err").open("w")}
        started.append(subprocess.Popen(command, cwd=ROOT, **outputs))
        return started[-1]

    yield launch
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


@needs_ray
def test_a_worker_that_dies_is_started_anew_and_the_run_stays_the_same(launched, tmp_path, monkeypatch):
    """Bit for bit; a signal ends all at once, saved, and several workers without Ray go on with it."""
    begin = [*QUICK, "--global-batch-size", 4, "--steps", 400, "--keep-checkpoints", 1000, "--logs", tmp_path]
    (broken, unbroken) = (tmp_path / name for name in ("broken", "unbroken"))
    launcher = launched("--workers", 2, "--", *begin, "--name", "broken")
    wait_until(lambda: last_step(broken) >= 50 or launcher.poll() is not None)
    before = trainers("broken")
    assert len(before) == 2
    os.kill(max(before.values()), signal.SIGKILL)  # the worker of Ray, which must not leave its training behind
    wait_until(lambda: len(now := trainers("broken")) == 2 and not now.keys() & before.keys(), launcher)
    at = last_step(broken)
    wait_until(lambda: last_step(broken) >= at + 50 or launcher.poll() is not None)
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(SLOW) == 75, (tmp_path / "err").read_text()
    said = (tmp_path / "out").read_text()
    assert "going on from step" in said and "stopped by SIGTERM at step" in said
    assert not trainers("broken")
    for done in [*together(2, "--resume", broken), *together(2, *begin, "--name", "unbroken")]:
        succeed(done)
    assert_same_training(broken, unbroken)


@needs_ray
def test_a_mistake_of_one_worker_ends_all_at_once(launched, tmp_path):
    """Which Ray, for whom a failure is a failure, would try again, and the other would wait for."""
    launcher = launched("--", *QUICK, "--global-batch-size", 9, "--logs", tmp_path)
    assert launcher.wait(SLOW) == 2
    assert "9 cannot be split evenly over 2 workers" in (tmp_path / "err").read_text()
