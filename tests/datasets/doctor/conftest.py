"""Folders of small images for the doctor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def paint(tmp_path) -> Callable[..., Path]:
    """Writes an image unlike all others, of patches in random colours, into `tmp_path / "images"`."""
    random = np.random.default_rng(0)

    def write(name: str, size: tuple[int, int] = (24, 24), grey: bool = False, **options: object) -> Path:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        patches = random.integers(0, 256, (6, 6) if grey else (6, 6, 3), np.uint8)
        Image.fromarray(patches).resize(size[::-1], Image.Resampling.BICUBIC).save(path, **options)
        return path

    return write
