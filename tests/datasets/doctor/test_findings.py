"""A folder with everything that folders hold: what the doctor says of it, and what JSON and picture show."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aigc_tf.datasets.doctor import findings, picture, statistics, survey
from aigc_tf.datasets.doctor.finding import Finding
from aigc_tf.datasets.doctor.names import as_line, as_text
from aigc_tf.errors import UserError


def found(folder: Path, **options) -> dict[str, Finding]:
    return {finding.kind: finding for finding in findings.find(survey.examine(folder, **options))}


def test_a_few_images_without_faults_are_sound(paint, tmp_path):
    for number in range(3):
        paint(f"{number}.png")
    assert found(tmp_path / "images").keys() == {"few images"}
    assert findings.is_sound(list(found(tmp_path / "images").values()))


def test_everything_that_is_no_sound_image_is_named(paint, tmp_path):
    folder, elsewhere = tmp_path / "images", tmp_path / "elsewhere"
    for number in range(4):
        paint(f"{number}.png")
    shutil.copytree(folder, elsewhere)
    cut = paint("cut.jpg")
    cut.write_bytes(cut.read_bytes()[:-100])
    (folder / "nowhere.png").symlink_to(folder / "gone.png")
    (folder / "out.png").symlink_to(paint("../elsewhere/out.png"))
    (folder / "inside.bmp").symlink_to(folder / "0.png")
    (folder / "linked").symlink_to(elsewhere)
    os.mkfifo(folder / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "socket.png"))
    paint("folder.png/inside.png")
    paint("renamed.dat", format="PNG")
    (folder / "raw.dng").write_bytes(paint("../tiff.tif").read_bytes())
    for name in ("photo.HEIC", "notes.txt", "clean-copy.json"):
        (folder / name).write_text("no image that we read")
    said = found(folder)
    names = {kind: finding.names for kind, finding in said.items()}
    assert names == {
        "many bad files": ("cut.jpg", "nowhere.png"),
        "truncated": ("cut.jpg",),
        "vanished": ("nowhere.png",),
        "misnamed": ("inside.bmp", "renamed.dat"),
        "duplicate": ("inside.bmp",),
        "linked folder": ("linked",),
        "link out": ("out.png",),
        "other kind of image": ("photo.HEIC", "raw.dng"),
        "no file": ("pipe.png", "socket.png"),
        "folder like a file": ("folder.png",),
        "other file": ("notes.txt",),
        "few images": (),
    }
    assert said["many bad files"].severity == "stop" and "20.0%" in said["many bad files"].what
    assert all(finding.what and finding.advice for finding in said.values())
    assert list(said)[0] == "many bad files"


def test_names_in_any_script_and_of_any_bytes(paint, tmp_path):
    folder = tmp_path / "images"
    odd = ["猫/犬.png", "عربى/..צ.png", "a\nb/\x1b[31m.png", "-rf/ [bold].png", "a..b/....png"]
    for name in odd:
        paint(name, format="PNG")
    image = paint("猫/2.png")
    raw = os.fsencode(folder) + b"/\xe4\xf6/\xff.png"
    os.makedirs(os.path.dirname(raw))
    os.rename(image, raw)
    seen = survey.examine(folder)
    assert [facts.fault for facts in seen.facts] == [""] * 6
    record = statistics.record(seen, findings.find(seen), "")
    text = json.dumps(record, ensure_ascii=False)
    text.encode()  # which lone surrogates would not let us
    classes = json.loads(text)["data"]["classes"]
    assert classes.keys() == {"猫", "عربى", "a\nb", "-rf", "a..b", "\\xe4\\xf6"}
    assert as_line("a\nb/\x1b[31m.png") == "a\\nb/\\x1b[31m.png" and as_line("猫") == "猫"
    assert as_text(os.fsdecode(b"\xff")) == "\\xff"
    assert Image.open(io.BytesIO(picture.png(seen))).width > 700


def test_files_that_go_while_they_are_read_are_told(paint, tmp_path):
    for number in range(5):
        paint(f"{number}.png")

    def begin(total: int):
        assert total == 5
        return lambda count: (tmp_path / "images" / "4.png").unlink(missing_ok=True)

    seen = survey.examine(tmp_path / "images", begin=begin)
    assert [facts.fault for facts in seen.facts] == ["", "", "", "", "gone"]


def test_classes_and_splits_are_held_against_each_other(paint, tmp_path):
    for number in range(22):
        paint(f"train/many/{number}.png")
    for name in (
        "train/few/1.png",
        "train/few/2.png",
        "test/many/1.png",
        "test/only/2.png",
        "train/3.png",
        "new/4.png",
    ):
        paint(name)
    said = found(tmp_path / "images")
    assert said["uneven classes"].names == ("few", "only") and "0 to 22" in said["uneven classes"].what
    assert said["empty class"].names == ("only",) and "to train on" in said["empty class"].what
    assert said["small class"].names == ("few", "many")
    assert said["without a class"].names == ("train/3.png",)
    assert said["outside the splits"].names == ("new/4.png",)
    assert "25 different images to train on" in said["few images"].what
    assert "--augment ada" in said["few images"].advice
    assert all(finding.severity != "stop" for finding in said.values())
    shutil.copy(tmp_path / "images" / "test" / "many" / "1.png", tmp_path / "images" / "train" / "many" / "copy.png")
    leak = found(tmp_path / "images")["leak"]
    assert (leak.severity, leak.names, leak.mended) == ("stop", ("train/many/copy.png",), True)


def test_a_split_without_an_image_stops(paint, tmp_path):
    paint("train/1.png"), paint("train/2.png")
    paint("test/3.png").write_bytes(b"")
    said = found(tmp_path / "images")
    assert (said["empty split"].names, said["empty split"].severity) == (("test",), "stop")
    assert not said["empty split"].mended
    (tmp_path / "images" / "test" / "3.png").unlink()  # a folder without any file is a split all the same
    assert found(tmp_path / "images")["empty split"].names == ("test",)


def test_a_split_that_a_clean_copy_would_lack_stops(paint, tmp_path):
    """One image in two classes is in none, and here the held-out split has no other."""
    paint("train/a/1.png"), paint("train/b/2.png")
    shutil.copy(paint("test/a/3.png"), paint("test/b/4.png"))
    said = found(tmp_path / "images")
    assert said["empty split"].names == ("test",) and said["empty split"].severity == "stop"


def test_sizes_and_shapes_that_fall_out_of_line(paint, tmp_path):
    for number in range(6):
        paint(f"{number}.png", (24, 36))
    paint("larger.png", (48, 72)), paint("wide.png", (20, 80)), paint("narrow.png", (60, 24))
    said = found(tmp_path / "images")
    assert said["several sizes"].names == ("larger.png", "narrow.png", "wide.png")
    assert "24x36, which 6 images have; 4 sizes" in said["several sizes"].what
    assert said["odd aspect ratio"].names == ("narrow.png", "wide.png")


def test_too_few_images_stop(paint, tmp_path):
    shutil.copy(paint("1.png"), tmp_path / "images" / "2.png")
    few = found(tmp_path / "images")["too few images"]
    assert few.severity == "stop" and few.what.startswith("1 images") and not few.mended


def test_the_mode_follows_the_content_unless_it_is_given(paint, tmp_path):
    folder = tmp_path / "images"
    for number in range(3):
        paint(f"{number}.png", grey=True)
    Image.open(folder / "0.png").convert("RGBA").save(folder / "3.png")
    assert survey.examine(folder).mode == "gray"
    assert found(folder)["duplicate"].names == ("3.png",)
    paint("4.png")
    assert survey.examine(folder).mode == "colour"
    assert survey.examine(folder, "gray").mode == "gray"
    Image.fromarray(np.dstack([np.full((9, 9, 3), 5, np.uint8), np.arange(81).reshape(9, 9).astype(np.uint8)])).save(
        folder / "5.png"
    )
    assert found(folder)["transparent"].names == ("5.png",)
    assert "transparent" not in found(folder, mode="alpha")


def test_figures_are_those_of_the_images_that_stay(paint, tmp_path):
    for name in ("train/a/1.png", "train/b/2.png", "test/a/3.jpg"):
        paint(name)
    shutil.copy(tmp_path / "images" / "train" / "a" / "1.png", tmp_path / "images" / "train" / "a" / "4.png")
    seen = survey.examine(tmp_path / "images")
    figures = statistics.figures(seen, "CC0-1.0")
    assert figures["licence"] == "CC0-1.0" and figures["images"] == 3 and figures["image_files"] == 4
    assert figures["splits"] == {"test": 1, "train": 2} and figures["classes"] == {"a": 2, "b": 1}
    assert figures["formats"] == {"JPEG": 1, "PNG": 2} and figures["height"] == {
        "least": 24,
        "median": 24.0,
        "most": 24,
    }
    pixels = np.concatenate([np.asarray(Image.open(tmp_path / "images" / seen.facts[row].name)) for row in seen.kept])
    np.testing.assert_allclose(figures["colour_mean"], pixels.mean((0, 1)), atol=4)
    small = np.concatenate([np.frombuffer(seen.facts[row].thumbnail, np.uint8) for row in seen.kept]).reshape(-1, 3)
    np.testing.assert_allclose(figures["colour_mean"], small.mean(0), atol=0.006)
    np.testing.assert_allclose(figures["colour_std"], small.std(0), atol=0.006)
    moved = tmp_path / "moved"
    shutil.copytree(tmp_path / "images", moved)
    (moved / "train" / "a" / "1.png").rename(moved / "train" / "a" / "renamed.png")
    assert statistics.fingerprint(survey.examine(moved)) == figures["fingerprint"]
    (moved / "train" / "b" / "2.png").rename(moved / "train" / "a" / "2.png")
    assert statistics.fingerprint(survey.examine(moved)) != figures["fingerprint"]


def test_the_picture_shows_classes_and_what_repeats(paint, tmp_path):
    folder = tmp_path / "images"
    paint("a/1.png", (24, 48)), paint("a/2.png"), paint("b/1.png", (200, 100))
    Image.open(folder / "b" / "1.png").resize((150, 300)).save(folder / "b" / "2.png")
    shown = np.asarray(Image.open(io.BytesIO(picture.png(survey.examine(folder)))))
    titles, row = 4 * 20, 3 * (64 + 2 * 2)
    assert shown.shape == (titles + row, 12 * 66 + 2, 3)
    second = shown[2 * 20 + 2 :, 2 + 66 :][:64, :64].reshape(-1, 3)  # below the title of all, and that of its class
    colours = np.asarray(Image.open(folder / "a" / "2.png")).reshape(-1, 3)
    assert len(set(map(tuple, second))) > 400 and set(map(tuple, second)) <= set(map(tuple, colours))


def test_what_is_no_folder_of_images_is_refused(paint, tmp_path):
    with pytest.raises(UserError, match="nowhere is no folder"):
        survey.examine(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty holds no images$"):
        survey.examine(tmp_path / "empty")
    (tmp_path / "empty" / "a.txt").touch()
    with pytest.raises(UserError, match=r"empty holds no images; there are 1 other files \(.txt\)"):
        survey.examine(tmp_path / "empty")
