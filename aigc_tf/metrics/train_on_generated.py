"""Train on generated, test on real: what are the samples worth as training data?

Definition: the share of held-out real images that a small network (`lenet`) tells right after it has seen generated
images only: the classification accuracy score of Ravuri & Vinyals 2019 (arXiv:1905.10887). Theirs is of conditional
models, whose images come with labels. Here the data set's classifier labels them, so what it mistakes is taught on,
and the figure is of image and classifier together. Up to 5,000 images train the network, for 200 steps of 128 images
however many they are, always in the same order from the same weights; that is brief, so figures compare with the
reference and not with what a classifier could reach.

Range: 0 to 1; 1/K for one class alone out of K equal ones. Direction: higher is better. Reference: the same number of
training images with their true labels, trained on for as long. Interval: Wilson's, over the held-out images; what
another sample or another order of training would change comes on top, for every further training costs seconds.
"""

from __future__ import annotations

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, need
from aigc_tf.metrics.teaching import Lesson, ceiling, told_right

_IMAGES, _STEPS = 5000, 200


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`train_on_generated_accuracy`, with its ceiling if labelled training images were observed.

    Raises ValueError where real and generated images differ in shape, or labels are not the classifier's classes.
    """
    images = need(evidence.generated, "images", "generated")
    probabilities = need(evidence.generated, "probabilities", "generated")
    real = need(evidence.real, "images", "real")
    labels = need(evidence.real, "labels", "real")
    classes = probabilities.shape[1]
    floor = evidence.floor
    reference, count = None, min(len(images), _IMAGES)
    if floor is not None and floor.images is not None and floor.labels is not None:
        count = min(count, len(floor))
        reference = ceiling(Lesson(floor.images[:count], floor.labels[:count], classes, real, labels, _STEPS))
    rows = np.random.default_rng(0).permutation(len(images))[:count]  # a folder of images may be sorted
    right = told_right(Lesson(images[rows], probabilities[rows].argmax(axis=1), classes, real, labels, _STEPS))
    return {
        "train_on_generated_accuracy": Figure(
            float(right.mean()),
            better="higher",
            reference=reference,
            note=f"trained on {count:,} images for {_STEPS} steps",
            interval=intervals.of_share(right),
            judged_by="classifier",
        )
    }
