"""Classification accuracy score: can a classifier be taught by generated images and their asked-for labels alone?

Definition: the share of held-out real images that a small network (`lenet`) tells right after training on generated
images under the labels that they were asked for (Ravuri & Vinyals 2019, arXiv:1905.10887): low where the model draws
other classes than asked, too little variety within a class, or what real images never show. The network is trained
anew for this, as long as the data set's own classifier would be on as many images.

Range: 0 to 1. Direction: higher is better. Reference: the same from as many training images with their true labels.
Interval: Wilson's, over the held-out images; what another sample or another training would change comes on top.
"""

from __future__ import annotations

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, need
from aigc_tf.metrics.teaching import Lesson, ceiling, told_right

_MOST_STEPS: int | None = None  # of both trainings; None for as many as the classifier of the data set takes


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`classification_accuracy_score`, with its ceiling if labelled training images were observed.

    Raises ValueError where real and generated images differ in shape.
    """
    images, asked = need(evidence.generated, "images", "generated"), need(evidence.generated, "labels", "generated")
    real, labels = need(evidence.real, "images", "real"), need(evidence.real, "labels", "real")
    floor = evidence.floor
    known = None if floor is None or floor.images is None else floor.labels
    classes = int(max(seen.max() for seen in (asked, labels, known) if seen is not None)) + 1

    reference = None
    if floor is not None and floor.images is not None and known is not None:
        reference = ceiling(Lesson(floor.images, known, classes, real, labels, _MOST_STEPS))
    right = told_right(Lesson(images, asked, classes, real, labels, _MOST_STEPS))
    return {
        "classification_accuracy_score": Figure(
            float(right.mean()),
            better="higher",
            reference=reference,
            note=f"trained on {len(images):,} images",
            interval=intervals.of_share(right),
            judged_by="classifier",
        )
    }
