"""The contract between what looks at images and what measures them: `Evidence` goes in, `Figure`s come out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal, Protocol, TypeVar

import numpy as np

from aigc_tf.errors import UserError

T = TypeVar("T")

STRANGERS = ("extractor", "classifier", "pixels")
"""Who may judge a figure and is no part of the model under judgement."""


class MissingEvidence(ValueError):
    """A measure needs something that was not observed (labels, say); the others still hold."""


@dataclasses.dataclass(frozen=True)
class Observations:
    """What was seen of one set of N images; row i of every array belongs to image i.

    Attributes:
        features: float [N, D], of the extractor named in `Evidence`.
        probabilities: float [N, K] in [0, 1], rows summing to 1: p(class | image) of the data set's classifier.
        images: uint8 [N, H, W, C], the images themselves.
        labels: int [N] in [0, K): the true classes of real images, the classes that generated ones were asked for.
        extractor_probabilities: float [N, L], rows summing to 1: what the extractor itself tells, where it is a
            classifier of other things than the data set's classes (Inception-v3).
        scores: float [N] by name: what the model under judgement says of them itself.

    A field is None where nobody looked. Raises ValueError for a wrong rank, for values that are not finite, for
    rows that do not agree in number, and for no images at all: a figure made from those would be a NaN in disguise.
    """

    features: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    images: np.ndarray | None = None
    labels: np.ndarray | None = None
    extractor_probabilities: np.ndarray | None = None
    scores: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        rows: dict[str, int] = {}
        arrays = {name: (getattr(self, name), rank) for name, rank in _RANKS.items()}
        for name, (array, rank) in {**arrays, **{name: (score, 1) for name, score in self.scores.items()}}.items():
            if array is None:
                continue
            if array.ndim != rank or 0 in array.shape:
                raise ValueError(f"{name} has the shape {array.shape}: expected {rank} dimensions, none of them empty")
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise UserError(f"{name} holds NaN or infinite values: the images or the network cannot be judged")
            rows[name] = len(array)
        if len(set(rows.values())) > 1:
            raise ValueError(f"observations of one set of images differ in number: {rows}")
        for p in (self.probabilities, self.extractor_probabilities):
            if p is not None and (p.min() < 0 or np.abs(p.sum(axis=1) - 1).max() > 1e-3):
                raise ValueError("probabilities must be at least 0 and sum to 1 in each row; are these logits?")
        if self.images is not None and self.images.dtype != np.uint8:
            raise ValueError(f"images must be uint8, as files hold them, not {self.images.dtype}")

    def __len__(self) -> int:
        """The number of images, 0 where nothing was observed."""
        arrays = (*(getattr(self, name) for name in _RANKS), *self.scores.values())
        return next((len(array) for array in arrays if array is not None), 0)

    def rows(self, index: np.ndarray) -> Observations:
        """What was seen of the images with these numbers, int [M]."""
        arrays = {name: getattr(self, name) for name in _RANKS}
        kept = {name: None if array is None else array[index] for name, array in arrays.items()}
        return Observations(**kept, scores={name: score[index] for name, score in self.scores.items()})


_RANKS = {
    "features": 2,
    "probabilities": 2,
    "images": 4,
    "labels": 1,
    "extractor_probabilities": 2,
}


@dataclasses.dataclass(frozen=True)
class Evidence:
    """All that the measures may look at.

    Attributes:
        real: the held-out real images.
        generated: the generated images.
        training: every image that the model learned from. None: no floors, no test for memorisation.
        extractor: short name of what made the features; it ends the names of figures made from them (`fd_lenet`).
            "inception" is kept for the published weights of the FID, "pixels" for no extractor.
        asked: what measures asked the model for beside its samples (see `Asking`), by the name of the measure.
    """

    real: Observations
    generated: Observations
    training: Observations | None = None
    extractor: str = "lenet"
    asked: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @cached_property
    def floor(self) -> Observations | None:
        """As many training images as were generated (all, where there are fewer), always the same ones.

        They stand in for a perfect model, so the same measure of them is the floor under that number of images.
        They are drawn at random: the first N of MNIST are other people's digits than the rest.
        """
        if self.training is None or not len(self.training):
            return None
        return self.training.rows(np.random.default_rng(0).permutation(len(self.training))[: len(self.generated)])

    def once(self, make: Callable[[Evidence], T]) -> T:
        """`make(self)`, made once and kept as long as this evidence: for searches that several readers share."""
        made = vars(self).setdefault("_made", {})
        if make not in made:
            made[make] = make(self)
        return made[make]

    def named(self, measure: str) -> str:
        """The name of a figure made from the features: `fd_lenet`, and `fid` only with the published weights."""
        if self.extractor == "inception":
            return {"fd": "fid"}.get(measure, measure)
        return f"{measure}_{self.extractor}"


@dataclasses.dataclass(frozen=True)
class Figure:
    """One number about the generated images, and how to read it.

    Attributes:
        value: the number; always finite.
        better: the direction in which images get better; "neither" for a diagnostic.
        reference: what a perfect model scores, under the same number of images: the floor of a figure that is
            better when lower, the ceiling of one that is better when higher. It is estimated from real images and
            therefore no strict bound. None where there is none.
        note: what a person should know beside the number; mostly empty.
        warning: what should worry a person ("classes lost: 3, 7"); it is shown like a note, and among the record's
            warnings. Mostly empty.
        interval: (low, high), 95 % confidence: where the value would lie with other seeds, all else the same (the real
            images stay fixed). Its making is told by the measure's page. None where none can be had.
        judged_by: whose eyes it depends on: "extractor", "classifier", "pixels" for nobody's, or else a part of the
            model under judgement; the record tells who that was.
    """

    value: float
    better: Literal["higher", "lower", "neither"]
    reference: float | None = None
    note: str = ""
    interval: tuple[float, float] | None = None
    judged_by: str = "extractor"
    warning: str = ""

    def __post_init__(self) -> None:
        for name, number in {"value": self.value, "reference": self.reference}.items():
            if number is not None and not np.isfinite(number):
                raise ValueError(f"a figure's {name} must be finite, not {number}")
        if self.interval is not None and not (
            np.isfinite(self.interval).all() and self.interval[0] <= self.interval[1]
        ):
            raise ValueError(
                f"a figure's interval must be two finite numbers, the lower one first, not {self.interval}"
            )


class Measure(Protocol):
    """The signature of `measure` in each file of this folder.

    Pure: the same evidence gives the same figures. Raises MissingEvidence where an array it needs is None, and
    ValueError where the arrays cannot be measured (too few images, classes or features that do not agree).
    """

    def __call__(self, evidence: Evidence) -> dict[str, Figure]: ...


class Asked(Protocol):
    """A model under judgement, as far as measures may ask it for more than its samples.

    Attributes:
        held_out: the number of held-out examples.
    """

    held_out: int

    def ways_in(self) -> Mapping[str, int]:
        """How many numbers the standard normal vectors have that it makes content of, by the name of such a way."""

    def decode(self, vectors: np.ndarray, signature: str) -> np.ndarray:
        """Stored content [N, ...] for vectors float32 [N, Z] that go that way."""

    def scores(self, rows: np.ndarray, **inputs: float) -> Mapping[str, np.ndarray]:
        """What the model itself says of the held-out examples with these numbers, int [N]: arrays [N] by name. `inputs`
        are what its scores take beside content, where they are not to have their defaults."""


class Asking(Protocol):
    """The signature of `ask` in the files of measures that look at more than samples.

    `look` tells what the judges see in stored content. None where the model cannot answer.
    """

    def __call__(self, model: Asked, look: Callable[[np.ndarray], Observations]) -> np.ndarray | None: ...


def need_score(observations: Observations, name: str, whose: str) -> np.ndarray:
    """The score `name`, float [N]; MissingEvidence, naming `whose` ("real", …), where the model gives none."""
    if name not in observations.scores:
        raise MissingEvidence(f"no {name} of {whose} images were given")
    return observations.scores[name]


def need(observations: Observations | None, field: str, whose: str) -> np.ndarray:
    """The array `field` of `observations` as it is; MissingEvidence, naming `whose` ("real", …), if there is none."""
    array = None if observations is None else getattr(observations, field)
    if array is None:
        raise MissingEvidence(f"no {field} of {whose} images were given")
    return array


def need_probabilities(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Class probabilities of the (real, generated) images, [N, K] each with the same K; ValueError otherwise."""
    real = need(evidence.real, "probabilities", "real")
    generated = need(evidence.generated, "probabilities", "generated")
    if real.shape[1] != generated.shape[1]:
        raise ValueError(
            f"real images were told into {real.shape[1]} classes, generated ones into {generated.shape[1]}: "
            "use one classifier for both"
        )
    return real, generated
