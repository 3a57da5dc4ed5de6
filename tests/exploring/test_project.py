"""`python -m aigc_tf project`: the way back from an image to the vector that it is made of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from commands import ROOT, refused, run, succeed
from PIL import Image

from aigc_tf.metrics.quantise import quantise

PROJECT = ("-m", "aigc_tf", "project")


@pytest.fixture(scope="module")
def given(tiny_run, tmp_path_factory) -> Path:
    """An image that the model made of a seed that the search does not try."""
    folder = tmp_path_factory.mktemp("given")
    succeed(run("-m", "aigc_tf", "generate", tiny_run, "--seed", 5000, "--count", 1, "--out", folder))
    return folder / "00005000.png"


@pytest.fixture(scope="module")
def projected(tiny_run, given) -> Path:
    said = succeed(run(*PROJECT, given, "--of", tiny_run))
    assert said.startswith("distance 0.0") and said.splitlines()[1].endswith("00005000-projected/projection.json")
    return given.parent / "00005000-projected"


def test_what_the_model_made_is_found_again(given, projected):
    told = json.loads((projected / "projection.json").read_text())
    assert told["distance"] < 0.1 * told["distance_of_random_vectors"]
    image, found = (np.asarray(Image.open(path)) / 255 for path in (given, projected / "found.png"))
    assert np.sqrt(np.mean((image - found) ** 2)) == pytest.approx(told["distance"], abs=2 / 255)


def test_the_vector_makes_what_was_found(tiny_run, projected):
    told = json.loads((projected / "projection.json").read_text())
    model = tf.saved_model.load(str(tiny_run / "export" / "synthetic" / "1"))
    made = model.signatures[told["signature"]](latent=tf.constant([told["latent"]]))["image"].numpy()
    found = np.asarray(Image.open(projected / "found.png"))
    np.testing.assert_array_equal(quantise(made)[0].reshape(found.shape), found)
    for name in ("found.png", "comparison.png"):
        assert Image.open(projected / name).text["Source"] == told["origin"]


def test_a_seed_decides_all_of_it_for_an_export_too(tiny_run, given, projected, tmp_path):
    """Through a loaded SavedModel gradients go as well, and the same seed gives the same files."""
    export = tiny_run / "export" / "synthetic"
    for name in ("one", "other"):
        succeed(run(*PROJECT, given, "--of", export, "--out", tmp_path / name))
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()} and len(files) == 3
    of_run, of_export = (json.loads((each / "projection.json").read_text()) for each in (projected, tmp_path / "one"))
    assert of_export["distance"] == pytest.approx(of_run["distance"], rel=0.2)
    assert of_export["started_from"] == of_run["started_from"]


@pytest.mark.parametrize(
    ("name", "flags", "said"),
    [
        ("small.png", [], "is 8x9 pixels, but the images that go with it are"),
        ("text.png", [], "cannot be read as an image"),
        ("gone.png", [], "is no folder and no image file"),
        ("given", ["--class", "ring"], "this model takes no classes"),
        ("given", ["--step", 11], "has no checkpoint of step 11"),
        ("given", ["--out", ROOT / "README.md"], "nothing can be saved in"),
    ],
)
def test_it_refuses_in_a_sentence(tiny_run, given, tmp_path, name, flags, said):
    Image.new("L", (9, 8)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("no image")
    image = given if name == "given" else tmp_path / name
    assert said in refused(run(*PROJECT, image, "--of", tiny_run, *flags))


def test_a_folder_is_no_image(tiny_run, tmp_path):
    for number in range(2):
        Image.new("L", (28, 28)).save(tmp_path / f"{number}.png")
    assert refused(run(*PROJECT, tmp_path, "--of", tiny_run))
