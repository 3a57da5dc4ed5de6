"""Class coverage: how many of the classes of the real images does the generator make?

Definition: each image counts for the class that the classifier finds most likely. A class of the held-out real images
is covered if its share among the generated images is at least a tenth of its share among the real ones: a handful of
mistaken images does not make a class. Counting classes found follows the mode counts of Metz et al. 2016
(arXiv:1611.02163) and Srivastava et al. 2017 (VEEGAN, arXiv:1705.07761); the threshold is ours, theirs is one image.

Range: 0 to K, the number of classes. Direction: higher is better. Reference: the classes found in the real images.
"""

from __future__ import annotations

import numpy as np

from aigc_tf.metrics.evidence import Evidence, Figure, need_probabilities


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`class_coverage`; its note names the lost classes by their numbers."""
    real, generated = need_probabilities(evidence)
    real_counts, counts = class_counts(real), class_counts(generated)
    present = real_counts > 0
    # counts / len(generated) >= real_counts / len(real) / 10, in integers: a share of exactly a tenth is enough.
    covered = present & (10 * counts * len(real) >= real_counts * len(generated))
    lost = np.flatnonzero(present & ~covered)
    return {
        "class_coverage": Figure(
            float(covered.sum()),
            better="higher",
            reference=float(present.sum()),
            note=f"classes lost: {', '.join(map(str, lost))}" if lost.size else "",
        )
    }


def class_counts(probabilities: np.ndarray) -> np.ndarray:
    """How often each class is the most likely one: int64 [K], summing to N, of probabilities [N, K].

    Real images are counted by the classifier too, not by their labels, so that its leaning towards a class falls out of
    the comparison.
    """
    return np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
