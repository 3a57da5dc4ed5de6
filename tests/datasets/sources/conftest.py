"""Folders of small images, and a cache of their own for what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from own_images import picture

from aigc_tf.datasets import loading
from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.datasets.records import shards
from aigc_tf.datasets.sources import folder, prepared


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("AIGC_TF_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def images(tmp_path) -> Path:
    """60 images, in two classes of 40 and 20."""
    folder = tmp_path / "images"
    for number in range(60):
        path = folder / ("cat" if number % 3 else "dog") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(path)
    return folder


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def load(said) -> Callable[..., Dataset]:
    """`load("folder:PATH", setting=…)`; what it says goes into `said`."""

    def load(dataset: str, **settings: object) -> Dataset:
        return loading.load(DataConfig(dataset=dataset, **settings), said.append)

    return load


@pytest.fixture
def records(images, tmp_path, monkeypatch) -> Path:
    """The 60 images in four shards."""
    monkeypatch.setattr(shards, "_SHARD_BYTES", 15 * 560)
    config = DataConfig(dataset=f"folder:{images}", licence="CC0")
    prepared.make(folder.originals(config), config, tmp_path / "records")
    return tmp_path / "records"
