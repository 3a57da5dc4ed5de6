"""The clean copy: what is in it, what it says of itself, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT
from PIL import Image

from aigc_tf import crew
from aigc_tf.datasets import folder_lock, image_reader
from aigc_tf.datasets.doctor import findings, fix, statistics, survey
from aigc_tf.errors import FaultError, UserError


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def decisions(out: Path) -> dict[str, dict]:
    lines = [json.loads(line) for line in (out / "decisions.jsonl").read_text().splitlines()]
    assert [line["file"] for line in lines] == sorted(
        (line["file"] for line in lines), key=lambda name: name.split("/")
    )
    return {line.pop("file"): line for line in lines}


@pytest.fixture
def folder(paint, tmp_path) -> Path:
    """With splits, classes, and one of most things that go wrong."""
    folder = tmp_path / "images"
    turned = Image.Exif()
    turned[0x0112] = 6
    paint("train/cat/1.png"), paint("train/dog/2.jpg", (24, 36), exif=turned), paint("test/cat/3.png")
    Image.open(paint("train/cat/print.jpg")).convert("CMYK").save(folder / "train" / "cat" / "print.jpg")
    shutil.copy(folder / "test" / "cat" / "3.png", folder / "train" / "cat" / "leak.png")
    shutil.copy(folder / "train" / "cat" / "1.png", folder / "train" / "cat" / "again.png")
    Image.new("RGB", (9, 9)).save(folder / "train" / "dog" / "blank.png")
    paint("train/dog/tiny.png", (7, 90))
    paint("train/dog/cut.bmp").write_bytes(b"BM")
    (folder / "train" / "notes.txt").write_text("cats")
    paint("train/猫/4.gif", save_all=True, append_images=[Image.new("RGB", (24, 24))])
    os.mkfifo(folder / "train" / "pipe.png")
    (folder / "linked").symlink_to(folder / "train")
    return folder


def test_a_clean_copy_holds_what_can_be_learned_and_a_record_of_all(folder, tmp_path):
    before = tree(folder)
    seen = survey.examine(folder)
    counts = fix.write(seen, out := tmp_path / "copies" / "clean", "CC0-1.0")
    assert tree(folder) == before
    made = decisions(out)
    kept = {name: each for name, each in made.items() if each["decision"] == "kept"}
    why = {name: each["why"].partition(":")[0] for name, each in made.items() if each["decision"] == "left out"}
    assert why == {
        "linked": "a link to a folder",
        "train/cat/again.png": "duplicate",
        "train/cat/leak.png": "leak",
        "train/dog/blank.png": "blank",
        "train/dog/cut.bmp": "damaged",
        "train/dog/tiny.png": "tiny",
        "train/notes.txt": "no image",
        "train/pipe.png": "a pipe, a socket or a device",
    }
    assert counts == {"kept": 5, "left out": 8}
    assert kept["train/dog/2.jpg"]["changes"] == ["turned upright"]
    assert (kept["train/dog/2.jpg"]["height"], kept["train/dog/2.jpg"]["width"]) == (36, 24)
    assert kept["train/cat/print.jpg"]["changes"] == ["brought from CMYK to RGB"]
    assert kept["train/猫/4.gif"]["changes"] == ["further frames left out"]
    for name, each in kept.items():
        content = (out / each["as"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == each["sha256"]
        assert Path(each["as"]).parent == Path(name).parent and each["as"].endswith(".png")
        with Image.open(out / each["as"]) as image:
            assert (image.format, image.mode) == ("PNG", "RGB")
            np.testing.assert_array_equal(np.asarray(image), image_reader.read(folder / name, 3).pixels)
    about = json.loads((out / "clean-copy.json").read_text())
    assert about["complete"] and about["mode"] == "colour" and about["data"]["licence"] == "CC0-1.0"
    assert about["decisions_sha256"] == hashlib.sha256((out / "decisions.jsonl").read_bytes()).hexdigest()
    assert tree(out).keys() == {each["as"] for each in kept.values()} | {"clean-copy.json", "decisions.jsonl"}


def test_a_clean_copy_is_sound_and_has_the_fingerprint_of_its_source(folder, tmp_path):
    seen = survey.examine(folder)
    fix.write(seen, tmp_path / "clean", "")
    again = survey.examine(tmp_path / "clean")
    assert len(again.kept) == len(again.facts) == len(seen.kept)
    assert statistics.fingerprint(again) == statistics.fingerprint(seen)
    kinds = {finding.kind for finding in findings.find(again)}
    assert kinds == {"small class", "several sizes", "few images"}


@pytest.mark.parametrize(("mode", "stored"), [("gray", "L"), ("colour", "RGB"), ("alpha", "RGBA")])
def test_all_images_get_the_mode(paint, tmp_path, mode, stored):
    folder = tmp_path / "images"
    paint("1.png"), paint("2.jpg", grey=True)
    clear = np.dstack([np.asarray(Image.open(paint("3.png"))), np.full((24, 24), 40, np.uint8)])
    Image.fromarray(clear).save(folder / "3.png")
    fix.write(survey.examine(folder, mode), tmp_path / "clean", "")
    made = decisions(tmp_path / "clean")
    for name, each in made.items():
        with Image.open(tmp_path / "clean" / each["as"]) as image:
            assert image.mode == stored
            pixels = np.asarray(image).reshape(24, 24, -1)
        np.testing.assert_array_equal(pixels, image_reader.read(folder / name, pixels.shape[2]).pixels)
    assert made["3.png"]["changes"] == ([] if mode == "alpha" else ["laid on white"])


def test_what_goes_or_changes_between_look_and_copy_is_left_out(paint, tmp_path):
    for number in range(4):
        paint(f"{number}.png")
    seen = survey.examine(tmp_path / "images")
    (tmp_path / "images" / "1.png").unlink()
    paint("2.png")
    assert fix.write(seen, tmp_path / "clean", "") == {"kept": 2, "left out": 2}
    made = decisions(tmp_path / "clean")
    assert made["1.png"] == {"decision": "left out", "why": "No such file or directory"}
    assert made["2.png"] == {"decision": "left out", "why": "it changed while the copy was made"}


def test_the_same_command_again_mends_a_copy_and_follows_its_source(paint, tmp_path):
    for number in range(4):
        paint(f"{number}.png")
    source, out = tmp_path / "images", tmp_path / "clean"
    fix.write(survey.examine(source), out, "")
    first = tree(out)
    images = sorted(name for name in first if name.endswith(".png"))
    (out / images[0]).write_bytes(first[images[0]][:-30])
    (out / images[1]).unlink()
    (out / f".{images[1]}.part").write_bytes(b"begun")
    shutil.copy(out / images[2], out / images[3])
    (out / "mine.txt").write_text("not ours to take away")
    fix.write(survey.examine(source), out, "")
    assert tree(out) == first | {"mine.txt": b"not ours to take away"}
    (source / "0.png").unlink()
    fix.write(survey.examine(source), out, "")
    assert len(list(out.glob("*.png"))) == 3 and decisions(out).keys() == {"1.png", "2.png", "3.png"}


def test_places_that_are_not_ours_are_refused(paint, tmp_path):
    source = paint("a/1.png").parent.parent
    paint("a/2.png")
    seen = survey.examine(source)
    (tmp_path / "to-source").symlink_to(source)
    for inside in (source, source / "clean", source / "a" / "b", tmp_path / "to-source" / "clean"):
        with pytest.raises(UserError, match="lies in .* not to be changed"):
            fix.write(seen, inside, "")
    with pytest.raises(UserError, match="holds other files"):
        fix.write(seen, tmp_path, "")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        fix.write(seen, tmp_path / "file", "")
    out = tmp_path / "clean"
    out.mkdir()
    (out / ".clean-copy.json.part").write_text("what a kill left")
    fix.write(seen, out, "")
    shutil.copytree(source, tmp_path / "others")
    with pytest.raises(UserError, match="holds the clean copy of .*images: give another folder"):
        fix.write(survey.examine(tmp_path / "others"), out, "")
    with pytest.raises(UserError, match="in the mode colour, and this one is gray"):
        fix.write(survey.examine(source, "gray"), out, "")
    with folder_lock.held(out), pytest.raises(UserError, match="another process is writing"):
        fix.write(seen, out, "")
    assert not (tmp_path / "images" / "clean").exists()


def test_a_class_called_like_our_files_is_refused(paint, tmp_path):
    paint("decisions.jsonl/1.png"), paint("other/2.png")
    with pytest.raises(UserError, match="rename its folder"):
        fix.write(survey.examine(tmp_path / "images"), tmp_path / "clean", "")


def test_a_crew_keeps_the_order_and_tells_when_one_is_killed():
    assert list(crew.each(abs, range(-200, 0), "killed")) == list(range(200, 0, -1))
    with pytest.raises(FaultError, match="was killed"):
        list(crew.each(os._exit, range(200), survey.KILLED))


def test_ctrl_c_while_a_crew_is_started_is_not_lost(monkeypatch):
    started = crew.ProcessPoolExecutor.submit

    def interrupted(pool, *arguments, **options):
        result = started(pool, *arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)
        return result

    monkeypatch.setattr(crew.ProcessPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(crew.each(abs, range(200), "killed"))
    assert multiprocessing.active_children() == []


def test_nothing_here_needs_tensorflow():
    code = (
        "import sys; from aigc_tf.datasets.doctor import findings, fix, picture, survey, table; "
        "assert not {'tensorflow', 'keras', 'matplotlib', 'scipy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
