"""Signals of whole numbers from -1000 to 1000 at equal times, in model space and as numbers [-1, 1], as text files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aigc_tf.contract import Tensor
from aigc_tf.errors import UserError
from aigc_tf.metrics.evidence import Observations
from aigc_tf.modalities.modality import Given, Graph, Judges, Modality, Shape

if TYPE_CHECKING:
    from aigc_tf.datasets.dataset import Dataset


class Signal(Modality):
    name, file, suffix = "signal", "signal", ".txt"
    measures = ("fd", "kernel_distance", "precision_recall")
    quick_measures = ("fd",)

    @property
    def graph(self) -> Graph:
        from aigc_tf.modalities.signal import graph

        return graph

    def check(self, shape: Shape) -> None:
        if len(shape) != 1:
            raise UserError(f"signals have one dimension, not {len(shape)}")

    def in_words(self, shape: Shape) -> str:
        return f"signals of {shape[0]} times"

    def numbers(self, shape: Shape) -> Tensor:
        return Tensor("float32", shape, -1.0, 1.0)

    def to_stored(self, numbers: np.ndarray) -> np.ndarray:
        return np.rint(np.clip(numbers, -1, 1) * np.float32(1000)).astype(np.int16)

    def from_stored(self, stored: np.ndarray) -> np.ndarray:
        return stored / np.float32(1000)

    def read_file(self, file: bytes, shape: Shape) -> np.ndarray:
        return np.array(file.decode().splitlines()[1].split(","), np.int16).reshape(shape)

    def texts(self, file: bytes) -> str:
        origin, values = file.decode().splitlines()
        np.array(values.split(","), np.int16)
        return origin

    def judges(self, choice: str | None, dataset: str, data: Dataset, say: Callable[[str], None]) -> Judges:
        return Judges()

    def look(self, stored: np.ndarray) -> Observations:
        return Observations(features=self.from_stored(stored))

    def read_given(self, path: Path, shape: Shape, progress: Callable[[int], object]) -> Given:
        files = sorted(path.glob("*.txt"))
        return Given(np.stack([self.read_file(file.read_bytes(), shape) for file in files]), {})

    def sheet(self, stored: np.ndarray, columns: int, origin: str = "") -> bytes:
        return "\n".join(",".join(map(str, row)) for row in stored).encode()


MODALITY = Signal()
