"""Faults on purpose: numbers that explode, a full disk, folders that cannot be written, wrong data."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path

import pytest
import tensorflow as tf
from commands import TINY, logged, refused, succeed, train

# Least squares with a step size of 10 leaves the floating-point numbers within a few dozen steps.
EXPLOSIVE = [
    *TINY,
    *("--no-evaluate", "--no-export", "--loss", "least_squares", "--optimizer", "rmsprop", "--penalties"),
    *("--discriminator-learning-rate", 10, "--generator-learning-rate", 10, "--steps", 2000),
]


def newest_is_whole(folder: Path) -> int:
    """Step of the newest checkpoint, all of whose tensors can be read and are finite."""
    path = tf.train.latest_checkpoint(str(folder / "checkpoints"))
    reader = tf.train.load_checkpoint(path)
    for name, dtype in reader.get_variable_to_dtype_map().items():
        if dtype.is_floating:
            assert tf.reduce_all(tf.math.is_finite(reader.get_tensor(name))), name
    return int(path.rpartition("-")[2])


def test_divergence_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    done = train(*EXPLOSIVE, "--logs", tmp_path, "--name", "run")
    line = refused(done, status=1)
    assert "diverged" in line and "at step" in line and "rollback" in line
    newest_is_whole(tmp_path / "run")
    for entry in logged(tmp_path / "run"):
        assert "NaN" not in json.dumps(entry) and "Infinity" not in json.dumps(entry)


def test_rollback_lowers_the_learning_rate_a_bounded_number_of_times(tmp_path):
    done = train(*EXPLOSIVE, "--on-divergence", "rollback", "--logs", tmp_path, "--name", "run")
    line = refused(done, status=1)
    assert "after 3 rollbacks" in line
    assert done.stderr.count("back to step") == 3
    assert "learning rates 1.25 and 1.25" in done.stderr
    newest_is_whole(tmp_path / "run")


def test_a_full_disk_is_told_and_the_last_good_checkpoint_stays(tmp_path):
    """Files may not grow over a limit, as on a full disk; the first checkpoints were written before that."""
    small = [*TINY, "--no-evaluate", "--no-export", "--latent-dim", 4, "--logs", tmp_path, "--name", "run"]
    succeed(train(*small, "--steps", 10))
    size = (tmp_path / "run" / "checkpoints" / "step-10.data-00000-of-00001").stat().st_size

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    done = train("--resume", tmp_path / "run", "--steps", 40, preexec_fn=limit)
    line = refused(done, status=1)
    assert "checkpoint" in line and "step 10" in line
    assert newest_is_whole(tmp_path / "run") == 10
    succeed(train("--resume", tmp_path / "run", "--steps", 40))


def test_logs_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    line = refused(train(*TINY, "--steps", 5, "--logs", tmp_path / "file"))
    assert str(tmp_path / "file") in line


def test_a_name_that_is_taken(tmp_path):
    (tmp_path / "taken").mkdir()
    line = refused(train(*TINY, "--logs", tmp_path, "--name", "taken"))
    assert "--resume" in line and "--name" in line


@pytest.mark.parametrize("dataset", ["fashion_mnist", "cifar10"])
def test_data_that_cannot_be_had(tmp_path, dataset):
    line = refused(train("--dataset", dataset, "--logs", tmp_path, env=without_keras_cache(tmp_path)))
    assert "--data-dir" in line
    assert not (tmp_path / "logs").exists()


def test_other_data_than_the_run_began_with(tmp_path):
    succeed(train(*TINY, "--no-evaluate", "--no-export", "--steps", 5, "--logs", tmp_path, "--name", "run"))
    file = tmp_path / "run" / "data.json"
    file.write_text(file.read_text().replace("sha256:", "sha256:0"))
    assert "trained on 2,000 images" in refused(train("--resume", tmp_path / "run", "--steps", 9))


def without_keras_cache(home: Path) -> dict[str, str]:
    import os

    return {**os.environ, "HOME": str(home), "KERAS_HOME": str(home / ".keras")}
