"""`records:GLOB`, and the files that `data convert` makes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import refused, run, succeed

from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.records import record_dataset, shards
from aigc_tf.datasets.sources import folder, prepared
from aigc_tf.errors import UserError


def test_they_are_the_data_that_was_converted(records, images, load):
    data, source = load(f"records:{records}"), load(f"folder:{images}", licence="CC0")
    assert data.spec == source.spec
    for split in ("train", "test"):
        np.testing.assert_array_equal(data.stored(split), source.stored(split))
        np.testing.assert_array_equal(data.labels(split), source.labels(split))
    assert load(f"records:{records}", licence="CC BY").spec.licence == "CC BY"


def test_they_can_be_moved(records, load, tmp_path):
    before = load(f"records:{records}").spec.fingerprint
    records.rename(tmp_path / "moved [1]")
    assert load(f"records:{tmp_path / 'moved [1]'}").spec.fingerprint == before


def test_they_take_no_folder_that_is_there(images, records):
    (records / "mine.txt").write_text("mine")
    config = DataConfig(dataset=f"folder:{images}")
    with pytest.raises(UserError, match="records is there by now"):
        prepared.make(folder.originals(config), config, records)
    assert (records / "mine.txt").read_text() == "mine"
    assert not [path for path in records.parent.iterdir() if path.name.startswith(".")]


def test_what_tells_of_them_is_whole(records, load):
    about = json.loads((records / "about.json").read_text())
    (records / "about.json").write_text(json.dumps({**about, "format": shards.FORMAT} | {"shards": about["shards"]}))
    load(f"records:{records}")
    del about["shape"]
    (records / "about.json").write_text(json.dumps(about))
    with pytest.raises(UserError, match="does not tell the shape"):
        load(f"records:{records}")


def test_a_place_is_told_once(images, tmp_path):
    other = refused(run("-m", "aigc_tf", "data", "convert", f"folder:{images}", tmp_path / "out", "--data-dir", images))
    assert "--data-dir cannot be combined" in other and not (tmp_path / "out").exists()


def test_a_pattern_takes_all_or_some_of_the_files(records, load):
    names = sorted(path.name for path in records.glob("*.tfrecord"))
    assert names == [f"images-{number:05}-of-00004.tfrecord" for number in range(4)]
    whole = load(f"records:{records}")
    assert load(f"records:{records}/*.tfrecord").spec == whole.spec
    some = load(f"records:{records}/images-0000[0-1]-*")
    assert some.count("train") + some.count("test") == 30
    assert some.spec.num_examples == some.count("train") and some.spec.fingerprint != whole.spec.fingerprint
    assert whole.spec.figures["images"] == 60 and not some.spec.figures  # which are of all of them
    assert {row.tobytes() for row in some.stored("test")} <= {row.tobytes() for row in whole.stored("test")}


def test_any_reader_of_tfrecords_can_go_through_them(records, load):
    data = load(f"records:{records}")
    wanted = {split: sorted(row.tobytes() for row in data.stored(split)) for split in ("train", "test")}
    found: dict[str, list[bytes]] = {"train": [], "test": []}
    for record in tf.data.TFRecordDataset(sorted(map(str, records.glob("*.tfrecord")))):
        example = tf.io.parse_single_example(
            record,
            {
                "image/raw": tf.io.FixedLenFeature([], tf.string),
                "image/shape": tf.io.FixedLenFeature([3], tf.int64),
                "image/class/text": tf.io.FixedLenFeature([], tf.string),
                "split": tf.io.FixedLenFeature([], tf.string),
            },
        )
        assert example["image/shape"].numpy().tolist() == [12, 10, 3]
        assert example["image/class/text"].numpy() in (b"cat", b"dog")
        found[example["split"].numpy().decode()].append(example["image/raw"].numpy())
    assert {split: sorted(rows) for split, rows in found.items()} == wanted


def _cut(records: Path) -> None:
    os.truncate(records / "images-00001-of-00004.tfrecord", 100)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "has 100 bytes instead of"),
        (
            lambda records: (records / "images-00002-of-00004.tfrecord").unlink(),
            "images-00002-of-.* is gone",
        ),
        (lambda records: (records / "about.json").unlink(), "holds no records with their about.json"),
        (lambda records: (records / "about.json").write_text("[]"), "holds no records with their about.json"),
        (lambda records: (records / "about.json").write_text('{"format": 5}'), "of the format '5'"),
        (lambda records: (records / "index.npz").write_bytes(b"PK\x03\x04"), "index.npz cannot be read"),
        (shutil.rmtree, "matches no file"),
    ],
)
def test_damaged_records_are_told_in_a_sentence(records, load, damage, message):
    damage(records)
    with pytest.raises(UserError, match=message) as caught:
        load(f"records:{records}")
    assert "\n" not in str(caught.value)


def test_what_was_converted_has_its_size_already(records, load):
    with pytest.raises(UserError, match="image_size, fit cannot be combined with records"):
        load(f"records:{records}", image_size="32", fit="pad")


def test_patterns_that_mean_no_records(records, load, tmp_path):
    (records / "other.tfrecord").touch()
    with pytest.raises(UserError, match="matches none of the record files"):
        load(f"records:{records}/other*")
    shutil.copytree(records, tmp_path / "records2")
    with pytest.raises(UserError, match="files in 2 folders"):
        load(f"records:{tmp_path}/records*/*.tfrecord")


def test_judges_look_at_as_many_as_are_held_in_memory(records, load, monkeypatch):
    monkeypatch.setattr(record_dataset, "IN_MEMORY", 0)
    monkeypatch.setattr(record_dataset, "AT_HAND", 12 * 10 * 3 * 20)
    data = load(f"records:{records}")
    assert data.at_hand("train") == 20 and data.at_hand("test") == data.count("test")


def test_the_command(images, tmp_path):
    convert = ("-m", "aigc_tf", "data", "convert")
    out = tmp_path / "out"
    shown = succeed(run(*convert, f"folder:{images}", out, "--image-size", "16x8", "--licence", "CC0"))
    assert f"{out}: images of 16x8 pixels with 3 channels, " in shown and f"--dataset records:{out}" in shown
    about = json.loads((out / "about.json").read_text())
    assert about["licence"] == "CC0" and about["class_names"] == ["cat", "dog"]
    assert f"{out} is there already" in refused(run(*convert, f"folder:{images}", out))
    assert "cannot be converted" in refused(run(*convert, "mnist", tmp_path / "other"))
    assert "not to be changed" in refused(run(*convert, f"folder:{images}", images / "out"))
    (images / "cat" / "broken.png").touch()
    assert "more than --max-bad" in refused(run(*convert, f"folder:{images}", tmp_path / "other"))
    assert {path.name for path in tmp_path.iterdir()} - {"keras", "cache"} == {"images", "out"}
