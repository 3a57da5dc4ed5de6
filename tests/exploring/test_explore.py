"""`python -m aigc_tf explore`: the page, its pictures and what they say of themselves."""

from __future__ import annotations

import base64
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, refused, run, succeed
from PIL import ExifTags, Image, ImageSequence

from aigc_tf import contract, subjects
from aigc_tf.exploring.decoder import Decoder

EXPLORE = ("-m", "aigc_tf", "explore")


@pytest.fixture(scope="module")
def export(tiny_run) -> Path:
    return tiny_run / "export" / "synthetic" / "1"


@pytest.fixture(scope="module")
def origin(export) -> str:
    return contract.of_export(export).origin


@pytest.fixture(scope="module")
def decoder(export) -> Decoder:
    return Decoder.of(subjects.of_export(export))


def cell(sheet: Path, row: int, column: int, like: np.ndarray) -> np.ndarray:
    """An image of a sheet, which shows each of its pixels as a square."""
    image = np.asarray(Image.open(sheet))
    image = image if image.ndim == 3 else image[..., np.newaxis]
    height, width = like.shape[:2]
    times = -(-48 // max(height, width))
    small = image[::times, ::times]
    top, left = 2 + row * (height + 2), 2 + column * (width + 2)
    return small[top : top + height, left : left + width]


def test_the_page_shows_all_that_the_model_can(explored):
    page = ElementTree.parse(explored / "index.html").getroot()
    text = " ".join("".join(page.itertext()).split())
    told = ["Walks", "Principal directions", "Direction 8", "Sweeps", "Truncation", "Nearest training images"]
    assert [each for each in told if each not in text] == []
    assert "From class to class" not in text  # it takes none
    assert len(re.findall(r"distance \d", text)) == 8
    files = {link.get("href") for link in page.iter("a") if not link.get("href").startswith("#")}
    assert files == {path.name for path in explored.iterdir()} - {"index.html"}
    assert {"walk.gif", "walk.webp", "walk.png", "direction-1.png", "sweep-truncation.png"} <= files


def test_every_picture_says_what_made_it(explored, origin):
    shown = re.findall(r'src="data:image/\w+;base64,([^"]+)"', (explored / "index.html").read_text())
    assert len(shown) > 15 and all(origin.encode() in base64.b64decode(each) for each in shown)
    for path in explored.iterdir():
        if path.suffix == ".gif":
            assert Image.open(path).info["comment"].decode() == origin
        elif path.suffix == ".webp":
            assert Image.open(path).getexif()[ExifTags.Base.ImageDescription] == origin
        elif path.suffix == ".png":
            assert Image.open(path).text["Source"] == origin


def test_a_walk_goes_from_seed_to_seed(explored, decoder):
    images = decoder.subject.generate(np.arange(24))
    for row in range(6):
        np.testing.assert_array_equal(cell(explored / "walk.png", row, 0, images[0]), images[row])
        np.testing.assert_array_equal(cell(explored / "walk.png", row, 6, images[0]), images[12 + row])
    for name in ("walk.gif", "walk.webp"):
        moving = Image.open(explored / name)
        frames = [
            frame.copy() for frame in ImageSequence.Iterator(moving)
        ]  # what looks like the one before is one with it
        assert len(frames) > 10 and moving.info["loop"] == 0
        assert sum(frame.info["duration"] for frame in frames) == 48 * 90


def test_directions_pass_through_the_seed_and_change_it(explored, decoder):
    images = decoder.subject.generate(np.arange(3))
    first = decoder.directions[0]
    ends = decoder.make(decoder.vectors_of(np.arange(3)) + 3 * first)
    for row in range(3):
        np.testing.assert_array_equal(cell(explored / "direction-1.png", row, 4, images[0]), images[row])
        np.testing.assert_array_equal(cell(explored / "direction-1.png", row, 8, images[0]), ends[row])
        assert (images[row] != ends[row]).any()


def test_a_sweep_ends_where_nothing_steers(explored, decoder):
    images, sheet = decoder.subject.generate(np.arange(6)), explored / "sweep-truncation.png"
    typical = cell(sheet, 0, 0, images[0])
    for row in range(6):
        np.testing.assert_array_equal(cell(sheet, row, 0, images[0]), typical)
        np.testing.assert_array_equal(cell(sheet, row, 6, images[0]), images[row])


def test_an_export_gives_the_same_files(explored, export, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert succeed(run(*EXPLORE, export.parent, cwd=tmp_path)).strip() == "exploration/index.html"
    names = {path.name for path in explored.iterdir()}
    assert names == {path.name for path in (tmp_path / "exploration").iterdir()} and len(names) > 10
    for name in names - {"index.html"}:
        assert (explored / name).read_bytes() == (tmp_path / "exploration" / name).read_bytes(), name


def test_what_is_not_there_is_left_out_with_a_sentence(tiny_run, tmp_path):
    """An export of before, whose contract names no directions, and whose data are gone."""
    old = Path(shutil.copytree(tiny_run / "export" / "synthetic" / "1", tmp_path / "1"))
    card_file, contract_file = old / "assets.extra" / "model_card.json", old / contract.FILE
    card, told = json.loads(card_file.read_text()), json.loads(contract_file.read_text())
    del told["signatures"]["decode"]["directions"]
    contract_file.write_text(json.dumps(told))
    card["recipe"] |= {"dataset": "mnist", "data_dir": str(tmp_path / "gone")}
    card_file.write_text(json.dumps(card))
    succeed(run(*EXPLORE, old, "--out", tmp_path / "out"))
    text = (tmp_path / "out" / "index.html").read_text()
    assert "names no directions" in text and "are not at hand" in text
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".html", ".png", ".gif", ".webp"}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["EXPORT", "--step", 10], "--step chooses among what a run keeps"),
        (["RUN", "--step", 11], "has no checkpoint of step 11"),
        (["RUN", "--class", "ring"], "this model takes no classes"),
        (["RUN", "--seed", -1], "--seed -1 must be from 0 to"),
        (["RUN", "--out", ROOT / "README.md"], "nothing can be saved in"),
        ([ROOT / "docs"], "is neither a run (it has no config.json) nor an export"),
    ],
)
def test_it_refuses_in_a_sentence(tiny_run, export, flags, said):
    given = [{"RUN": tiny_run, "EXPORT": export}.get(flag, flag) for flag in flags]
    assert said in refused(run(*EXPLORE, *given))
