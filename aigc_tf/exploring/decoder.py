"""A model that makes content of vectors, as its contract tells it."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from aigc_tf.contract import Contract, Purpose, Signature
from aigc_tf.errors import UserError
from aigc_tf.parts import walks
from aigc_tf.subjects import Subject, vector_of


@dataclasses.dataclass(frozen=True)
class Decoder:
    """The ways into a model by vectors.

    Attributes:
        subject: the model.
        name: of the signature that makes content of a vector.
        width: numbers of a vector.
    """

    subject: Subject
    name: str
    width: int

    @classmethod
    def of(cls, subject: Subject) -> Decoder | None:
        """None for a model that makes nothing of vectors."""
        return next((cls(subject, name, width) for name, width in subject.ways_in().items()), None)

    @property
    def promised(self) -> Contract:
        assert self.subject.contract is not None  # it has a way in
        return self.subject.contract

    @property
    def signature(self) -> Signature:
        return self.promised.signatures[self.name]

    @property
    def vector(self) -> str:
        """The name of the input that takes vectors."""
        return vector_of(self.signature.inputs)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what is made; read off the function, for older contracts do not say it."""
        (made,) = self.subject.signatures[self.name].structured_outputs.values()
        return tuple(made.shape[1:])

    @property
    def directions(self) -> np.ndarray:
        """Along which what it makes changes most, float32 [D, Z], the most telling first; none where none is known."""
        return np.array(self.signature.directions, np.float32).reshape(-1, self.width)

    def named(self, purpose: Purpose) -> str | None:
        """The signature of this purpose, if there is one."""
        return next(iter(self.promised.named(purpose)), None)

    def vectors_of(self, seeds: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Vectors float32 [N, Z] of what seeds int64 [N] give. One made before models told them encodes its samples,
        if it can, else they are standard normal. Raises UserError where they are not finite."""
        draw, encode = self.named("draw"), self.named("encode")
        if draw is not None:
            return self._finite(self.subject.answers(draw, {"seed": seeds, **_given(labels)})[self.vector])
        if encode is None:
            return walks.ends(seeds, self.width)
        return self.encoded(self.subject.generate(seeds, labels), encode, labels)

    def encoded(self, stored: np.ndarray, encode: str, labels: np.ndarray | None = None) -> np.ndarray:
        """What the signature `encode` finds in stored content [N, ...]: float32 [N, Z]. Errors as for `vectors_of`."""
        found = self.subject.answers(encode, {self.subject.modality.name: stored, **_given(labels)})
        return self._finite(found[self.vector])

    def _finite(self, vectors: np.ndarray) -> np.ndarray:
        if not np.isfinite(vectors).all():
            raise UserError(f"{self.subject.path} gives vectors that are no numbers: it is damaged")
        return vectors

    def make(self, vectors: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Stored content [N, ...]."""
        return self.subject.decode(vectors, self.name, labels)

    def numbers(self, vectors: tf.Tensor, labels: np.ndarray | None = None) -> tf.Tensor:
        """The same as numbers (see `Modality`), float32 [N, ...], to take a gradient of."""
        given = {key: tf.constant(rows, tf.int64) for key, rows in _given(labels).items()}
        (made,) = self.subject.signatures[self.name](**{self.vector: vectors, **given}).values()
        return made


def _given(labels: np.ndarray | None) -> dict[str, np.ndarray]:
    return {} if labels is None else {"label": labels}
