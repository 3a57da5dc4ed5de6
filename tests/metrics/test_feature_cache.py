"""Kept features: read as they were written, made anew when damaged, never in the way."""

import numpy as np
import pytest

from aigc_tf.metrics import feature_cache
from aigc_tf.metrics.evidence import Observations
from aigc_tf.metrics.extractor import Extractor, observe

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), dtype=np.uint8)


def look(images: np.ndarray) -> Observations:
    return Observations(images.reshape(len(images), -1).astype(np.float32))


EYES = Extractor("pixels", "pixels", "sha256:1", "none", None, 64, look, batch_size=5)


def test_every_damage_costs_a_warning_and_a_new_look(tmp_path):
    expected = look(IMAGES).features
    observe(EYES, IMAGES, content="a", cache=tmp_path)
    (path,) = (tmp_path / "features").iterdir()
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for content in (b"", b"no archive", whole[:middle], whole[:-30], flipped):
        path.write_bytes(content)
        with pytest.warns(UserWarning, match=rf"{path.name}.*looked at anew"):
            seen = observe(EYES, IMAGES, content="a", cache=tmp_path)
        np.testing.assert_array_equal(seen.features, expected)
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"features": np.array([print], dtype=object)}, "no readable arrays"),
        ({"features": np.full((12, 64), np.nan, np.float32)}, "NaN"),
        ({"features": np.zeros((11, 64), np.float32)}, "tells of 11 images, expected 12"),
        ({"features": np.zeros((12, 64), np.float32), "labels": np.zeros(12)}, "holds labels"),
        ({}, "tells of 0 images"),
    ],
)
def test_a_file_of_something_else_is_not_taken(tmp_path, arrays, reason):
    path = tmp_path / "features.npz"
    np.savez(path, **arrays)
    with pytest.warns(UserWarning, match=reason):
        assert feature_cache.read(path, 12) is None


def test_an_unwritable_place_costs_a_warning(tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="could not be kept"):
        seen = observe(EYES, IMAGES, content="a", cache=tmp_path / "file")
    assert len(seen) == 12


def test_the_name_of_a_file_tells_all_that_decides_its_content(tmp_path, monkeypatch):
    name = feature_cache.path(tmp_path, "sha256:1", "none", "a")
    assert name.parent == tmp_path / "features"
    others = {
        feature_cache.path(tmp_path, "sha256:2", "none", "a"),
        feature_cache.path(tmp_path, "sha256:1", "bilinear", "a"),
        feature_cache.path(tmp_path, "sha256:1", "none", "b"),
    }
    monkeypatch.setattr(feature_cache, "VERSION", feature_cache.VERSION + 1)
    others.add(feature_cache.path(tmp_path, "sha256:1", "none", "a"))
    assert len(others) == 4 and name not in others
