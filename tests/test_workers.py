"""Several real processes on this machine train one model together, as machines would: `--strategy multi-worker`."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import ROOT, assert_same_training, killed_behind, last_step, logged, refused, succeed, train

SLOW = 400  # seconds in which even a crowded machine comes to an end
COMMON = [
    *("--dataset", "synthetic", "--global-batch-size", 12, "--conditional", "--flip", 0.5, "--rotate", 0.2),
    *("--log-every", 4, "--sample-every", 5, "--histogram-every", 10, "--checkpoint-every", 5, "--steps", 10),
    *("--no-evaluate", "--no-export"),
]
# What makes steps quick, and so small that rounding does not decide where training goes.
SMALL: dict[str, list[object]] = {
    "gan": [
        *("--network", "lean", "--latent-dim", 8, "--augment", "diff"),
        *("--generator-learning-rate", 1e-4, "--discriminator-learning-rate", 1e-4),
    ],
    "vae": [*("--network", "keras", "--latent-dim", 4, "--importance-samples", 2, "--learning-rate", 1e-4)],
    "diffusion": [*("--base-channels", 4, "--sampling-steps", 2, "--learning-rate", 1e-4)],
}


@contextmanager
def started(count: int, *arguments: object, of_worker: dict[int, list[object]] | None = None) -> Iterator[list]:
    """`count` processes of `train.py`, each told of all, and what differs on some; ended at last, whatever happens."""
    with contextlib.ExitStack() as held:
        listening = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in listening:
            each.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in listening]
    processes = []
    try:
        for index in range(count):
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            environment = {**os.environ, "TF_CONFIG": json.dumps(task), "no_proxy": "127.0.0.1"}
            more = (of_worker or {}).get(index, [])
            command = [sys.executable, "train.py", *arguments, "--strategy", "multi-worker", *more]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            processes.append(subprocess.Popen(list(map(str, command)), cwd=ROOT, env=environment, **pipes))
        yield processes
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


def ended(processes: list) -> list[subprocess.CompletedProcess]:
    """All of them, once they have ended, with what they printed."""
    done = []
    for process in processes:
        out, err = process.communicate(timeout=SLOW)
        done.append(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    return done


def together(count: int, *arguments: object, **options) -> list[subprocess.CompletedProcess]:
    with started(count, *arguments, **options) as processes:
        return ended(processes)


def wait_until(ready: Callable[[], bool], processes: list) -> None:
    deadline = time.monotonic() + SLOW
    while not ready():
        assert time.monotonic() < deadline and all(process.poll() is None for process in processes)
        time.sleep(0.02)


def weights(run: Path, step: int) -> np.ndarray:
    """All floats that networks and their averages hold at a checkpoint, in one row."""
    reader = tf.train.load_checkpoint(str(run / "checkpoints" / f"step-{step}"))
    names = [name for name in sorted(reader.get_variable_to_shape_map()) if "layer_with_weights" in name]
    names = [name for name in names if "OPTIMIZER_SLOT" not in name and "optimizer" not in name]
    assert len(names) > 10
    return np.concatenate([np.ravel(reader.get_tensor(name)).astype(np.float64) for name in names])


def assert_nearly_same(run: Path, other: Path) -> None:
    """After ten steps the weights lie no farther apart than a thousandth of the way that they went."""
    went = np.linalg.norm(weights(run, 10) - weights(run, 0))
    apart = np.linalg.norm(weights(run, 10) - weights(other, 10))
    assert went > 0 and apart < went / 1000, (apart, went)
    for line, others in zip(logged(run), logged(other), strict=True):
        assert line.keys() == others.keys() and line["step"] == others["step"]
        for name in line.keys() - {"speed/images_per_second"}:
            np.testing.assert_allclose(line[name], others[name], rtol=0.02, atol=0.02, err_msg=name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Callable[[str, int], Path]:
    """The run of ten steps of a family by so many workers, trained when it is first asked for."""
    logs, made = tmp_path_factory.mktemp("logs"), {}

    def run(family: str, count: int) -> Path:
        name = f"{family}-{count}"
        if name not in made:
            begin = ["--model", family, *COMMON, *SMALL[family], "--logs", logs, "--name", name]
            for done in [train(*begin)] if count == 1 else together(count, *begin):
                succeed(done)
            made[name] = logs / name
        return made[name]

    return run


def test_three_workers_make_the_steps_of_one_and_leave_one_record(trained):
    one, three = trained("gan", 1), trained("gan", 3)
    assert_nearly_same(one, three)
    # The same files, and of each as many: TensorFlow names events by the time.
    listed = [
        sorted(re.sub(r"events.*", "events", str(f.relative_to(run))) for f in run.rglob("*")) for run in (one, three)
    ]
    assert listed[0] == listed[1]
    assert json.loads((three / "environment.json").read_text())["devices"] == ["CPU:0"]


@pytest.mark.parametrize("family", ["diffusion"])
def test_two_workers_make_the_steps_of_one(trained, family):
    assert_nearly_same(trained(family, 1), trained(family, 2))


def test_what_one_began_two_go_on_with_and_the_other_way_round(trained, tmp_path):
    one = trained("vae", 1)
    onward = killed_behind(5, one, tmp_path / "onward")
    for done in together(2, "--resume", onward):
        succeed(done)
    assert_nearly_same(one, onward)
    back = killed_behind(5, onward, tmp_path / "back")
    succeed(train("--resume", back, "--strategy", "mirrored"))
    assert_nearly_same(one, back)


def test_stopped_and_killed_and_gone_on_with_bit_for_bit(trained, tmp_path):
    """A signal to any of them is one to all; where one is killed, the others say so, and end."""
    whole = trained("diffusion", 2)
    begin = ["--model", "diffusion", *COMMON, *SMALL["diffusion"], "--logs", tmp_path, "--name", "parts"]
    run = tmp_path / "parts"
    with started(2, *begin) as processes:
        wait_until(lambda: last_step(run) >= 4, processes)
        processes[1].send_signal(signal.SIGTERM)
        chief, worker = ended(processes)
    assert (chief.returncode, worker.returncode) == (75, 75), chief.stderr + worker.stderr
    (stopped,) = re.findall(r"stopped by SIGTERM at step (\d+)", chief.stdout)
    assert f"stopped by SIGTERM at step {stopped}" in worker.stdout and int(stopped) < 10

    with started(2, "--resume", run, "--steps", 4000, "--keep-checkpoints", 1000) as processes:
        wait_until(lambda: last_step(run) >= 8, processes)
        processes[1].kill()
        processes[1].wait()
        killed = time.monotonic()
        chief, _ = ended(processes)
        assert time.monotonic() - killed < 60
    assert re.search(r"worker 1 at 127.0.0.1:\d+ is gone: start .* again, with --resume", refused(chief, 1))

    again = killed_behind(5, run, tmp_path / "again")
    for done in together(2, "--resume", again, "--steps", 10, "--keep-checkpoints", 3):
        succeed(done)
    assert_same_training(whole, again)


def test_other_settings_on_a_worker_are_refused_by_all(tmp_path):
    begin = ["--model", "gan", *COMMON, *SMALL["gan"], "--logs", tmp_path]
    for done in together(2, *begin, of_worker={1: ["--seed", 1, "--steps", 11]}):
        assert "worker 1" in refused(done) and "has other settings: steps, seed than the chief" in refused(done)
    assert not list(tmp_path.iterdir())


def test_a_worker_that_never_comes_is_not_waited_for_any_longer(tmp_path):
    with started(2, *COMMON, "--logs", tmp_path, "--worker-timeout", 20) as processes:
        away = processes.pop()
        away.kill()
        away.communicate()
        (chief,) = ended(processes)
    said = refused(chief, 1)
    assert "not all workers came within 20 seconds" in said and "running for worker 1 at 127.0.0.1" in said
    assert not list(tmp_path.iterdir())
