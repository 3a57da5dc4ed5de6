"""Faults on purpose: numbers that explode, a full disk, folders that cannot be written, wrong data."""

from __future__ import annotations

import re
import resource
import shutil
import signal
from pathlib import Path

import pytest
import tensorflow as tf
from commands import TINY, logged, refused, run, scalar_events, succeed, train
from lanes import WITH_ADDONS

QUICK = [*TINY, "--no-evaluate", "--no-export", "--name", "run"]
# Least squares with a step size of 2 overflows in the very first step; with a quarter of that it survives.
EXPLOSIVE = [
    *QUICK,
    *("--loss", "least_squares", "--optimizer", "rmsprop", "--penalties", "--steps", 15),
    *("--discriminator-learning-rate", 2, "--generator-learning-rate", 2),
]


@pytest.fixture(scope="module")
def short(tmp_path_factory) -> Path:
    """A run of five steps."""
    logs = tmp_path_factory.mktemp("logs")
    succeed(train(*QUICK, "--steps", 5, "--logs", logs))
    return logs / "run"


def newest_is_whole(folder: Path) -> int:
    """Step of the newest checkpoint, all of whose tensors can be read and are finite."""
    path = tf.train.latest_checkpoint(str(folder / "checkpoints"))
    reader = tf.train.load_checkpoint(path)
    for name, dtype in reader.get_variable_to_dtype_map().items():
        if dtype.is_floating:
            assert tf.reduce_all(tf.math.is_finite(reader.get_tensor(name))), name
    return int(path.rpartition("-")[2])


def test_divergence_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    line = refused(train(*EXPLOSIVE, "--logs", tmp_path), status=1)
    assert re.search(r"diverged: .* became (inf|nan) by step 5; .*step 0.*--on-divergence rollback", line), line
    assert newest_is_whole(tmp_path / "run") == 0
    assert logged(tmp_path / "run") == []


def test_rollback_goes_on_with_lower_learning_rates_also_when_resumed(tmp_path):
    done = train(*EXPLOSIVE, "--on-divergence", "rollback", "--logs", tmp_path)
    assert "trained to step 15" in succeed(done)
    assert "back to step 0 with 0.5 of the learning rates" in done.stderr
    assert "back to step 0 with 0.25 of the learning rates" in done.stderr
    assert newest_is_whole(tmp_path / "run") == 15
    lines = logged(tmp_path / "run")
    assert [(line["step"], line["learning_rate/generator"]) for line in lines] == [(5, 0.5), (10, 0.5), (15, 0.5)]
    assert [step for tag, step, _ in scalar_events(tmp_path / "run") if tag == "loss/generator"] == [5, 10, 15]
    succeed(train("--resume", tmp_path / "run", "--steps", 20))
    assert logged(tmp_path / "run")[-1]["learning_rate/generator"] == 0.5


@pytest.mark.parametrize("optimizer", ["adam", pytest.param("lamb", marks=WITH_ADDONS)])
def test_rollbacks_are_bounded(tmp_path, optimizer):
    """A penalty of this weight overflows under any learning rate."""
    hopeless = [*QUICK, "--steps", 15, "--penalty-weight", "1e38", "--optimizer", optimizer, "--logs", tmp_path]
    done = train(*hopeless, "--on-divergence", "rollback")
    assert "after 3 rollbacks" in refused(done, status=1)
    assert done.stderr.count("back to step 0") == 3


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


def test_a_full_disk_while_exporting_publishes_nothing(short, tmp_path):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = run("-m", "aigc_tf", "export", short, "--to", tmp_path / "models", preexec_fn=limit)
    assert "could not be written" in refused(done, status=1)
    assert list((tmp_path / "models").iterdir()) == []


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


def test_other_data_than_the_run_began_with(short, tmp_path):
    folder = Path(shutil.copytree(short, tmp_path / "run"))
    file = folder / "data.json"
    file.write_text(file.read_text().replace("sha256:", "sha256:0"))
    assert "trained on 2,000 images" in refused(train("--resume", folder, "--steps", 9))


def without_keras_cache(home: Path) -> dict[str, str]:
    import os

    return {**os.environ, "HOME": str(home), "KERAS_HOME": str(home / ".keras")}
