"""Fréchet distance within each class: are the images of a class like the real ones of that class, and as varied?

Definition: the Fréchet distance (see `fd`) between the features of the images that were asked for as a class and those
of the held-out real images of that class, averaged over classes by the real images' frequencies: the within-class FID
("intra-FID") of Miyato & Koyama 2018 (arXiv:1802.05637), with the extractor in the name. It sees what the distance of
all images together cannot: classes that are drawn in each other's place, or without variety.

Range: 0 upwards. Direction: lower is better. The estimate is biased upwards, the more so the fewer images a class has:
read it against the reference, the same of as many training images. Classes with fewer than 2 images on a side are left
out, and named in the note. Interval: by the jackknife over groups of generated images; none where a class is so small
that it has fewer than 2 images without one of the groups.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, Observations, need
from aigc_tf.metrics.fd import Gaussian, distance_of_few, frechet_distance


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`fd_within_class_<extractor>`, with its floor if labelled training images were observed.

    Raises MissingEvidence where no class has 2 images on either side.
    """
    features, asked = _labelled(evidence.generated, "generated")
    real_features, labels = _labelled(evidence.real, "real")
    if features.shape[1] != real_features.shape[1]:
        raise ValueError(f"features of different width: {features.shape[1]} and {real_features.shape[1]}")
    classes = [_Class.of(number, real_features[labels == number]) for number in np.unique(labels)]
    present = [each for each in classes if len(each.rows) > 1 and (asked == each.number).sum() > 1]
    if not present:
        raise MissingEvidence("no class has two images on both sides")
    value = _mean(present, features, asked)
    assert value is not None
    floor, reference = evidence.floor, None
    if floor is not None and floor.features is not None and floor.labels is not None:
        complete = all((floor.labels == each.number).sum() > 1 for each in present)
        reference = _mean(present, floor.features, floor.labels) if complete else None
    kept = [np.delete(np.arange(len(features)), group) for group in intervals.groups(len(features))]
    others = [_mean(present, features[rows], asked[rows]) for rows in kept]
    # Without a class in one of the groups they are not the same figure any more.
    whole = [each for each in others if each is not None]
    interval = intervals.jackknife(value, whole) if len(whole) == len(others) else None
    missing = [each.number for each in classes if each not in present]
    note = f"without classes of fewer than 2 images: {', '.join(map(str, missing[:10]))}" if missing else ""
    return {
        evidence.named("fd_within_class"): Figure(
            value, "lower", reference, note=note, interval=intervals.within(interval, 0), judged_by="extractor"
        )
    }


@dataclasses.dataclass(frozen=True, eq=False)
class _Class:
    """Features [N, D] of the real images of a class; their moments where there are more images than features."""

    number: int
    rows: np.ndarray
    gaussian: Gaussian | None

    @classmethod
    def of(cls, number: int, rows: np.ndarray) -> _Class:
        return cls(int(number), rows, Gaussian.of(rows) if len(rows) > rows.shape[1] else None)

    def distance(self, rows: np.ndarray) -> float:
        """From features [M, D], M at least 2."""
        if self.gaussian is None or len(rows) <= rows.shape[1]:
            return distance_of_few(rows, self.rows)
        return frechet_distance(Gaussian.of(rows), self.gaussian)


def _mean(classes: list[_Class], features: np.ndarray, labels: np.ndarray) -> float | None:
    """The mean distance by the real images' frequencies; None where a class has fewer than 2 images."""
    parts = [features[labels == each.number] for each in classes]
    if min(map(len, parts)) < 2:
        return None
    distances = [each.distance(part) for each, part in zip(classes, parts)]
    return float(np.average(distances, weights=[len(each.rows) for each in classes]))


def _labelled(seen: Observations, whose: str) -> tuple[np.ndarray, np.ndarray]:
    return need(seen, "features", whose), need(seen, "labels", whose)
