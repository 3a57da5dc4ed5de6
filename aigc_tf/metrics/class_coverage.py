"""Class coverage: how many of the classes of the real images does the model make?

Definition: each image, real or generated, counts for the class that the classifier finds most likely. A class of the
held-out real images is covered if its share among the generated images is at least a tenth of its share among the real
ones: a handful of mistaken images does not make a class. Counting classes found follows the mode counts of Metz et al.
2016 (arXiv:1611.02163) and Srivastava et al. 2017 (VEEGAN, arXiv:1705.07761); the threshold is ours, theirs is one
image.

Range: 0 to K, the number of classes. Direction: higher is better. Reference: the classes found in the real images.
Interval: neither a jackknife nor a bootstrap says much about a count that mostly does not move, so it comes from the
binomial distribution. With the shares found (half an image added to each class, for one not seen yet may be rare rather
than absent) each class has a chance to reach its tenth, and these chances give the variance of their number.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, need_probabilities

_NAMED = 20  # lost classes that a warning lists


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`class_coverage`; its warning names the lost classes by their numbers."""
    real, generated = need_probabilities(evidence)
    real_counts, counts = class_counts(real), class_counts(generated)
    present = real_counts > 0
    # The least count with counts / len(generated) >= real_counts / len(real) / 10, in integers: a share of exactly a
    # tenth is enough.
    needed = -(-real_counts * len(generated) // (10 * len(real)))
    covered = present & (counts >= needed)
    shares = (counts + 0.5) / (len(generated) + 0.5 * len(counts))
    chances = stats.binom.sf(needed[present] - 1, len(generated), shares[present])
    value = float(covered.sum())
    error = float(np.sqrt(np.sum(chances * (1 - chances))))
    return {
        "class_coverage": Figure(
            value,
            better="higher",
            reference=float(present.sum()),
            interval=intervals.within(intervals.around(value, error), 0, float(present.sum())),
            judged_by="classifier",
            warning=_lost(np.flatnonzero(present & ~covered)),
        )
    }


def class_counts(probabilities: np.ndarray) -> np.ndarray:
    """How often each class is the most likely one: int64 [K], summing to N, of probabilities [N, K].

    Real images are counted by the classifier too, not by their labels, so that its leaning towards a class falls out of
    the comparison.
    """
    return np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])


def _lost(classes: np.ndarray) -> str:
    if not classes.size:
        return ""
    more = f" and {len(classes) - _NAMED} more" if len(classes) > _NAMED else ""
    return f"classes lost: {', '.join(map(str, classes[:_NAMED]))}{more}"
