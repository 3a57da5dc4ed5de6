"""Divergence of the generated classes from the real ones.

Definition: KL(q || p) in nats, with q and p the shares of the classes among generated and among held-out real images,
both as told by the classifier. The same figure as for stacked MNIST (Srivastava et al. 2017, VEEGAN, arXiv:1705.07761).

Range: 0 (the same shares) upwards; log K for one class alone out of K equal ones. Direction: lower is
better. Reference: that of as many training images. Interval: by the jackknife over groups of generated images.
"""

from __future__ import annotations

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.class_coverage import class_counts
from aigc_tf.metrics.evidence import Evidence, Figure, MissingEvidence, need_probabilities


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`class_kl`; MissingEvidence where a generated class has no real image, for the divergence would be infinite."""
    real, generated = need_probabilities(evidence)
    real_shares = class_shares(real)
    floor = None
    if evidence.floor is not None and evidence.floor.probabilities is not None:
        train_shares = class_shares(evidence.floor.probabilities)
        floor = divergence(train_shares, real_shares) if (train_shares[real_shares == 0] == 0).all() else None

    def figure(probabilities: np.ndarray) -> float:
        return divergence(class_shares(probabilities), real_shares)

    interval = intervals.within(intervals.of_figure(figure, generated), 0)
    return {"class_kl": Figure(figure(generated), "lower", floor, interval=interval, judged_by="classifier")}


def class_shares(probabilities: np.ndarray) -> np.ndarray:
    """The share of images for which each class is the most likely one: float64 [K], of probabilities [N, K]."""
    return class_counts(probabilities) / len(probabilities)


def divergence(shares: np.ndarray, reference: np.ndarray) -> float:
    """KL(shares || reference) in nats, of two float [K] that sum to 1.

    Raises MissingEvidence, naming the classes, where `reference` is 0 and `shares` is not.
    """
    unseen = np.flatnonzero((reference == 0) & (shares > 0))
    if unseen.size:
        raise MissingEvidence(
            f"the held-out images show none of the classes {', '.join(map(str, unseen))}: hold out more images"
        )
    seen = shares > 0
    return max(float((shares[seen] * np.log(shares[seen] / reference[seen])).sum()), 0.0)
