"""The discriminator as a detector of real images: held-out real against generated, split at logit 0.

Definition: "real" is the positive class, and an image counts as called real if its logit is above 0. With r the share
of held-out real images called real and g that of generated ones: accuracy (r + 1 - g) / 2, recall r, precision
r / (r + g). Both sets weigh the same, however many images are in them, so that the figures do not move with the
numbers chosen; with equal numbers they are the plain accuracy, precision and recall. Held-out images, because on its
training images a discriminator is right by heart.

Range: 0 to 1. Direction: neither; they tell who is ahead. Reference: accuracy and precision are ½ at the equilibrium of
Goodfellow et al. 2014 (arXiv:1406.2661, Proposition 2), where nobody can tell the two apart. Accuracy near 1 means that
the discriminator has won; low recall, that it takes unseen real images for generated ones. The logits of a Wasserstein
critic or of a relativistic discriminator have no meaningful zero, so these figures say little about them.
"""

from __future__ import annotations

import numpy as np

from aigc_tf.metrics.evidence import Evidence, Figure, need


def measure(evidence: Evidence) -> dict[str, Figure]:
    """`discriminator_accuracy`, `discriminator_precision`, `discriminator_recall`."""
    real = float(np.mean(need(evidence.real, "discriminator_logits", "real") > 0))
    generated = float(np.mean(need(evidence.generated, "discriminator_logits", "generated") > 0))
    called_real = real + generated
    # Nothing called real leaves precision without a meaning; it counts as 0, as in scikit-learn, and is said.
    precision = real / called_real if called_real else 0.0
    note = "" if called_real else "no image at all was called real"
    return {
        "discriminator_accuracy": Figure((real + 1 - generated) / 2, better="neither", reference=0.5),
        "discriminator_precision": Figure(precision, better="neither", reference=0.5, note=note),
        "discriminator_recall": Figure(real, better="neither"),
    }
