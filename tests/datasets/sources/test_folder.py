"""`folder:PATH`: what is learned of a folder, and what is not."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from own_images import held, picture
from PIL import Image

from aigc_tf.datasets.doctor import clean_copy, fix, survey
from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.datasets.pipeline import batches
from aigc_tf.datasets.records import keeping, preparing, record_dataset
from aigc_tf.errors import FaultError, UserError


def test_classes_splits_and_pixels(images, load, said):
    data = load(f"folder:{images}", licence="CC0")
    assert data.spec.class_names == ("cat", "dog") and data.spec.image_shape == (12, 10, 3)
    assert data.count("train") + data.count("test") == 60 and data.count("test") > 0
    assert data.spec.licence == "CC0" and str(images) in data.spec.source
    known = {np.asarray(picture(number)).tobytes(): number for number in range(60)}
    for split in ("train", "test"):
        numbers = [known[row.tobytes()] for row in data.stored(split)]
        assert data.labels(split).tolist() == [int(number % 3 == 0) for number in numbers]
    assert data.spec.class_counts == tuple(np.bincount(data.labels("train")))
    figures = data.spec.figures
    assert figures["classes"] == {"cat": 40, "dog": 20} and figures["formats"] == {"PNG": 60}
    assert figures["height"] == {"least": 12, "median": 12.0, "most": 12} and figures["bad_files"] == 0
    assert json.loads(json.dumps(data.spec.as_dict()))["figures"] == json.loads(json.dumps(figures))
    assert len(said) == 1 and "reading 60 images" in said[0]


def test_a_flat_folder_has_no_classes(images, load, tmp_path):
    (tmp_path / "flat").mkdir()
    for path in images.rglob("*.png"):
        shutil.copy(path, tmp_path / "flat")
    data = load(f"folder:{tmp_path / 'flat'}")
    assert data.spec.num_classes == 0 and data.spec.class_names == () and not data.labels("train").any()


def test_it_is_read_once(images, load, said, cache):
    first = load(f"folder:{images}")
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.tfrecord")}
    again = load(f"folder:{images}")
    assert len(said) == 1 and {path: path.stat().st_mtime_ns for path in cache.rglob("*.tfrecord")} == before
    assert again.spec == first.spec
    np.testing.assert_array_equal(again.stored("train"), first.stored("train"))


def flip(shard: Path, row: bytes) -> None:
    """Change one bit of the pixels of a row, and no size."""
    content = bytearray(shard.read_bytes())
    content[content.index(row) + len(row) // 2] ^= 1
    shard.write_bytes(content)


@pytest.mark.parametrize("damage", ["cut", "gone", "flipped", "index", "about"])
def test_what_is_damaged_in_the_cache_is_made_anew(images, load, said, cache, damage):
    before = load(f"folder:{images}").spec.fingerprint
    (shard,) = cache.rglob("*.tfrecord")
    if damage == "cut":
        os.truncate(shard, 100)
    elif damage == "gone":
        shard.unlink()
    elif damage == "flipped":
        flip(shard, np.asarray(picture(7)).tobytes())
        data = load(f"folder:{images}")
        assert "is damaged, and holds other images than were written" in said[1] and "reading 60 images" in said[2]
        assert any(np.array_equal(row, picture(7)) for split in ("train", "test") for row in data.stored(split))
        del said[1]
    else:
        shard.with_name({"index": "index.npz", "about": "about.json"}[damage]).write_bytes(b"nothing")
    assert load(f"folder:{images}").spec.fingerprint == before and len(said) == 2


def test_other_files_are_other_data(images, load):
    before = load(f"folder:{images}").spec.fingerprint
    (images / "cat" / "1.png").rename(images / "cat" / "another name.png")
    assert load(f"folder:{images}").spec.fingerprint == before  # names are nothing
    pixels = picture(99)
    pixels.save(images / "cat" / "2.png")
    changed = load(f"folder:{images}").spec.fingerprint
    (images / "cat" / "4.png").rename(images / "dog" / "4.png")
    assert len({before, changed, load(f"folder:{images}").spec.fingerprint}) == 3


def test_the_same_folder_elsewhere_is_the_same_data(images, load, tmp_path):
    shutil.copytree(images, tmp_path / "elsewhere")
    before = load(f"folder:{images}")
    assert load(f"folder:{images}", data_dir=tmp_path / "elsewhere").spec.fingerprint == before.spec.fingerprint


def test_what_is_held_out_stays_so_when_files_come(images, load):
    before = held(load(f"folder:{images}"))
    for number in range(100, 160):
        picture(number).save(images / "cat" / f"a{number}.png")
    after = held(load(f"folder:{images}"))
    assert before["test"] < after["test"] and before["train"] < after["train"]
    assert not after["test"] & after["train"]


def test_the_share_that_is_held_out():
    digests = np.random.default_rng(0).bytes(16 * 20_000)
    splits = [preparing._split_of(digests[start : start + 16]) for start in range(0, len(digests), 16)]
    assert 0.09 < splits.count("test") / len(splits) < 0.11


def test_doubles_lie_on_one_side(images, load):
    for number in range(60):
        picture(number).save(images / "cat" / f"double {number}.bmp")
    data = load(f"folder:{images}")
    both = held(data)
    assert data.count("train") + data.count("test") == 120
    assert len(both["train"]) + len(both["test"]) == 60 and not both["train"] & both["test"]
    assert data.spec.figures["different_images"] == 60


@pytest.mark.parametrize("test", ["test", "val", "Validation"])
def test_folders_of_splits_are_the_splits(images, load, said, tmp_path, test):
    splits = tmp_path / "splits"
    shutil.copytree(images, splits / "train")
    for number in (*range(100, 105), 7):  # the last is among those to train on, too
        path = splits / test / "dog" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(path)
    picture(300).save(splits / "beside.png")
    data = load(f"folder:{splits}")
    assert data.count("train") == 59 and data.count("test") == 6 and data.spec.class_names == ("cat", "dog")
    assert data.spec.figures["passed_over"] == {"outside of the splits": 1, "held out, too": 1}
    assert "left out: outside of the splits 1, held out, too 1" in said[-1]


def test_grey_images_are_gray_and_one_with_colour_makes_all_colour(load, tmp_path):
    folder = tmp_path / "grey"
    folder.mkdir()
    for number in range(90):
        picture(number, channels=1).convert("RGB").save(folder / f"{number:03}.png")
    grey = load(f"folder:{folder}")
    assert grey.spec.image_shape == (12, 10, 1)
    picture(500).save(folder / "005 one with colour.png")  # not among those that are looked at first
    assert load(f"folder:{folder}").spec.image_shape == (12, 10, 3)
    assert load(f"folder:{folder}", channels="gray").spec.image_shape == (12, 10, 1)
    assert load(f"folder:{folder}", channels="alpha").spec.image_shape == (12, 10, 4)


def test_images_of_several_sizes_need_one(images, load):
    picture(70, (20, 30)).save(images / "cat" / "70.png")
    with pytest.raises(UserError, match=r"several sizes \(12x10, but cat/70.png 20x30\): say with --image-size"):
        load(f"folder:{images}")
    assert load(f"folder:{images}", image_size="8x9").spec.image_shape == (8, 9, 3)
    assert load(f"folder:{images}", image_size="16").spec.image_shape == (16, 16, 3)


def test_kinds_of_files(load, tmp_path):
    """PNG, JPEG, the first frame of a GIF, BMP, WebP, TIFF; CMYK, 16 bits and a palette; turned by EXIF."""
    folder = tmp_path / "kinds"
    folder.mkdir()
    for number, suffix in enumerate(["png", "jpg", "jpeg", "gif", "bmp", "webp", "tif", "TIFF"] * 5):
        picture(number, (16, 16)).save(folder / f"{number}.{suffix}")
    picture(80, (16, 16)).convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16) * 257).save(folder / "deep.png")
    picture(81, (16, 16)).convert("P").save(folder / "palette.png")
    frames = [picture(number, (16, 16)) for number in (82, 83)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(84, (16, 16)).save(folder / "turned.png", exif=exif)
    data = load(f"folder:{folder}")
    both = held(data)["train"] | held(data)["test"]
    assert len(both) == 45
    assert np.asarray(picture(84, (16, 16)).transpose(Image.Transpose.ROTATE_270)).tobytes() in both
    assert data.spec.figures["formats"].keys() == {"PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"}


def test_bad_files_are_passed_over_counted_and_named(images, load, said):
    for number in range(100, 240):
        picture(number).save(images / "cat" / f"{number}.png")
    whole = load(f"folder:{images}").spec.fingerprint
    (images / "cat" / "empty.png").touch()
    (images / "dog" / "broken\n.jpg").write_bytes(b"\xff\xd8\xff nothing")
    data = load(f"folder:{images}")
    assert data.spec.fingerprint == whole and data.spec.figures["bad_files"] == 2
    assert [name for name, _ in data.spec.figures["bad"]] == ["cat/empty.png", "dog/broken\\n.jpg"]
    assert "passed over 2 of 202 images" in said[-1] and "cat/empty.png: it is empty" in said[-1]
    with pytest.raises(UserError, match=r"2 of 202 images of .* cannot be read, more than --max-bad 0\.009"):
        load(f"folder:{images}", max_bad=0.009)
    (images / "cat" / "cut.png").write_bytes((images / "cat" / "1.png").read_bytes()[:100])
    with pytest.raises(UserError, match=r"3 of 203 .* more than --max-bad 0\.01 allows.*it is empty") as caught:
        load(f"folder:{images}")
    assert "\n" not in str(caught.value)
    assert load(f"folder:{images}", max_bad=0.02).spec.fingerprint == whole


def test_links_names_and_folders_that_are_odd(images, load, said, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    picture(200).save(outside / "away.png")
    (images / "cat" / "out.png").symlink_to(outside / "away.png")
    (images / "behind").symlink_to(outside)
    (images / "cat" / "x.png").mkdir()
    picture(201).save(images / "cat" / "x.png" / "in it.png")
    picture(202).save(images / "cat" / "..png.png")
    picture(203).save(images / "dog" / "..hidden..jpg", format="PNG")
    picture(204).save(images / "dog" / "猫 😀 é.png")
    shutil.copy(images / "dog" / "0.png", os.fsencode(images / "dog") + b"/\xff\xfe.png")
    (images / "notes.txt").write_text("")
    os.mkfifo(images / "dog" / "pipe.png")
    data = load(f"folder:{images}")
    assert data.count("train") + data.count("test") == 66 and data.spec.class_names == ("cat", "dog")
    both = held(data)["train"] | held(data)["test"]
    assert all(np.asarray(picture(number)).tobytes() in both for number in (200, 201, 202, 203, 204))
    assert said[-1].startswith("left out: in folders behind links 1, files of other kinds 1")


def test_class_names_of_any_bytes_are_text(load, tmp_path):
    for number in range(40):
        name = (b"caf\xe9", "新\n".encode())[number % 2]
        folder = Path(os.fsdecode(os.fsencode(tmp_path / "images") + b"/" + name))
        folder.mkdir(parents=True, exist_ok=True)
        picture(number).save(folder / f"{number}.png")
    names = load(f"folder:{tmp_path / 'images'}").spec.class_names
    assert names == ("caf\\xe9", "新\\n")
    json.dumps(names).encode()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "does not exist"),
        (lambda folder: folder.write_text(""), "is no folder"),
        (lambda folder: folder.mkdir(), "holds no images to learn from: expected files that end in"),
        (lambda folder: _save(folder, 3), r"leaves . images to train on|none is held out"),
        (lambda folder: _save(folder, 40, (5, 5)), r"have 5x5 pixels: say with --image-size"),
        (lambda folder: _save(folder, 40, empty=True), "none of the first images of .* can be read"),
    ],
)
def test_folders_that_cannot_be_learned_are_told_in_a_sentence(load, tmp_path, cache, make, message):
    make(tmp_path / "images")
    with pytest.raises(UserError, match=message) as caught:
        load(f"folder:{tmp_path / 'images'}")
    assert "\n" not in str(caught.value)
    assert not [path for path in cache.rglob("*") if path.suffix != ".lock" and path.name != "images"]


def _save(folder: Path, count: int, size: tuple[int, int] = (12, 10), empty: bool = False) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.png").touch() if empty else picture(number, size).save(folder / f"{number}.png")


def test_files_that_vanish_while_they_are_read_are_bad_ones(images, load, said, monkeypatch):
    """And those that vanish afterwards are learned all the same."""
    original = preparing._bring
    gone = threading.Event()

    def slow(each, form):
        if not gone.is_set():
            gone.set()
            for number in (50, 53):
                (images / "cat" / f"{number}.png").unlink()
        return original(each, form)

    monkeypatch.setattr(preparing, "_bring", slow)
    data = load(f"folder:{images}", max_bad=0.5)
    assert data.spec.figures["bad_files"] == 2 and "cat/50.png: No such file" in said[-1]


def test_rows_from_the_disk_are_those_from_memory(images, load, monkeypatch):
    inside = load(f"folder:{images}")
    monkeypatch.setattr(record_dataset, "IN_MEMORY", 0)
    outside = load(f"folder:{images}")
    assert isinstance(inside, ImageDataset) and not isinstance(outside, ImageDataset)
    assert outside.spec == inside.spec and outside.nbytes == 0
    for split in ("train", "test"):
        np.testing.assert_array_equal(outside.stored(split), inside.stored(split))
        np.testing.assert_array_equal(outside.stored(split, slice(3, 5)), inside.stored(split, slice(3, 5)))
    for start in (0, 7):
        streams = [batches(data, "train", 7, 3, start, start + 20) for data in (inside, outside)]
        assert streams[0].element_spec == streams[1].element_spec
        for one, other in zip(*streams):
            np.testing.assert_array_equal(one["image"], other["image"])
            np.testing.assert_array_equal(one["label"], other["label"])


def test_rows_stay_readable_when_the_folder_and_the_cache_are_taken_away(images, load, monkeypatch, cache):
    monkeypatch.setattr(record_dataset, "IN_MEMORY", 0)
    data = load(f"folder:{images}")
    before = data.stored("train")
    shutil.rmtree(images)
    shutil.rmtree(cache)
    np.testing.assert_array_equal(data.stored("train"), before)


def test_a_disk_that_fails_is_told_and_remembered(images, load, monkeypatch, cache):
    monkeypatch.setattr(record_dataset, "IN_MEMORY", 0)
    data = load(f"folder:{images}")
    (shard,) = cache.rglob("*.tfrecord")
    os.truncate(shard, 100)
    with pytest.raises(FaultError, match="was cut short while it was in use"):
        data.stored("train")
    with pytest.raises(Exception, match="cut short"):
        next(iter(batches(data, "train", 7, 3)))
    assert "cut short" in str(data.faults[0])


def test_a_row_that_is_not_what_was_written_is_told(images, load, monkeypatch, cache):
    monkeypatch.setattr(record_dataset, "IN_MEMORY", 0)
    data = load(f"folder:{images}")
    (shard,) = cache.rglob("*.tfrecord")
    flip(shard, data.stored("train")[5].tobytes())
    assert len(data.stored("train", slice(5))) == 5
    with pytest.raises(FaultError, match="is damaged, and holds other images than were written: remove its folder"):
        data.stored("train")


def test_what_was_not_used_for_longest_makes_room(images, load, monkeypatch, said, cache):
    load(f"folder:{images}", image_size="8")
    one = sum(file.stat().st_size for file in cache.glob("images/*/*"))
    monkeypatch.setattr(keeping, "MOST_BYTES", 4 * one)
    for size in (8, 9, 10, 8, 11):  # the first is used again before the last comes
        for about in cache.rglob("about.json"):
            os.utime(about, (about.stat().st_atime, about.stat().st_mtime - 10))
        load(f"folder:{images}", image_size=f"{size}")
    kept = sorted(json.loads(about.read_text())["shape"][0] for about in cache.rglob("about.json"))
    assert kept == [8, 10, 11] and len(list(cache.glob("images/*/"))) == 3
    monkeypatch.setattr(keeping, "MOST_BYTES", 0)
    load(f"folder:{images}", image_size="11")
    assert [json.loads(about.read_text())["shape"][0] for about in cache.rglob("about.json")] == [11]


def test_a_cache_that_takes_no_files_is_done_without(images, load, said, cache):
    cache.write_text("")
    data = load(f"folder:{images}")
    assert data.count("train") > 40 and "the cache takes no files" in said[0]


def test_two_at_once_read_once(images, load, said):
    threads = [threading.Thread(target=load, args=(f"folder:{images}",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("reading 60 images" in line for line in said) == 1


def test_a_clean_copy_tells_its_licence_and_whether_it_is_whole(images, load, tmp_path):
    fix.write(survey.examine(images), tmp_path / "clean", "CC BY 4.0")
    data = load(f"folder:{tmp_path / 'clean'}")
    assert data.spec.licence == "CC BY 4.0" and data.spec.fingerprint == load(f"folder:{images}").spec.fingerprint
    assert load(f"folder:{tmp_path / 'clean'}", licence="mine").spec.licence == "mine"
    clean_copy.write_marker(tmp_path / "clean", images, "colour", complete=False)
    with pytest.raises(UserError, match="a clean copy that is not whole: end it with"):
        load(f"folder:{tmp_path / 'clean'}")


def test_many_files_in_one_folder(load, tmp_path):
    """In seconds, and in little memory a file (see benchmarks/data_reading.py for a million)."""
    (tmp_path / "many").mkdir()
    one = tmp_path / "many" / "0.bmp"
    picture(0, (8, 8), 1).save(one)
    content = one.read_bytes()
    for number in range(5000):
        (tmp_path / "many" / f"{number}.bmp").write_bytes(content[:-8] + number.to_bytes(8, "big"))
    started = time.process_time()
    data = load(f"folder:{tmp_path / 'many'}")
    assert data.count("train") + data.count("test") == 5000 and time.process_time() - started < 30
