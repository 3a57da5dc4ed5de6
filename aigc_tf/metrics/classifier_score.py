"""Classifier score: are single images clear, and all together varied?

Definition: exp(E_x KL(p(y|x) || p(y))), the formula of the Inception score (Salimans et al. 2016, arXiv:1606.03498),
with the small classifier of the data set in place of Inception, hence another name. It is taken over all images at
once, not averaged over ten splits as in the paper: one number with less bias.

Range: 1 (all images alike to the classifier, or all unclear) to K, the number of classes (all clear, classes in equal
parts). Direction: higher is better. Reference: the score of the held-out real images. The score never looks at real
images: one perfect image of each class repeated for ever would score K (Barratt & Sharma 2018, arXiv:1801.01973).
Interval: by the jackknife over groups of generated images.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, need_probabilities

_CHUNK = 1000  # rows turned into float64 at a time


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`classifier_score` of the generated images, with that of the held-out real ones as its ceiling."""
    real, generated = need_probabilities(evidence)
    interval = intervals.within(intervals.of_figure(score, generated), 1, generated.shape[1])
    return {
        "classifier_score": Figure(
            score(generated), better="higher", reference=score(real), interval=interval, judged_by="classifier"
        )
    }


def score(probabilities: np.ndarray) -> float:
    """exp of the mean KL divergence of rows p(y|x) from their mean p(y); probabilities [N, K], a float in [1, K]."""
    count, classes = probabilities.shape
    total, entropy = np.zeros(classes), 0.0
    for start in range(0, count, _CHUNK):
        rows = probabilities[start : start + _CHUNK].astype(np.float64)
        rows /= rows.sum(axis=1, keepdims=True)  # float32 rows sum to 1 only to seven digits
        total += rows.sum(axis=0)
        entropy += special.entr(rows).sum()
    # The mean divergence from the mean is the entropy of the mean less the mean entropy.
    divergence = special.entr(total / count).sum() - entropy / count
    return float(np.clip(np.exp(divergence), 1.0, classes))
