"""Several workers make the steps of one, keep one record, and end together, whatever ends one of them."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import (
    ROOT,
    checkpoint_tensors,
    killed_behind,
    last_step,
    logged,
    refused,
    succeed,
    train,
    wait_until,
)
from together import SLOW, ended, started, together

QUIET = ["--dataset", "synthetic", "--no-evaluate", "--no-export"]
# Several steps a call; and so small that rounding does not decide where training goes.
SLOWLY = [
    *(*QUIET, "--global-batch-size", 12, "--conditional", "--steps", 50),
    *("--log-every", 25, "--sample-every", 25, "--histogram-every", 50, "--checkpoint-every", 25),
]
AUGMENTED = ["--flip", 0.5, "--rotate", 0.2]
SMALL: dict[str, list[object]] = {
    "gan": [
        *("--network", "lean", "--latent-dim", 8, "--augment", "diff", "--penalties", "r1"),
        *("--generator-learning-rate", 1e-4, "--discriminator-learning-rate", 1e-4),
    ],
    "vae": [
        *("--network", "lean", "--latent-dim", 4, "--importance-samples", 2, "--learning-rate", 1e-4),
        *AUGMENTED,
    ],
    "diffusion": ["--base-channels", 4, "--sampling-steps", 1, "--learning-rate", 1e-4, *AUGMENTED],
}
# A network whose steps are made in no time, and which shows nothing but at its end.
QUICK = [
    *(*QUIET, "--network", "mlp", "--latent-dim", 4, "--global-batch-size", 4),
    *("--log-every", 10, "--sample-every", 10_000, "--histogram-every", 10_000, "--checkpoint-every", 20),
]


def weights(run: Path, step: int) -> np.ndarray:
    """All floats that networks and their averages hold at a checkpoint, in one row."""
    reader = tf.train.load_checkpoint(str(run / "checkpoints" / f"step-{step}"))
    names = [name for name in sorted(reader.get_variable_to_shape_map()) if "layer_with_weights" in name]
    names = [name for name in names if "OPTIMIZER_SLOT" not in name and "optimizer" not in name]
    assert len(names) > 10
    return np.concatenate([np.ravel(reader.get_tensor(name)).astype(np.float64) for name in names])


def assert_nearly_same(run: Path, other: Path) -> None:
    """After fifty steps the weights lie no farther apart than a thousandth of the way that they went."""
    went = np.linalg.norm(weights(run, 50) - weights(run, 0))
    apart = np.linalg.norm(weights(run, 50) - weights(other, 50))
    assert went > 0 and apart < went / 1000, (apart, went)
    assert [line["step"] for line in logged(run)] == [25, 50]
    for line, others in zip(logged(run), logged(other), strict=True):
        names, others_names = (each.keys() - {"speed/images_per_second"} for each in (line, others))
        assert names == others_names  # the first call behind a start has no speed
        for name in names:
            np.testing.assert_allclose(line[name], others[name], rtol=1e-3, atol=1e-3, err_msg=name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Callable[[str, int], Path]:
    """The run of fifty steps of a family by so many workers, trained when it is first asked for."""
    logs, made = tmp_path_factory.mktemp("logs"), {}

    def run(family: str, count: int) -> Path:
        name = f"{family}-{count}"
        if name not in made:
            begin = ["--model", family, *SLOWLY, *SMALL[family], "--logs", logs, "--name", name]
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
    assert listed[0] == listed[1] and "report.html" in listed[0]
    assert json.loads((three / "environment.json").read_text())["devices"] == ["CPU:0"]


def test_two_workers_go_on_with_what_one_began(trained, tmp_path):
    one = trained("vae", 1)
    onward = killed_behind(25, one, tmp_path / "onward")
    for done in together(2, "--resume", onward):
        succeed(done)
    assert_nearly_same(one, onward)


def test_one_goes_on_with_what_two_workers_began(trained, tmp_path):
    """Where no cluster is told of, the machine is alone, though the run says otherwise."""
    two = trained("diffusion", 2)
    alone = killed_behind(25, two, tmp_path / "alone")
    assert "training on CPU:0; " in succeed(train("--resume", alone))
    assert_nearly_same(two, alone)
    assert json.loads((alone / "config.json").read_text())["strategy"] == "mirrored"


def at(run: Path, step: int, folder: Path) -> dict[str, np.ndarray]:
    """All tensors of its checkpoint of this step."""
    return checkpoint_tensors(killed_behind(step, run, folder))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process that runs are Linux' own")
def test_killed_stopped_and_out_of_disk_it_stays_the_same_run_bit_for_bit(tmp_path):
    endless = ["--steps", 100_000, "--keep-checkpoints", 100_000]
    killed = tmp_path / "killed"
    begin = [*QUICK, *endless, "--logs", tmp_path, "--name", "killed"]
    # As a person starts them on one machine, so that all that TensorFlow says is seen, too.
    command = [sys.executable, "-m", "aigc_tf.launch.local", "--workers", 2, "--", *begin]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    launcher = subprocess.Popen(list(map(str, command)), cwd=ROOT, env=environment, **pipes)
    try:
        wait_until(lambda: last_step(killed) >= 130 or launcher.poll() is not None)
        children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        os.kill(int(children[1]), signal.SIGKILL)
        since = time.monotonic()
        out, err = launcher.communicate(timeout=SLOW)
        assert time.monotonic() - since < 60
    finally:
        if launcher.poll() is None:
            launcher.terminate()
            launcher.communicate(timeout=SLOW)
    line = refused(subprocess.CompletedProcess(command, launcher.returncode, out, err), 1)
    assert re.search(r"worker 1 at 127.0.0.1:\d+ is gone: start .* again, with --resume", line)
    said = [line for line in err.splitlines() if not line.startswith("step ")]
    assert said == [line], err

    stopped = killed_behind(40, killed, tmp_path / "stopped")
    with started(2, "--resume", stopped) as (chief, worker):
        wait_until(lambda: last_step(stopped) == 40, chief, worker)  # what came behind is taken back
        wait_until(lambda: last_step(stopped) >= 60, chief, worker)
        worker.send(signal.SIGTERM)
        of_chief, of_worker = ended([chief, worker])
    assert (of_chief.returncode, of_worker.returncode) == (75, 75), of_chief.stderr + of_worker.stderr
    (step,) = re.findall(r"stopped by SIGTERM at step (\d+)", of_chief.stdout)
    assert f"stopped by SIGTERM at step {step}" in of_worker.stdout

    with started(2, "--resume", stopped) as (chief, worker):
        wait_until(lambda: last_step(stopped) >= max(130, int(step) + 20), chief, worker)
        resource.prlimit(chief.pid, resource.RLIMIT_FSIZE, (4096, 4096))
        of_chief, of_worker = ended([chief, worker])
    assert re.search(r"the last good one is of step \d+|could not be written|File too large", refused(of_chief, 1))
    assert re.search(r"worker 0 \(the chief\) at .* gave up at step \d+; what it says", refused(of_worker, 1))

    tensors, others = at(killed, 120, tmp_path / "a"), at(stopped, 120, tmp_path / "b")
    assert tensors.keys() == others.keys() and len(tensors) > 40
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, others[name], err_msg=name)


def test_all_go_back_when_training_diverges_and_end_by_one_clock(tmp_path):
    """With a step size of 1 the first step overflows, with half of it none."""
    explosive = [
        *("--loss", "least_squares", "--optimizer", "rmsprop", "--penalties", "--on-divergence", "rollback"),
        *("--discriminator-learning-rate", 1, "--generator-learning-rate", 1, "--minutes", 0.01),
        *("--network", "lean", "--latent-dim", 8, "--global-batch-size", 8),
    ]
    chief, worker = together(2, *QUICK, *explosive, "--logs", tmp_path, "--name", "run")
    (step,) = re.findall(r"trained to step (\d+)", succeed(chief))
    assert f"trained to step {step}" in succeed(worker)
    for done in (chief, worker):
        assert "by step 10; back to step 0 with 0.5 of the learning rates" in done.stderr
    assert logged(tmp_path / "run")[0]["learning_rate/generator"] == 0.5


def test_a_collapse_ends_all_at_the_same_step(tmp_path):
    hopeless = [
        *("--network", "lean", "--latent-dim", 8, "--global-batch-size", 8),
        *("--generator-learning-rate", 5, "--discriminator-learning-rate", 5, "--penalties"),
        *("--ema-half-life", 0, "--evaluate-every", 10, "--on-collapse", "stop", "--steps", 60),
    ]
    chief, worker = together(2, *QUICK, *hopeless, "--logs", tmp_path)
    (step,) = re.findall(r"collapsed at step (\d+)", refused(chief, 1))
    assert f"gave up at step {step}; what it says there" in refused(worker, 1)


def test_all_fail_where_the_chief_cannot_make_all_of_a_run(trained, tmp_path):
    """So whatever starts those again that failed starts all of them."""
    run = Path(shutil.copytree(trained("gan", 1), tmp_path / "run"))
    (run / "report.html").unlink()
    (run / "report.html" / "in-the-way").mkdir(parents=True)
    chief, worker = together(2, "--resume", run)
    assert "writing its report failed" in refused(chief, 1)
    assert "worker 0 (the chief) at 127.0.0.1" in (line := refused(worker, 1)) and "could not make all" in line


def test_other_settings_on_a_worker_are_refused_by_all(tmp_path):
    for done in together(2, *QUICK, "--logs", tmp_path, of_worker={1: ["--seed", 1, "--steps", 11]}):
        assert "worker 1" in refused(done) and "has other settings: steps, seed than the chief" in refused(done)
    assert not list(tmp_path.iterdir())


def test_a_worker_that_never_comes_is_not_waited_for_any_longer(tmp_path):
    with started(2, *QUICK, "--logs", tmp_path, "--worker-timeout", 20) as (chief, away):
        away.send(signal.SIGKILL)
        said = refused(chief.ended(), 1)
    assert "not all workers came within 20 seconds" in said and "running for worker 1 at 127.0.0.1" in said
    assert not list(tmp_path.iterdir())
