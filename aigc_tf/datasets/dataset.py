"""The contract of a data set: rows by number, in memory or not, the same to all who read them."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from aigc_tf.datasets.spec import DataSpec
from aigc_tf.errors import FaultError

if TYPE_CHECKING:
    import tensorflow as tf

Split = Literal["train", "test"]
"""What is trained on, and what is held out."""


class Dataset(abc.ABC):
    """Content and labels of both splits.

    Attributes:
        spec: what the rest of the house may know about it.
    """

    spec: DataSpec

    @functools.cached_property
    def faults(self) -> list[FaultError]:
        """Why `reader` could not read rows: TensorFlow hands on no errors of ours."""
        return []

    @abc.abstractmethod
    def count(self, split: Split) -> int:
        """The number of its examples."""

    @abc.abstractmethod
    def stored(self, split: Split, rows: slice = slice(None)) -> npt.NDArray[Any]:
        """Examples [N, ...] as they are stored (see `Modality`), read-only."""

    def at_hand(self, split: Split) -> int:
        """How many of its examples, from the first on, fit into memory at once: for judges, who look at those."""
        return self.count(split)

    @abc.abstractmethod
    def labels(self, split: Split) -> npt.NDArray[np.int32]:
        """int32 [N], values 0 to num_classes - 1; all 0 where there are no classes."""

    @abc.abstractmethod
    def reader(self, split: Split) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        """A function for graphs from row numbers int64 [B] to a batch: content float32 [B, ...] in model space under
        the name of its modality ("image"), and "label", int32 [B]. Make it once: it may hold a copy of all content."""

    @property
    @abc.abstractmethod
    def nbytes(self) -> int:
        """Bytes of memory that the stored content takes."""
