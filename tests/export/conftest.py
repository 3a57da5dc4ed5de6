"""One tiny run, trained and published by one command, for all that look at exports."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from commands import TINY, made_once, succeed, train

from aigc_tf.run_folder import RunFolder


@pytest.fixture(scope="session")
def trained() -> RunFolder:
    def make(logs: Path) -> None:
        small = ("--steps", 12, "--network", "dcgan", "--spectral-norm", "--no-evaluate")
        assert "published: " in succeed(train(*TINY, *small, "--logs", logs, "--name", "run"))

    return RunFolder.open(made_once("run-for-exports", make) / "run")


@pytest.fixture
def published(trained, tmp_path) -> Path:
    """A copy of the version that the training published, to be damaged."""
    return Path(shutil.copytree(trained.export / "synthetic" / "1", tmp_path / "1"))


@pytest.fixture(scope="session")
def loaded(trained) -> tf.Module:
    """The published version, loaded."""
    return tf.saved_model.load(str(trained.export / "synthetic" / "1"))
