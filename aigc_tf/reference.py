"""What is judged is held against this: real examples, and what the judges see in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from tqdm import tqdm

from aigc_tf import terminal
from aigc_tf.datasets.dataset import Dataset, Split
from aigc_tf.metrics.evidence import Observations
from aigc_tf.metrics.extractor import Extractor, observe
from aigc_tf.metrics.feature_cache import FIELDS
from aigc_tf.modalities.modality import Judges, Modality

Progress = Callable[[int], object]


@dataclasses.dataclass(frozen=True)
class Reference:
    """Real examples and their judges, made once and used for as many judgements as wanted.

    Attributes:
        data: the examples.
        judges: who looks.
        real: what they see in the held-out examples.
        training: what they see in the training examples, as many as are at hand (`Dataset.at_hand`); None where there
            are none.
        stored: those held-out examples, as they are stored.
    """

    data: Dataset
    judges: Judges
    real: Observations
    training: Observations | None
    stored: np.ndarray

    @classmethod
    def prepare(
        cls,
        data: Dataset,
        dataset: str,
        extractor_choice: str | None = None,
        say: Callable[[str], None] = print,
        several: Callable[[Judges], Judges] = lambda judges: judges,
    ) -> Reference:
        """Load the judges (see `Modality.judges`) and let them look at all real examples, or recall what they saw.

        `several` may put others in their place who see the same.

        Raises ValueError where `extractor_choice` cannot look at such examples.
        """
        modality, labelled = data.spec.modality, data.spec.num_classes > 0
        judges = several(modality.judges(extractor_choice, dataset, data, say))

        def look(split: Split, stored: np.ndarray) -> Observations:
            content = f"{data.spec.fingerprint}-{_NAMES[split]}"
            if len(stored) < data.count(split):
                content += f"-{len(stored)}"
            seen = _look(modality, judges, stored, content, progress)
            return dataclasses.replace(seen, labels=data.labels(split)[: len(stored)] if labelled else None)

        with progress_bar("looking at real examples", data.at_hand("test") + data.at_hand("train")) as progress:
            held_out = data.stored("test", slice(data.at_hand("test")))
            real = look("test", held_out)
            training = (
                look("train", data.stored("train", slice(data.at_hand("train")))) if data.count("train") else None
            )
        return cls(data, judges, real, training, held_out)

    @property
    def extractor(self) -> Extractor | None:
        """What makes the features."""
        return self.judges.extractor

    @property
    def classifier(self) -> Extractor | None:
        """What tells the classes."""
        return self.judges.classifier

    def look(self, stored: np.ndarray, progress: Progress | None = None) -> Observations:
        """What the judges see in other stored content [N, ...]."""
        return _look(self.data.spec.modality, self.judges, stored, None, progress)


_NAMES: dict[Split, str] = {"train": "training", "test": "held-out"}


def _look(
    modality: Modality, judges: Judges, stored: np.ndarray, content: str | None, progress: Progress | None
) -> Observations:
    bare = modality.look(stored)
    if judges.extractor is None:
        return bare
    seen = observe(judges.extractor, stored, content=content, progress=progress)
    fields = {name: getattr(seen, name) for name in FIELDS if getattr(seen, name) is not None}
    if judges.classifier not in (None, judges.extractor):
        fields["probabilities"] = observe(judges.classifier, stored, content=content).probabilities
    return dataclasses.replace(bare, **fields)


@contextmanager
def progress_bar(title: str, total: int | None, unit: str = " examples") -> Iterator[Progress]:
    """A bar on standard error that vanishes when done, only for a terminal; gives the function that moves it on.

    `total` is None where nobody knows it yet.
    """
    with tqdm(desc=title, total=total, unit=unit, leave=False, disable=terminal.no_bar()) as bar:
        yield bar.update
