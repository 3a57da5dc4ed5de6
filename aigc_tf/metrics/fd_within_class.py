"""Fréchet distance within each class: are the images of a class like the real ones of that class, and as varied?

Definition: the Fréchet distance (see `fd`) between the features of the images that were asked for as a class and those
of the held-out real images of that class, averaged over classes by the real images' frequencies: the within-class FID
("intra-FID") of Miyato & Koyama 2018 (arXiv:1802.05637), with the extractor in the name. It sees what the distance of
all images together cannot: classes that are drawn in each other's place, or without variety.

Range: 0 upwards. Direction: lower is better. The estimate is biased upwards, the more so the fewer images a class has:
read it against the reference, the same of as many training images. Classes with fewer than 2 images on a side are left
out, and named in the note. Interval: by the jackknife over groups of generated images.
"""

from __future__ import annotations

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, Observations, need
from aigc_tf.metrics.fd import Gaussian, frechet_distance


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`fd_within_class_<extractor>`, with its floor if labelled training images were observed.

    Raises MissingEvidence where no class has 2 images on either side.
    """
    features, asked = _labelled(evidence.generated, "generated")
    real_features, labels = _labelled(evidence.real, "real")
    real = {number: real_features[labels == number] for number in np.unique(labels)}
    targets = {number: Gaussian.of(rows) for number, rows in real.items() if len(rows) > 1}
    counts = {number: len(real[number]) for number in targets}
    present = [number for number in targets if (asked == number).sum() > 1]
    if not present:
        raise MissingEvidence("no class has two images on both sides")

    def distance(rows: np.ndarray, their_labels: np.ndarray) -> float:
        parts = [rows[their_labels == number] for number in present]
        usable = [(number, part) for number, part in zip(present, parts) if len(part) > 1]
        values = [frechet_distance(Gaussian.of(part), targets[number]) for number, part in usable]
        return float(np.average(values, weights=[counts[number] for number, _ in usable]))

    value, floor = distance(features, asked), evidence.floor
    reference = None
    if floor is not None and floor.features is not None and floor.labels is not None:
        complete = all((floor.labels == number).sum() > 1 for number in present)
        reference = distance(floor.features, floor.labels) if complete else None
    groups = intervals.groups(len(features))
    kept = [np.delete(np.arange(len(features)), group) for group in groups]
    interval = intervals.jackknife(value, [distance(features[rows], asked[rows]) for rows in kept])
    left_out = sorted(set(map(int, real)) - set(map(int, present)))
    note = f"without classes of fewer than 2 images: {', '.join(map(str, left_out[:10]))}" if left_out else ""
    return {
        evidence.named("fd_within_class"): Figure(
            value, "lower", reference, note=note, interval=intervals.within(interval, 0), judged_by="extractor"
        )
    }


def _labelled(seen: Observations, whose: str) -> tuple[np.ndarray, np.ndarray]:
    return need(seen, "features", whose), need(seen, "labels", whose)
