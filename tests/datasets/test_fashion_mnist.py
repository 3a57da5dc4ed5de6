"""Fashion-MNIST from local copies, known by what is in them and not by how they were packed."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from aigc_tf.datasets import fashion_mnist, idx
from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.errors import UserError


def packed(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Four small files, taken for the published ones by their content."""
    random = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for kind, count in (("train", 20), ("t10k", 10)):
        arrays[f"{kind}-images-idx3-ubyte"] = random.integers(0, 256, (count, 28, 28), np.uint8)
        arrays[f"{kind}-labels-idx1-ubyte"] = (np.arange(count) % 10).astype(np.uint8)
    images, labels, test_images, test_labels = arrays.values()
    described = ImageDataset.of(
        (images, labels), (test_images, test_labels), class_names=("",) * 10, source="", licence=""
    )
    monkeypatch.setattr(fashion_mnist, "_FINGERPRINT", described.spec.fingerprint)
    return {name: packed(array) for name, array in arrays.items()}


def write(folder: Path, files: dict[str, bytes], level: int | None = 9) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if level is None:
            (folder / name).write_bytes(content)
        else:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, level))


@pytest.mark.parametrize("level", [1, 9, None])
@pytest.mark.parametrize("below", ["", "fashion-mnist"])
def test_the_same_content_is_taken_however_it_was_packed(
    tmp_path: Path, files: dict[str, bytes], level: int | None, below: str
) -> None:
    write(tmp_path / below, files, level)
    dataset = fashion_mnist.load(tmp_path)
    assert dataset.train_images.shape == (20, 28, 28, 1)
    assert dataset.test_labels.tolist() == list(range(10))


def test_the_same_content_in_keras_cache_needs_no_network(no_network: Path, files: dict[str, bytes]) -> None:
    write(no_network / "fashion-mnist", files, level=3)
    assert fashion_mnist.load().spec.num_examples == 20


def test_other_content_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    name = "t10k-images-idx3-ubyte"
    good = files[name]
    write(tmp_path, files)
    for content, said in (
        (good[:-1] + bytes([good[-1] ^ 1]), "does not hold the images that were published"),
        (good[:-1], "is damaged"),
        (good + b"x", "is damaged"),
        (good[:9], "cannot be read"),
        (b"\0\0\x0d" + good[3:], "is damaged, or no idx file of 3 dimensions"),
    ):
        write(tmp_path, {name: content})
        with pytest.raises(UserError, match=f"{said}.*--data-dir must hold fashion-mnist/\\*.gz"):
            fashion_mnist.load(tmp_path)
    for broken in (b"", b"no gzip", gzip.compress(good)[:50]):
        (tmp_path / f"{name}.gz").write_bytes(broken)
        with pytest.raises(UserError, match=f"{name}.gz cannot be read"):
            fashion_mnist.load(tmp_path)


def test_no_more_is_unpacked_than_the_header_announces(tmp_path: Path) -> None:
    bomb = tmp_path / "labels.gz"
    bomb.write_bytes(gzip.compress(packed(np.zeros(3, np.uint8)) + bytes(50_000_000)))
    with pytest.raises(UserError, match="is damaged"):
        idx.read(bomb, 1)
