"""What generated images are judged against: real images, and what the judges see in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from tqdm import tqdm

from aigc_tf.datasets.image_dataset import ImageDataset
from aigc_tf.metrics.classifier import load_classifier
from aigc_tf.metrics.evidence import Observations
from aigc_tf.metrics.extractor import Extractor, observe
from aigc_tf.metrics.extractors import load_extractor

Progress = Callable[[int], object]

ONLY_PIXELS = (
    "the images carry no labels, so no small classifier can be trained to look at them, and pixels alone are judged: "
    "--extractor inception, or PATH of a Keras model, sees more"
)


@dataclasses.dataclass(frozen=True)
class Reference:
    """Real images and their judges, made once and used for as many judgements as wanted.

    Attributes:
        data: the images.
        extractor: makes the features; None for images without labels where no other extractor was chosen: such are
            judged by their pixels.
        classifier: tells the data set's classes; None for images without labels. The same object as `extractor` where
            that is the data set's own classifier.
        real: what they see in the held-out images.
        training: what they see in all training images; None where these are not known.
    """

    data: ImageDataset
    extractor: Extractor | None
    classifier: Extractor | None
    real: Observations
    training: Observations | None

    @classmethod
    def prepare(
        cls, data: ImageDataset, dataset: str, extractor_choice: str = "lenet", say: Callable[[str], None] = print
    ) -> Reference:
        """Load the judges (see `load_extractor`) and let them look at all real images, or recall what they saw.

        Raises ValueError where `extractor_choice` cannot look at such images.
        """
        labelled = data.spec.num_classes > 0
        extractor = classifier = None
        if labelled or extractor_choice != "lenet":
            extractor = load_extractor(extractor_choice, dataset, data, announce=say)
            classifier = extractor if extractor_choice == "lenet" else None
        else:
            say(ONLY_PIXELS)
        if classifier is None and labelled:
            classifier = load_classifier(dataset, data, announce=say)

        def look(split: str, images: np.ndarray, labels: np.ndarray) -> Observations:
            seen = _look(extractor, classifier, images, f"{data.spec.fingerprint}-{split}", progress)
            return dataclasses.replace(seen, images=images, labels=labels if labelled else None)

        with progress_bar("looking at real images", len(data.test_images) + len(data.train_images)) as progress:
            real = look("held-out", data.test_images, data.test_labels)
            training = look("training", data.train_images, data.train_labels) if len(data.train_images) else None
        return cls(data, extractor, classifier, real, training)

    def look(self, images: np.ndarray, progress: Progress | None = None) -> Observations:
        """What both judges see in other images uint8 [N, H, W, C]."""
        return _look(self.extractor, self.classifier, images, None, progress)


def _look(
    extractor: Extractor | None,
    classifier: Extractor | None,
    images: np.ndarray,
    content: str | None,
    progress: Progress | None,
) -> Observations:
    if extractor is None:
        return Observations(images=images)
    seen = observe(extractor, images, content=content, progress=progress)
    if classifier is None or classifier is extractor:
        return seen
    return dataclasses.replace(seen, probabilities=observe(classifier, images, content=content).probabilities)


@contextmanager
def progress_bar(title: str, total: int | None, unit: str = " images") -> Iterator[Progress]:
    """A bar on standard error that vanishes when done, only for a terminal; gives the function that moves it on.

    `total` is None where nobody knows it yet.
    """
    with tqdm(desc=title, total=total, unit=unit, leave=False, disable=None) as bar:
        yield bar.update
