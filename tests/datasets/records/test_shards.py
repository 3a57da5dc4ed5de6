"""Record files where the disk does not take them."""

from __future__ import annotations

import resource

import numpy as np
import pytest

from aigc_tf.datasets.records import shards
from aigc_tf.datasets.records.shards import Rows, ShardWriter


@pytest.fixture
def full_disk():
    """Files grow no longer than 1,000 bytes; Python ignores the signal that tells of it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


SAID = r"^.* takes no more records \(File too large\): make room, or take another place"


def test_records_that_do_not_fit(tmp_path, full_disk):
    writer = ShardWriter(tmp_path, 100, (8, 8, 1))
    with pytest.raises(OSError, match=SAID):
        for _ in range(100):
            writer.write(bytes(64), "cat", "train")
        writer.close()


def test_an_index_that_does_not_fit(tmp_path, full_disk):
    rows = Rows(
        np.zeros(100, np.int32), np.zeros(100, np.int64), np.zeros(100, np.int32), np.zeros((100, 16), np.uint8)
    )
    with pytest.raises(OSError, match=SAID):
        shards.finish(tmp_path, {"train": rows, "test": rows}, {})
    assert not (tmp_path / shards.ABOUT).exists()


def test_a_folder_that_is_gone(tmp_path):
    with pytest.raises(OSError, match=r"takes no more records \(.*No such file"):
        ShardWriter(tmp_path / "gone", 100, (8, 8, 1)).write(bytes(64), "cat", "train")
