"""Inception score: does Inception-v3 find single images clear, and all together varied?

Definition: exp(E_x KL(p(y|x) || p(y))) over the 1,000 classes of ImageNet, averaged over ten splits of the generated
images (Salimans et al. 2016, arXiv:1606.03498). The splits are dealt out by a fixed shuffle: the ten consecutive parts
of the paper's code would be a class each in a folder sorted by class, and the score 1.

Range: 1 to 1,000. Direction: higher is better. Reference: the score of as many training images. It rises with the
number of images in a split (the paper has 5,000), it never looks at real images, and it says little about images far
from ImageNet (Barratt & Sharma 2018, arXiv:1801.01973). Interval: Student's t for the mean of the ten splits.
"""

from __future__ import annotations

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.classifier_score import score
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, need

_LEAST = 20  # images: two in each split


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`inception_score`; nothing for another extractor than the published one, MissingEvidence below 20 images."""
    if evidence.extractor != "inception":
        return {}
    probabilities = need(evidence.generated, "extractor_probabilities", "generated")
    if len(probabilities) < _LEAST:
        raise MissingEvidence(f"ten splits need at least {_LEAST} generated images, not {len(probabilities)}")
    scores = split_scores(probabilities)
    reference = None
    floor = evidence.floor
    if floor is not None and floor.extractor_probabilities is not None and len(floor) >= _LEAST:
        reference = float(split_scores(floor.extractor_probabilities).mean())
    value = float(scores.mean())
    leave_out = (scores.sum() - scores) / (len(scores) - 1)
    interval = intervals.within(intervals.jackknife(value, leave_out), 1, probabilities.shape[1])
    return {"inception_score": Figure(value, "higher", reference, interval=interval, judged_by="extractor")}


def split_scores(probabilities: np.ndarray) -> np.ndarray:
    """The score of each of the ten splits, float64 [10], of probabilities [N, L] with N from 20 up."""
    return np.array([score(probabilities[part]) for part in intervals.groups(len(probabilities))])
