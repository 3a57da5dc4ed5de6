"""What a kind of content declares. Importing this module imports no TensorFlow."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from aigc_tf.contract import Tensor
from aigc_tf.errors import UserError
from aigc_tf.metrics.evidence import Observations
from aigc_tf.metrics.extractor import Extractor

if TYPE_CHECKING:
    import tensorflow as tf

    from aigc_tf.datasets.dataset import Dataset

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Judges:
    """Who looks at content for the measures.

    Attributes:
        extractor: makes the features; None where the content itself has them, or nobody can make any.
        classifier: tells the data set's classes; None where there are none. The same object as `extractor` where that
            is the data set's own classifier.
    """

    extractor: Extractor | None = None
    classifier: Extractor | None = None


@dataclasses.dataclass(frozen=True)
class Given:
    """Content that anybody made, as judges take it: stored [N, ...], and the numbers of what lay beside it and was left
    out, by what it is."""

    stored: np.ndarray
    left_out: dict[str, int]


class Modality(abc.ABC):
    """How content is kept, shown, put into files, and looked at.

    It has three forms. *Stored* is what data sets and files hold, exactly. In *model space* networks learn it and make
    it. As *numbers* people and judges get it from the signature `sample`.

    Attributes:
        name: its name in MODALITIES, and that of the tensors that hold it.
        file: the kind of file that holds one example, as contracts call it.
        suffix: what the names of such files end in.
        measures: those of METRICS that judge it.
        label_measures: those that judge what was asked for by its label, beside the others.
        quick_measures: those of both that are quick enough while a model trains (`--evaluate-every`).
    """

    name: str
    file: str
    suffix: str
    measures: tuple[str, ...]
    label_measures: tuple[str, ...] = ()
    quick_measures: tuple[str, ...]

    @property
    @abc.abstractmethod
    def graph(self) -> Graph:
        """What it does in TensorFlow's graphs; imports TensorFlow."""

    @abc.abstractmethod
    def check(self, shape: Shape) -> None:
        """Raise UserError for a shape of one example that cannot be learned."""

    @abc.abstractmethod
    def in_words(self, shape: Shape) -> str:
        """ "images of 28x28 pixels with 1 channels"."""

    @abc.abstractmethod
    def numbers(self, shape: Shape) -> Tensor:
        """Of what kind and in what range its numbers are."""

    @abc.abstractmethod
    def to_stored(self, numbers: np.ndarray) -> np.ndarray:
        """Stored content for numbers, rounded as the graph does it. UserError for NaN and infinity."""

    @abc.abstractmethod
    def from_stored(self, stored: np.ndarray) -> np.ndarray:
        """The numbers, float32, of stored content."""

    @abc.abstractmethod
    def read_file(self, file: bytes, shape: tuple[int | None, ...]) -> np.ndarray:
        """Stored content of one file. ValueError for what is no whole file of this kind, or of another shape, in which
        None is any size."""

    @abc.abstractmethod
    def texts(self, file: bytes) -> str:
        """What a file says about itself, in which its origin must be found. ValueError as for `read_file`."""

    @abc.abstractmethod
    def judges(self, choice: str | None, dataset: str, data: Dataset, say: Callable[[str], None]) -> Judges:
        """Those that `evaluate.py --extractor` chooses for what is like `data`, which go by the name `dataset`; None
        leaves the choice to what `data` allows.

        `say` is given a line before anything slow. UserError where there is no such extractor, or it cannot see such
        content.
        """

    @abc.abstractmethod
    def look(self, stored: np.ndarray) -> Observations:
        """What is seen in stored content [N, ...] without any network."""

    @abc.abstractmethod
    def read_given(self, path: Path, shape: Shape, progress: Callable[[int], object]) -> Given:
        """Content of others at `path`; `progress` is called with the number of examples read. UserError for what cannot
        be read, or is of another shape."""

    def read_one(self, file: Path, shape: tuple[int | None, ...]) -> np.ndarray:
        """The numbers of the one example in a file of others. Raises UserError as `read_given`, and for several."""
        given = self.read_given(file, tuple(size or 0 for size in shape), lambda count: None).stored
        if len(given) != 1:
            raise UserError(f"{file} holds {len(given)} {self.name}s: give a file with one")
        return self.from_stored(given)[0]

    @abc.abstractmethod
    def sheet(self, stored: np.ndarray, columns: int, origin: str = "") -> bytes:
        """Many examples in one file of this kind, for the eye, in rows of `columns`; it says `origin` where that is not
        empty."""


class Graph(Protocol):
    """A module of functions on tensors [N, ...], which AutoGraph converts no more than those of a family."""

    def to_model(self, stored: tf.Tensor) -> tf.Tensor:
        """Stored content in model space, float32."""

    def to_stored(self, made: tf.Tensor) -> tf.Tensor:
        """Content in model space, as it is stored: clipped and rounded."""

    def to_numbers(self, made: tf.Tensor) -> tf.Tensor:
        """Content in model space as numbers."""

    def from_numbers(self, numbers: tf.Tensor) -> tf.Tensor:
        """Numbers in model space."""

    def encode(self, stored: tf.Tensor, origin: str) -> tf.Tensor:
        """Files, string [N], each of which says `origin` where that is not empty."""

    def summarise(self, name: str, stored: tf.Tensor, columns: int) -> None:
        """Show stored content in TensorBoard, in rows of `columns`, under the default writer and step."""
