"""The discriminator as a detector of real images: held-out real against generated, split at logit 0, and by rank.

Definition: "real" is the positive class, and an image counts as called real if its logit is above 0. With r the share
of held-out real images called real and g that of generated ones: accuracy (r + 1 - g) / 2, recall r, precision
r / (r + g). Both sets weigh the same, however many images are in them, so that the figures do not move with the
numbers chosen; with equal numbers they are the plain accuracy, precision and recall. AUC, the area under the receiver
operating characteristic, is the chance that a real image has a higher logit than a generated one, ties counting half
(Hanley & McNeil 1982). Held-out images, because on its training images a discriminator is right by heart.

Range: 0 to 1. Direction: neither; they tell who is ahead. Reference: accuracy, precision and AUC are ½ at the
equilibrium of Goodfellow et al. 2014 (arXiv:1406.2661, Proposition 2), where nobody can tell the two apart. Accuracy
near 1 means that the discriminator has won; low recall, that it takes unseen real images for generated ones. The logits
of a Wasserstein critic or of a relativistic discriminator have no meaningful zero: of these figures only the AUC, which
needs none, says much about them.
Interval: Wilson's for g, carried through the formulas of accuracy and precision; normal for the AUC, a mean over
generated images. Recall looks at no generated image: its interval is Wilson's over the held-out ones.
"""

from __future__ import annotations

import numpy as np

from aigc_tf.metrics import intervals
from aigc_tf.metrics.evidence import Evidence, Figure, need_score


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`discriminator_accuracy`, `discriminator_precision`, `discriminator_recall`, `discriminator_auc`."""
    real_logits = need_score(evidence.real, "logit", "real")
    logits = need_score(evidence.generated, "logit", "generated")
    real, generated = float(np.mean(real_logits > 0)), float(np.mean(logits > 0))
    low, high = intervals.of_share(logits > 0)
    surpassed = shares_above(logits, real_logits)
    figures = {
        "accuracy": ((real + 1 - generated) / 2, 0.5, ((real + 1 - high) / 2, (real + 1 - low) / 2)),
        "precision": (_precision(real, generated), 0.5, (_precision(real, high), _precision(real, low))),
        "recall": (real, None, intervals.of_share(real_logits > 0)),
        "auc": (float(surpassed.mean()), 0.5, intervals.of_mean(surpassed, 0, 1)),
    }
    notes = {} if real + generated else {"precision": "no image at all was called real"}
    return {
        f"discriminator_{name}": Figure(value, "neither", ideal, notes.get(name, ""), interval, "discriminator")
        for name, (value, ideal, interval) in figures.items()
    }


def shares_above(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each of `values` [N] the share of `others` [M] above it, those equal to it counting half: float64 [N]."""
    ordered = np.sort(others)
    not_above = np.searchsorted(ordered, values, side="right")
    below = np.searchsorted(ordered, values, side="left")
    return 1 - (not_above + below) / (2 * len(others))


def _precision(real: float, generated: float) -> float:
    """Nothing called real leaves precision without a meaning; it counts as 0, as in scikit-learn."""
    return real / (real + generated) if real + generated else 0.0
