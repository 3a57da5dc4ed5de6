"""`records:SCHEME://…`: through TensorFlow's file systems, of which `ram://` and `file://` need no network."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from commands import assert_same_training, refused, succeed, train

from aigc_tf.datasets.data_config import DataConfig, located
from aigc_tf.datasets.records import record_dataset, shards
from aigc_tf.errors import UserError


@pytest.fixture
def store(records) -> str:
    """The same records in TensorFlow's own memory."""
    url = f"ram://store/{records.parent.name}"
    tf.io.gfile.makedirs(url)
    for path in records.iterdir():
        tf.io.gfile.copy(str(path), f"{url}/{path.name}", overwrite=True)
    return url


def put(url: str, content: bytes) -> None:
    if tf.io.gfile.exists(url):
        tf.io.gfile.remove(url)  # which `ram://` would append to
    with tf.io.gfile.GFile(url, "wb") as file:
        file.write(content)


@pytest.mark.parametrize("held_in_memory", [True, False])
def test_they_are_the_records_that_lie_there(held_in_memory, records, store, load, said, monkeypatch):
    monkeypatch.setattr(record_dataset, "IN_MEMORY", 2**26 if held_in_memory else 0)
    there, here = load(f"records:{store}"), load(f"records:{records}")
    assert there.spec == here.spec
    assert said[0].startswith(f"copying records from {store}, once; they are kept in ")
    for split in ("train", "test"):
        np.testing.assert_array_equal(there.stored(split), here.stored(split))
    rows = tf.constant([5, 0, 3], tf.int64)
    np.testing.assert_array_equal(there.reader("train")(rows)["image"], here.reader("train")(rows)["image"])


def test_they_are_copied_once_and_again_when_they_changed(store, load, said):
    before = load(f"records:{store}").spec
    told = json.loads(tf.io.read_file(f"{store}/about.json").numpy())
    tf.io.gfile.remove(f"{store}/index.npz")
    assert load(f"records:{store}/").spec == before and len(said) == 1
    put(f"{store}/about.json", json.dumps({**told, "licence": "CC BY"}).encode())
    with pytest.raises(UserError, match=f"{store}/index.npz is not there: records:GLOB wants"):
        load(f"records:{store}")


def test_some_of_the_files(records, store, load):
    some = load(f"records:{store}/images-0000[12]-*")
    assert some.spec.fingerprint == load(f"records:{records}/images-0000[12]-*").spec.fingerprint
    with pytest.raises(UserError, match="matches none of the record files that .*about.json tells of"):
        load(f"records:{store}/pictures-*")


def test_a_damaged_copy_is_made_anew_and_a_damaged_original_told(records, store, load, said, cache):
    before = load(f"records:{store}")
    name = shards.shard_name(0, 4)
    content = bytearray((records / name).read_bytes())
    content[shards.read_index(records)["train"].among([0]).offsets[0]] ^= 255
    next(cache.glob(f"images/*/{name}")).write_bytes(content)
    np.testing.assert_array_equal(load(f"records:{store}").stored("train"), before.stored("train"))
    assert "damaged" in said[1]
    put(f"{store}/{name}", bytes(content[:-1]))
    next(cache.glob("images/*/about.json")).unlink()
    with pytest.raises(UserError, match=f"{store}/{name} has .* bytes instead of"):
        load(f"records:{store}")


def test_names_that_lead_elsewhere_are_not_written(store, load):
    told = json.loads(tf.io.read_file(f"{store}/about.json").numpy())
    put(f"{store}/about.json", json.dumps({**told, "shards": {"../../../escaped": 3}}).encode())
    with pytest.raises(UserError, match="matches none of the record files"):
        load(f"records:{store}")
    put(f"{store}/about.json", b"[]")
    with pytest.raises(UserError, match=f"{store} holds no records with their about.json"):
        load(f"records:{store}")


def test_what_is_not_there_or_cannot_be_is_told_in_a_sentence(load):
    with pytest.raises(UserError, match="ram://nothing/here/about.json is not there: records:GLOB wants record files"):
        load("records:ram://nothing/here")
    with pytest.raises(UserError, match=r"does not know nowhere://, only .*ram.*: the package tensorflow-io"):
        load("records:nowhere://bucket/records")
    with pytest.raises(UserError, match="folder:gs://bucket/pictures is not on this machine: .* only records:"):
        DataConfig(dataset="folder:gs://bucket/pictures")
    config = DataConfig(dataset="records:gs://bucket/emoji")
    assert located(config)["dataset"] == config.dataset and config.data_name == "emoji"


def test_a_training_on_them_is_that_on_local_ones_and_resumes(records, tmp_path):
    small = ("--network", "mlp", "--global-batch-size", 4, "--no-evaluate", "--no-export", "--logs", tmp_path / "logs")
    succeed(train("--dataset", f"records:{records}", *small, "--steps", 2, "--name", "here"))
    succeed(train("--dataset", f"records:file://{records}", *small, "--steps", 1, "--name", "there"))
    succeed(train("--resume", tmp_path / "logs" / "there", "--steps", 2))
    assert_same_training(tmp_path / "logs" / "here", tmp_path / "logs" / "there")
    said = refused(train("--dataset", "records:s3x://bucket/records", *small, "--dry-run"))
    assert "does not know s3x://" in said
