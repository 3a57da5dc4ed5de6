"""What holds for every data set of the registry."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from aigc_tf.datasets import DATASETS

WITHOUT_FILES = ("mnist_5k", "stacked_mnist_5k", "synthetic")
OFFLINE = ("mnist", "stacked_mnist", *WITHOUT_FILES)


def test_listing_the_names_imports_no_numpy_and_no_tensorflow() -> None:
    code = (
        "import sys; from aigc_tf.datasets import DATASETS; names = list(DATASETS); "
        "assert 'mnist' in DATASETS and not {'numpy', 'tensorflow'} & sys.modules.keys(); print(*names)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == list(DATASETS)


@pytest.mark.parametrize("name", OFFLINE)
def test_loads_without_network(name: str) -> None:
    dataset, again = DATASETS[name](), DATASETS[name]()
    spec = dataset.spec
    assert spec.fingerprint == again.spec.fingerprint
    assert spec.num_examples == len(dataset.train_images) == len(dataset.train_labels)
    assert spec.source and spec.licence
    for images, labels in (
        (dataset.train_images, dataset.train_labels),
        (dataset.test_images, dataset.test_labels),
    ):
        assert images.dtype == np.uint8 and images.shape[1:] == spec.image_shape
        assert labels.dtype == np.int32
        assert len(set(np.bincount(labels, minlength=spec.num_classes))) == 1, "classes are balanced"
    train = {image.tobytes() for image in dataset.train_images}
    assert not any(image.tobytes() in train for image in dataset.test_images), "held-out images are not trained on"


@pytest.mark.parametrize("name", sorted(set(DATASETS) - set(OFFLINE)))
def test_without_cache_and_network_is_one_sentence_within_seconds(name: str) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match="does not exist, and it cannot be downloaded .*: give --data-dir") as caught:
        DATASETS[name]()
    assert time.monotonic() - start < 10
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(set(DATASETS) - set(WITHOUT_FILES)))
def test_empty_data_dir_is_refused_and_left_alone(name: str, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    with pytest.raises(ValueError, match="does not exist: --data-dir must hold"):
        DATASETS[name](given)
    assert not list(given.iterdir())


def test_synthetic_shapes_can_be_told_apart() -> None:
    dataset = DATASETS["synthetic"](Path("ignored"))
    # Centre of mass, whether there is light in it, and how the light spreads: enough for a person, so for a network.
    images = dataset.test_images[..., 0].astype(np.float64)
    rings = dataset.test_labels == dataset.spec.class_names.index("ring")
    rows = np.arange(16)
    mass = images.sum((1, 2))
    y = np.rint((images.sum(2) @ rows) / mass).astype(int)
    x = np.rint((images.sum(1) @ rows) / mass).astype(int)
    centers = images[np.arange(len(images)), y, x]
    assert np.mean((centers < 0.5 * images.max((1, 2))) == rings) > 0.97
    assert images[:, [0, -1]].max() > 0, "shapes reach the border"
    assert images[:, 0, 0].max() < 128, "and stay inside"
