"""Ramps of chance slope: a data set for tests, of signals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from aigc_tf.datasets.dataset import Dataset, Split
from aigc_tf.datasets.spec import DataSpec


class Ramps(Dataset):
    def __init__(self) -> None:
        slopes = np.random.default_rng(0).uniform(-60, 60, (600, 1))
        self._signals = np.rint(slopes * np.arange(12)).astype(np.int16)
        self._rows = {"train": slice(0, 500), "test": slice(500, 600)}
        fingerprint = f"sha256:{hashlib.sha256(self._signals.tobytes()).hexdigest()}"
        self.spec = DataSpec((12,), 0, 500, (), fingerprint, "ramps by chance", "CC0-1.0", kind="signal")

    def count(self, split: Split) -> int:
        return len(self.stored(split))

    def stored(self, split: Split, rows: slice = slice(None)) -> np.ndarray:
        return self._signals[self._rows[split]][rows]

    def labels(self, split: Split) -> np.ndarray:
        return np.zeros(self.count(split), np.int32)

    def reader(self, split: Split) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        signals = tf.constant(self.stored(split))
        to_model = self.spec.modality.graph.to_model
        return lambda rows: {"signal": to_model(tf.gather(signals, rows)), "label": tf.zeros_like(rows, tf.int32)}

    @property
    def nbytes(self) -> int:
        return self._signals.nbytes


def load(data_dir: Path | None = None) -> Ramps:
    return Ramps()
